"""What a snapshot says of a neighbourhood is what a store says of it."""

import random
from types import SimpleNamespace

import pytest

from clew.core.types import Deadline
from clew.kg.networkx_store import NetworkxStore
from clew.kg.snapshot_writer import write_snapshot
from clew.kg.spec import GraphSpec
from clew.kg.types import Edge, Entity, Walk
from clew.search import graph_reports
from clew.search.graph_reports import _of_snapshot, _of_table, describe
from clew.search.graph_retriever import open_graph_retriever


@pytest.mark.parametrize("seed", range(4))
def test_the_snapshot_and_a_store_tell_the_same_neighbourhood(seed, tmp_path):
    rng = random.Random(seed)
    names = [f"n{number}" for number in range(30)]
    edges = {Edge(rng.choice(names), rng.choice("abc"), rng.choice(names)) for _ in range(150)} | {
        Edge("n1", "b", "n1")
    }
    snapshot = write_snapshot(tmp_path, "g", map(Entity, names), edges, created="2025-01-01T00:00:00Z")
    store = NetworkxStore.open(snapshot.folder)
    for limit in (1, 3, 100):
        for name in names:
            table = store.neighbourhood([name], Walk(fan_out=limit), Deadline())
            assert _of_snapshot(snapshot, snapshot.row(name), limit) == _of_table(table)
    wanted = sorted(edge.target for edge in edges if (edge.source, edge.relation) == ("n1", "b"))
    ties = {step: (count, ids) for step, count, ids in _of_snapshot(snapshot, snapshot.row("n1"), 100)}
    assert ties["b", True] == (len(wanted), wanted)


def test_no_relation_is_left_out_where_one_has_more_edges_than_a_walk_takes(tmp_path, monkeypatch):
    edges = [Edge("hub", "a", f"n{number}") for number in range(8)]
    edges += [Edge("hub", "b", "n1"), Edge("n2", "c", "hub")]
    nodes = [Entity(name) for name in ("hub", *(f"n{number}" for number in range(8)))]
    write_snapshot(tmp_path, "g", nodes, edges, created="2025-01-01T00:00:00Z").close()
    (folder,) = (tmp_path / "graphs" / "g").iterdir()
    graph_retriever = open_graph_retriever(GraphSpec("g", snapshot=folder.name), tmp_path, tmp_path, {}, verify=False)
    searcher = SimpleNamespace(graph_retriever=graph_retriever)
    whole = describe(searcher, "hub", limit=6)
    assert [(tie.relation, tie.count, len(tie.entities)) for tie in whole.relations] == [
        ("a", 8, 6),
        ("b", 1, 1),
        ("c", 1, 1),
    ]
    monkeypatch.setattr(graph_reports, "_STEPS", 6)
    cut = graph_retriever.store.neighbourhood(["hub"], Walk(fan_out=6, steps=6), Deadline())
    assert cut.relations == ("a",)
    assert describe(searcher, "hub", limit=6) == whole
    graph_retriever.close()
