"""What every graph store promises, over every name in STORES: a new store is tested as soon as it is registered.

It is made from its constructor; a line in MAKERS says more where that is not enough, such as a server to start.

`reference` is the oracle: the rules of EdgeTable in plain Python over lists.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.core.errors import DataError, StageUnavailable, UsageError
from clew.core.types import Deadline
from clew.kg.store import STORES, GraphStore
from clew.kg.types import Edge, EdgeTable, Entity, Walk
from tests.contracts.constructed import constructed

Graph: TypeAlias = tuple[list[Entity], list[Edge]]
Loaded: TypeAlias = Callable[[list[Entity], list[Edge]], AbstractContextManager[GraphStore]]
Fresh: TypeAlias = Callable[[], AbstractContextManager[GraphStore]]

# ---------------------------------------------------------------- the stores


@contextmanager
def neo4j(request: pytest.FixtureRequest) -> Iterator[GraphStore]:
    pytest.importorskip("neo4j")
    server = request.getfixturevalue("neo4j_server")
    from clew.kg.spec import Neo4jSpec

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEO4J_PASSWORD", server.password)
        spec = Neo4jSpec(uri=server.uri, user=server.user)
        # Each graph has a label of its own, so a busy machine compiles every statement anew.
        store = STORES["neo4j"](spec, label=f"Clew_test_{secrets.token_hex(6)}", longest_ms=60_000)
        try:
            yield store
        finally:
            store.close()


@dataclass(frozen=True)
class Maker:
    """How to get an empty store that can be written into, and how many random graphs it is tried on.

    make: None makes it from its constructor.
    """

    make: Callable[[pytest.FixtureRequest], AbstractContextManager[GraphStore]] | None = None
    examples: int = 60

    def __call__(self, name: str, request: pytest.FixtureRequest) -> AbstractContextManager[GraphStore]:
        if self.make is not None:
            return self.make(request)
        return closing(constructed(STORES, name, {}, "MAKERS in tests/contracts/test_graph_store.py"))


MAKERS = dict.fromkeys(STORES, Maker()) | {"networkx": Maker(examples=150), "neo4j": Maker(neo4j, examples=8)}
# A snapshot is the other way to get a graph into memory; it can only be read.
OPENED = "networkx opened"


@pytest.fixture(params=list(MAKERS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def fresh(name: str, request: pytest.FixtureRequest) -> Fresh:
    """Makes empty stores."""
    return lambda: MAKERS[name](name, request)


@pytest.fixture(params=[*MAKERS, OPENED])
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def examples(way: str) -> int:
    return MAKERS.get(way, Maker()).examples


@pytest.fixture
def loaded(way: str, request: pytest.FixtureRequest, tmp_path: Path) -> Loaded:
    """Makes stores that hold a graph."""

    @contextmanager
    def written(entities: list[Entity], edges: list[Edge]) -> Iterator[GraphStore]:
        with MAKERS[way](way, request) as store:
            store.write(entities, edges)
            yield store

    @contextmanager
    def opened(entities: list[Entity], edges: list[Edge]) -> Iterator[GraphStore]:
        from clew.kg.networkx_store import NetworkxStore
        from clew.kg.snapshot_writer import write_snapshot

        snapshot = write_snapshot(tmp_path, "graph", entities, edges, created="2025-01-01T00:00:00Z")
        store = NetworkxStore.open(snapshot.folder)
        snapshot.close()
        try:
            yield store
        finally:
            store.close()

    return opened if way == OPENED else written


def nodes(*ids: str) -> list[Entity]:
    return [Entity(name) for name in ids]


def edges(*lines: str) -> list[Edge]:
    """Edges such as "a likes b"."""
    return [Edge(*line.split()) for line in lines]


def ask(store: GraphStore, *seeds: str, **walk: Any) -> EdgeTable:
    return store.neighbourhood(seeds, Walk(**walk), Deadline())


def lines(table: EdgeTable) -> list[str]:
    """The edges of a table in its order: near, relation with an arrow for the direction, far."""
    return [
        f"{table.nodes[near]} {relation}> {table.nodes[far]}"
        if outgoing
        else f"{table.nodes[near]} <{relation} {table.nodes[far]}"
        for near, relation, outgoing, far in zip(
            table.near.tolist(),
            [table.relations[code] for code in table.relation.tolist()],
            table.outgoing.tolist(),
            table.far.tolist(),
            strict=True,
        )
    ]


# ---------------------------------------------------------------- the oracle


def reference(graph: Graph, seeds: list[str], walk: Walk) -> dict[str, list[Any]]:
    """The fields of the EdgeTable, by the letter of its docstring."""
    known = {entity.id for entity in graph[0]}
    triples = sorted({(edge.source, edge.relation, edge.target) for edge in graph[1]})
    reached = list(dict.fromkeys(seed for seed in seeds if seed in known))
    hops = [0] * len(reached)
    rows: list[tuple[int, str, bool, int, int]] = []
    frontier = list(reached)
    for hop in range(1, walk.hops + 1):
        taken = 0
        seen = len(reached)
        for near in frontier:
            for relation in sorted({relation for _, relation, _ in triples}):
                for outgoing in (True, False):
                    ends = sorted(
                        (target if outgoing else source)
                        for source, label, target in triples
                        if label == relation and near == (source if outgoing else target)
                    )
                    if not walk.allows(relation, "out" if outgoing else "in"):
                        continue
                    for far in ends[: walk.fan_out]:
                        if taken == walk.steps:
                            break
                        taken += 1
                        if far not in reached:
                            reached.append(far)
                            hops.append(hop)
                        rows.append((reached.index(near), relation, outgoing, reached.index(far), len(ends)))
        frontier = reached[seen:]
    relations = sorted({row[1] for row in rows})
    return {
        "nodes": reached,
        "hops": hops,
        "degrees": [sum((s == node) + (t == node) for s, _, t in triples) for node in reached],
        "relations": relations,
        "near": [row[0] for row in rows],
        "relation": [relations.index(row[1]) for row in rows],
        "outgoing": [row[2] for row in rows],
        "far": [row[3] for row in rows],
        "fans": [row[4] for row in rows],
    }


def as_lists(table: EdgeTable) -> dict[str, list[Any]]:
    return {
        "nodes": list(table.nodes),
        "hops": table.hops.tolist(),
        "degrees": table.degrees.tolist(),
        "relations": list(table.relations),
        "near": table.near.tolist(),
        "relation": table.relation.tolist(),
        "outgoing": table.outgoing.tolist(),
        "far": table.far.tolist(),
        "fans": table.fans.tolist(),
    }


# By code point "\uff5e" comes before "😀", by UTF-16 after it; "B" before "a" unless case is ignored.
IDS = ["a", "B", "b", "aa", "10", "9", "é", "e\u0301", "\uff5e", "😀", "𝕏", "'", "`b`", "中"]
RELATIONS = ["r", "R", "is a", "\uff5e", "😀"]


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    ids = draw(st.lists(st.sampled_from(IDS), min_size=1, max_size=8, unique=True))
    end = st.sampled_from(ids)
    joined = draw(st.lists(st.builds(Edge, end, st.sampled_from(RELATIONS), end), max_size=30))
    return [Entity(name, type=draw(st.sampled_from(["", "t", "T"]))) for name in ids], joined


def walks() -> st.SearchStrategy[Walk]:
    some = st.dictionaries(st.sampled_from([*RELATIONS, "none such"]), st.sampled_from(["out", "in", "both"]))
    few = st.integers(1, 4)
    return st.builds(
        Walk, st.none() | some, st.integers(1, 3), few | st.just(10_000), few | st.integers(5, 12) | st.just(100_000)
    )


def test_neighbourhoods_are_those_of_the_reference(loaded: Loaded, examples: int) -> None:
    asked = st.lists(
        st.tuples(st.lists(st.sampled_from([*IDS, "unknown"]), max_size=4), walks()), min_size=1, max_size=5
    )

    @settings(max_examples=examples, deadline=None)
    @given(graphs(), asked)
    def check(graph: Graph, questions: list[tuple[list[str], Walk]]) -> None:
        with loaded(*graph) as store:
            for seeds, walk in questions:
                found = store.neighbourhood(seeds, walk, Deadline())
                assert as_lists(found) == reference(graph, seeds, walk)

    check()


def test_what_was_written_comes_back_in_order(loaded: Loaded, examples: int) -> None:
    @settings(max_examples=examples, deadline=None)
    @given(graphs())
    def check(graph: Graph) -> None:
        with loaded(*graph) as store:
            assert list(store.all_entities()) == sorted(graph[0], key=lambda entity: entity.id)
            assert list(store.all_edges()) == sorted(set(graph[1]))
            counts = store.count(Deadline())
            kinds, types = [edge.relation for edge in set(graph[1])], [entity.type for entity in graph[0]]
            assert (counts.entities, counts.edges) == (len(graph[0]), len(kinds))
            assert list(counts.relations.items()) == [(kind, kinds.count(kind)) for kind in sorted(set(kinds))]
            assert list(counts.types.items()) == [(kind, types.count(kind)) for kind in sorted(set(types))]

    check()


def test_writing_in_parts_is_writing_at_once(fresh: Fresh, name: str) -> None:
    @settings(max_examples=MAKERS[name].examples // 3, deadline=None)
    @given(graphs(), st.integers(0, 8), st.integers(0, 30))
    def check(graph: Graph, cut: int, edge_cut: int) -> None:
        entities, joined = graph
        with fresh() as store:
            first = {entity.id for entity in entities[:cut]}
            early = [edge for edge in joined[:edge_cut] if {edge.source, edge.target} <= first]
            store.write(entities[:cut], early)
            store.write(entities[cut:], joined)
            seeds = [entity.id for entity in entities]
            for walk in (Walk(), Walk(hops=2, fan_out=2, steps=7)):
                assert as_lists(store.neighbourhood(seeds, walk, Deadline())) == reference(graph, seeds, walk)

    check()


# ---------------------------------------------------------------- neighbourhoods, by hand


def test_one_hop(loaded: Loaded) -> None:
    with loaded(nodes("a", "b", "c", "d"), edges("a r c", "a r b", "d q a", "b q a", "c s d")) as store:
        found = ask(store, "a")
    assert lines(found) == ["a <q b", "a <q d", "a r> b", "a r> c"]
    assert as_lists(found) == {
        "nodes": ["a", "b", "d", "c"],
        "hops": [0, 1, 1, 1],
        "degrees": [4, 2, 2, 2],
        "relations": ["q", "r"],
        "near": [0, 0, 0, 0],
        "relation": [0, 0, 1, 1],
        "outgoing": [False, False, True, True],
        "far": [1, 2, 1, 3],
        "fans": [2, 2, 2, 2],
    }


def test_the_arrays_have_the_dtypes_that_are_promised(loaded: Loaded) -> None:
    with loaded(nodes("a", "b"), edges("a r b")) as store:
        for found in (ask(store, "a"), ask(store, "unknown"), ask(store)):
            for column in (found.hops, found.degrees, found.near, found.relation, found.far, found.fans):
                assert column.dtype == np.int64
                assert column.ndim == 1
            assert found.outgoing.dtype == np.bool_
            assert isinstance(found.nodes, tuple)
            assert isinstance(found.relations, tuple)
            assert len(found) == len(found.near) == len(found.fans)


def test_further_hops_lead_back_too(loaded: Loaded) -> None:
    with loaded(nodes("a", "b", "c", "d", "e"), edges("a r b", "b r c", "c r d", "d r e")) as store:
        assert lines(ask(store, "a", hops=1)) == ["a r> b"]
        assert lines(ask(store, "a", hops=2)) == ["a r> b", "b r> c", "b <r a"]
        found = ask(store, "a", hops=3)
    assert lines(found) == ["a r> b", "b r> c", "b <r a", "c r> d", "c <r b"]
    assert found.hops.tolist() == [0, 1, 2, 3]


def test_seeds_keep_their_order_and_count_once(loaded: Loaded) -> None:
    with loaded(nodes("a", "b", "c"), edges("a r b", "c r a")) as store:
        found = ask(store, "c", "nowhere", "a", "c", "a")
        assert found.nodes == ("c", "a", "b")
        assert found.hops.tolist() == [0, 0, 1]
        assert lines(found) == ["c r> a", "a r> b", "a <r c"]
        assert as_lists(ask(store, "nowhere")) == as_lists(ask(store))
        assert ask(store, "nowhere").nodes == ()


def test_a_node_without_edges_is_there(loaded: Loaded) -> None:
    with loaded(nodes("a", "b"), []) as store:
        found = ask(store, "b")
    assert (found.nodes, found.degrees.tolist(), len(found), found.relations) == (("b",), [0], 0, ())


def test_a_loop_is_walked_both_ways_and_counts_twice(loaded: Loaded) -> None:
    with loaded(nodes("a", "b"), edges("a r a", "a r b")) as store:
        found = ask(store, "a", hops=2)
        assert lines(found) == ["a r> a", "a r> b", "a <r a", "b <r a"]
        assert found.degrees.tolist() == [3, 1]
        assert lines(ask(store, "a", relations={"r": "in"})) == ["a <r a"]


def test_parallel_relations_stay_apart(loaded: Loaded) -> None:
    with loaded(nodes("a", "b"), edges("a r b", "a q b", "b q a", "a r b")) as store:
        found = ask(store, "a")
        assert lines(found) == ["a q> b", "a <q b", "a r> b"]
        assert found.degrees.tolist() == [3, 3]
        assert found.fans.tolist() == [1, 1, 1]


def test_directions_are_those_of_the_walk(loaded: Loaded) -> None:
    with loaded(nodes("a", "b", "c"), edges("a r b", "c r a", "a q c")) as store:
        assert lines(ask(store, "a", relations={"r": "out"})) == ["a r> b"]
        assert lines(ask(store, "a", relations={"r": "in"})) == ["a <r c"]
        assert lines(ask(store, "a", relations={"r": "both", "none such": "out"})) == ["a r> b", "a <r c"]
        assert lines(ask(store, "a", relations={"r": "in", "q": "out"})) == ["a q> c", "a <r c"]
        assert lines(ask(store, "a", relations={})) == []
        # What is not walked counts all the same.
        assert ask(store, "a", relations={"r": "in"}).degrees.tolist() == [3, 2]


def test_the_fan_is_cut_by_id_and_says_how_wide_it_was(loaded: Loaded) -> None:
    leaves = [f"n{number}" for number in range(20)]
    with loaded(nodes("a", *leaves), [Edge("a", "r", leaf) for leaf in reversed(leaves)]) as store:
        found = ask(store, "a", fan_out=3)
        assert [found.nodes[far] for far in found.far] == ["n0", "n1", "n10"]
        assert found.fans.tolist() == [20, 20, 20]
        assert found.degrees.tolist() == [20, 1, 1, 1]


def test_the_fan_is_cut_for_each_relation_and_direction(loaded: Loaded) -> None:
    graph = edges("a r b", "a r c", "b r a", "c r a", "a q b", "a q c")
    with loaded(nodes("a", "b", "c"), graph) as store:
        assert lines(ask(store, "a", fan_out=1)) == ["a q> b", "a r> b", "a <r b"]


def test_a_hop_ends_after_its_steps(loaded: Loaded) -> None:
    graph = edges("a r c", "a r d", "b r c", "b r d", "c r e", "d r e")
    with loaded(nodes("a", "b", "c", "d", "e"), graph) as store:
        found = ask(store, "a", "b", hops=2, steps=3)
    # The third edge ends the first hop within the edges of b; the second hop has three again.
    assert lines(found) == ["a r> c", "a r> d", "b r> c", "c r> e", "c <r a", "c <r b"]
    assert found.fans.tolist() == [2, 2, 2, 1, 2, 2]
    assert found.nodes == ("a", "b", "c", "d", "e")


def test_order_is_by_code_point(loaded: Loaded) -> None:
    ids = ["\uff5e", "😀", "Z", "a", "é", "e\u0301", "zz", "\ue000"]
    with loaded(
        nodes("seed", *ids), [Edge("seed", name, name) for name in ids] + [Edge("seed", "r", i) for i in ids]
    ) as store:
        found = ask(store, "seed", relations={"r": "out"})
        assert list(found.nodes[1:]) == sorted(ids)
        assert sorted(ids).index("\uff5e") < sorted(ids).index("😀")
        everything = ask(store, "seed")
        assert everything.relations == tuple(sorted([*ids, "r"]))
        assert [entity.id for entity in store.all_entities()] == sorted([*ids, "seed"])
        assert list(store.all_edges()) == sorted(store.all_edges())


# ---------------------------------------------------------------- entities

HOSTILE = [
    "'}) DETACH DELETE n //",
    '"; MATCH (n) DETACH DELETE n; //',
    "`) DELETE n //",
    "a\\'b\\",
    "line\nbreak\r\n\ttab",
    "\x01\x02\x1f\x7f\u0085\u2028\u2029",
    "😀 𝕏 \U0010fffd",
    "\u202eright to left\u202c עברית",
    " leading and trailing ",
    "$id {id} {{id}} %s %(id)s",
    "../../etc/passwd",
    "null",
    "\ufeffbyte order mark",
]


def full(name: str) -> Entity:
    return Entity(
        name,
        type=name,
        name=name,
        aliases=(name, "", f"{name} again"),
        names={"zh": name, "zh-Hant": "動物"},
        description=name,
        properties={name: name, "deep": {"list": [1, 2.5, True, None, {"a": name}]}, "level": 3, "empty": []},
    )


def test_entities_come_back_as_they_were(loaded: Loaded) -> None:
    entities = [full(name) for name in HOSTILE]
    with loaded(entities, []) as store:
        assert store.entities(HOSTILE, Deadline()) == entities
        assert list(store.all_entities()) == sorted(entities, key=lambda entity: entity.id)
        asked = [HOSTILE[1], "unknown", HOSTILE[0], HOSTILE[1], ""]
        assert store.entities(asked, Deadline()) == [entities[1], None, entities[0], entities[1], None]
        assert store.entities([], Deadline()) == []


def test_hostile_relations_and_ends(loaded: Loaded) -> None:
    entities, joined = nodes(*HOSTILE), [Edge(a, a, b) for a in HOSTILE for b in HOSTILE[:3]]
    with loaded(entities, joined) as store:
        assert list(store.all_edges()) == sorted(joined)
        for relations in (None, dict.fromkeys(HOSTILE[:4], "out"), {"'}) DETACH DELETE n //": "both"}):
            walk = Walk(relations=relations, hops=2)
            found = store.neighbourhood(HOSTILE[:2], walk, Deadline())
            assert as_lists(found) == reference((entities, joined), HOSTILE[:2], walk)
        assert store.count(Deadline()).entities == len(HOSTILE)


def test_a_long_text_comes_back_whole(loaded: Loaded) -> None:
    text = "Text 😀 " * (1 << 17)
    entity = Entity("long", name="n", description=text, properties={"text": text})
    with loaded([entity], []) as store:
        assert store.entities(["long"], Deadline()) == [entity]


def test_ids_that_only_look_alike_are_others(loaded: Loaded) -> None:
    ids = ["é", "e\u0301", "E", "e", "e ", "Å", "\u212b"]
    with loaded([Entity(name, description=str(at)) for at, name in enumerate(ids)], []) as store:
        found = store.entities(ids, Deadline())
        assert [entity.description for entity in found if entity] == [str(at) for at in range(len(ids))]


# ---------------------------------------------------------------- writing


def test_an_empty_store_holds_nothing(fresh: Fresh) -> None:
    with fresh() as store:
        assert ask(store, "a").nodes == ()
        assert store.entities(["a"], Deadline()) == [None]
        assert list(store.all_entities()) == []
        assert list(store.all_edges()) == []
        counts = store.count(Deadline())
        assert (counts.entities, counts.edges, dict(counts.relations), dict(counts.types)) == (0, 0, {}, {})


def test_writing_twice_changes_nothing(fresh: Fresh) -> None:
    entities, joined = [full(name) for name in HOSTILE[:3]], [Edge(HOSTILE[0], "r", HOSTILE[1])] * 2
    with fresh() as store:
        store.write(iter(entities), iter(joined))
        before = (list(store.all_entities()), list(store.all_edges()), store.count(Deadline()))
        store.write(iter(entities), iter(joined))
        assert (list(store.all_entities()), list(store.all_edges()), store.count(Deadline())) == before
        assert before[1] == joined[:1]


def test_writing_replaces_an_entity_and_keeps_its_edges(fresh: Fresh) -> None:
    with fresh() as store:
        store.write([full("a"), *nodes("b")], edges("a r b"))
        changed = Entity("a", type="t", name="other")
        store.write([changed], [])
        assert store.entities(["a", "b"], Deadline()) == [changed, Entity("b")]
        assert list(store.all_edges()) == edges("a r b")


def test_edges_may_join_what_was_written_before(fresh: Fresh) -> None:
    with fresh() as store:
        store.write(nodes("b"), [])
        store.write(nodes("a", "c"), edges("b r a", "b r c"))
        store.write(nodes("ab"), edges("b r ab"))
        assert lines(ask(store, "b")) == ["b r> a", "b r> ab", "b r> c"]


@pytest.mark.parametrize("edge", [Edge("a", "r", "none such"), Edge("none such", "r", "a")])
def test_an_edge_with_an_unknown_end_is_an_error_that_names_it(fresh: Fresh, edge: Edge) -> None:
    with fresh() as store, pytest.raises(DataError, match="none such"):
        store.write(nodes("a"), [edge])


def test_a_snapshot_is_read_only(tmp_path: Path) -> None:
    from clew.kg.networkx_store import NetworkxStore
    from clew.kg.snapshot_writer import write_snapshot

    snapshot = write_snapshot(tmp_path, "graph", nodes("a"), [], created="2025-01-01T00:00:00Z")
    with pytest.raises(UsageError, match="read-only"):
        NetworkxStore.open(snapshot.folder).write(nodes("b"), [])


# ---------------------------------------------------------------- time, threads, the end


def test_a_deadline_that_has_passed(loaded: Loaded) -> None:
    """Either the answer is there at once, or the store says that it cannot be."""
    graph = nodes("a", "b"), edges("a r b")
    with loaded(*graph) as store:
        calls: list[Callable[[Deadline], Any]] = [
            lambda deadline: as_lists(store.neighbourhood(["a"], Walk(), deadline)),
            lambda deadline: store.entities(["a"], deadline),
            store.count,
        ]
        for call in calls:
            wanted = call(Deadline())
            with suppress(StageUnavailable):
                assert call(Deadline(time.monotonic() - 1)) == wanted
            assert call(Deadline()) == wanted


def test_many_readers_get_the_same_answers(loaded: Loaded) -> None:
    ids = [f"n{number}" for number in range(60)]
    joined = [Edge(a, f"r{(i * j) % 5}", b) for i, a in enumerate(ids) for j, b in enumerate(ids) if (i * j) % 7 == 1]
    questions = [([ids[at], ids[-at]], Walk(hops=at % 3 + 1, fan_out=4, steps=40)) for at in range(24)]
    with loaded([full(name) for name in ids], joined) as store:
        wanted = [as_lists(store.neighbourhood(*question, Deadline())) for question in questions]

        def answer(question: tuple[list[str], Walk]) -> tuple[dict[str, list[Any]], list[Entity | None]]:
            return as_lists(store.neighbourhood(*question, Deadline())), store.entities(question[0], Deadline())

        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(answer, questions * 4))
    assert [table for table, _ in found] == wanted * 4
    assert [entities for _, entities in found] == [[full(name) for name in seeds] for seeds, _ in questions] * 4


def test_closing_twice_is_closing_once(loaded: Loaded) -> None:
    with loaded(nodes("a"), []) as store:
        store.close()
        store.close()
