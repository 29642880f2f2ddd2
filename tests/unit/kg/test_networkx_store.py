"""What the networkx store does beyond the contract: thin graphs, lazily made entities, writes that are whole."""

import sys
from collections.abc import Iterator

import networkx as nx
import numpy as np
import pytest

from clew.core.errors import CorruptError, DataError, NotFoundError, StageUnavailable
from clew.core.types import Deadline
from clew.kg.networkx_store import NetworkxStore
from clew.kg.snapshot_writer import write_snapshot
from clew.kg.types import Edge, Entity, Walk

CREATED = "2025-01-01T00:00:00Z"
PASSED = Deadline(0.0)


def store_of(*edges, extra=()):
    store = NetworkxStore()
    ids = dict.fromkeys(end for edge in edges for end in (edge.source, edge.target))
    store.write([Entity(name) for name in [*ids, *extra]], edges)
    return store


def opened(tmp_path, entities, edges):
    snapshot = write_snapshot(tmp_path, "graph", entities, edges, created=CREATED)
    snapshot.close()
    return NetworkxStore.open(snapshot.folder)


def test_there_is_one_networkx_graph_for_each_relation():
    store = store_of(Edge("a", "r", "b"), Edge("b", "q", "a"), Edge("a", "q", "b"))
    graphs = store._state[1]._graphs
    assert [type(graph).__mro__[1] for graph in graphs] == [nx.DiGraph, nx.DiGraph]
    assert [sorted(graph.edges) for graph in graphs] == [[(0, 1), (1, 0)], [(0, 1)]]


def test_edges_and_nodes_share_one_dict_of_attributes():
    graph = store_of(Edge("a", "r", "b"), Edge("b", "r", "c"))._state[1]._graphs[0]
    attributes = [data for _, _, data in graph.edges(data=True)] + [data for _, data in graph.nodes(data=True)]
    assert len(attributes) == 5
    assert {id(data) for data in attributes} == {id(attributes[0])}
    assert attributes[0] == {}


def test_adjacency_is_in_the_order_of_ids_as_it_stands():
    edges = [Edge("hub", "r", f"n{number}") for number in (5, 3, 9, 1, 10)]
    edges += [Edge(f"n{number}", "r", "hub") for number in (9, 5, 1)]
    store = store_of(*edges)
    nodes, adjacency = store._state
    hub = nodes.row("hub")
    for way, wanted in ((0, ["n1", "n10", "n3", "n5", "n9"]), (1, ["n1", "n5", "n9"])):
        rows = list(adjacency.neighbours(hub, way))
        assert rows == sorted(rows)
        assert nodes.ids(np.array(rows)) == wanted


def test_a_node_is_asked_only_for_the_relations_it_has():
    store = store_of(*(Edge(f"s{n}", f"r{n}", f"t{n}") for n in range(50)))
    nodes, adjacency = store._state
    assert [list(adjacency.directed_relations(nodes.row(name))) for name in ("s7", "t7")] == [
        [(2 * adjacency.relations.index("r7"), 1)],
        [(2 * adjacency.relations.index("r7") + 1, 1)],
    ]


def test_opening_makes_no_entities(tmp_path, monkeypatch):
    store = opened(tmp_path, [Entity(f"e{n}", name=f"name {n}") for n in range(500)], [Edge("e1", "r", "e2")])
    made = []
    monkeypatch.setattr("clew.kg.snapshot.Entity", lambda **values: made.append(values["id"]) or Entity(**values))
    assert store.count(Deadline()).entities == 500
    assert store.neighbourhood(["e1"], Walk(), Deadline()).nodes == ("e1", "e2")
    assert made == []
    assert store.entities(["e7"], Deadline()) == [Entity("e7", name="name 7")]
    assert made == ["e7"]


def test_one_number_for_a_node_whatever_the_graphs_that_know_it():
    store = store_of(*(Edge(f"n{a:03}", f"r{a % 3}", f"n{b:03}") for a in range(300) for b in (a, 299 - a)))
    graphs = store._state[1]._graphs
    for row in (290, 299):
        known = [node for graph in graphs for node in graph.nodes if node == row]
        known += [other for graph in graphs for node in graph for other in graph.successors(node) if other == row]
        assert len(known) > 3
        assert len({id(node) for node in known}) == 1


def test_a_write_that_fails_changes_nothing():
    store = store_of(Edge("a", "r", "b"))
    with pytest.raises(DataError, match="'x'"):
        store.write([Entity("c")], [Edge("a", "r", "c"), Edge("c", "r", "x")])
    assert [entity.id for entity in store.all_entities()] == ["a", "b"]
    assert list(store.all_edges()) == [Edge("a", "r", "b")]


def test_a_reader_sees_the_graph_before_a_write_or_after_it():
    store = store_of(Edge("a", "r", "b"))
    during = []

    def entities() -> Iterator[Entity]:
        yield Entity("c")
        during.append(store.neighbourhood(["a", "c"], Walk(), Deadline()).nodes)

    store.write(entities(), [Edge("a", "r", "c")])
    assert during == [("a", "b")]
    assert store.neighbourhood(["a", "c"], Walk(), Deadline()).nodes == ("a", "c", "b")


def test_time_that_is_up_is_said():
    store = store_of(Edge("a", "r", "b"))
    for call in (
        lambda: store.neighbourhood(["a"], Walk(), PASSED),
        lambda: store.entities(["a"], PASSED),
        lambda: store.count(PASSED),
    ):
        with pytest.raises(StageUnavailable, match="in time"):
            call()


def test_a_long_walk_stops_when_its_time_is_up():
    """The deadline is looked at for every node that is walked from, not once at the start."""
    store = store_of(*(Edge(f"a{n}", "r", f"b{m}") for n in range(40) for m in range(40)))

    class Soon(Deadline):
        asked = 0

        @property
        def passed(self) -> bool:
            type(self).asked += 1
            return type(self).asked > 5

    with pytest.raises(StageUnavailable):
        store.neighbourhood(["a0"], Walk(hops=3), Soon())
    assert Soon.asked == 6


def test_a_snapshot_that_is_not_there_or_was_changed_is_named(tmp_path):
    with pytest.raises(NotFoundError, match="nowhere"):
        NetworkxStore.open(tmp_path / "nowhere")
    store = opened(tmp_path, [Entity("a"), Entity("b")], [Edge("a", "r", "b")])
    edges = store._state[0].folder / "edges.npy"
    data = edges.read_bytes()
    edges.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(CorruptError, match=r"edges\.npy was changed"):
        NetworkxStore.open(edges.parent)


def test_closing_lets_go_of_the_folder(tmp_path):
    from clew.core.artifacts import is_in_use

    store = opened(tmp_path, [Entity("a")], [])
    folder = store._state[0].folder
    assert is_in_use(folder)
    store.close()
    store.close()
    assert not is_in_use(folder)


def test_relations_keep_apart_what_only_one_direction_has():
    store = store_of(Edge("a", "r", "b"), extra=["alone"])
    found = store.neighbourhood(["b"], Walk(relations={"r": "out"}), Deadline())
    assert len(found) == 0
    assert store.neighbourhood(["alone"], Walk(), Deadline()).degrees.tolist() == [0]


def test_the_store_is_not_loaded_with_the_seam():
    import subprocess

    script = (
        "import sys, clew.kg.store, clew.kg.types, clew.kg.spec; "
        "sys.exit('networkx' in sys.modules or 'pyarrow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
