"""A snapshot against what a store holds now."""

import pytest

from clew.core.errors import StageUnavailable
from clew.core.types import Deadline
from clew.kg.drift import drift
from clew.kg.networkx_store import NetworkxStore
from clew.kg.snapshot_writer import write_snapshot
from clew.kg.types import Edge, Entity

ENTITIES = [Entity("a", "t", "A"), Entity("b", "t", "B"), Entity("c", "u", "C", properties={"size": 3})]
EDGES = [Edge("a", "r", "b"), Edge("b", "r", "c"), Edge("a", "q", "c")]


@pytest.fixture
def snapshot(tmp_path):
    opened = write_snapshot(tmp_path, "graph", ENTITIES, EDGES, created="2026-01-01T00:00:00Z")
    yield opened
    opened.close()


def holding(entities, edges):
    store = NetworkxStore()
    store.write(entities, edges)
    return store


def test_nothing_differs(snapshot):
    found = drift(snapshot, holding(ENTITIES, EDGES), Deadline())
    assert not found.found
    assert (found.entities, found.edges, found.sampled) == ((3, 3), (3, 3), 3)
    assert (found.types, found.relations, found.gone, found.changed) == ({}, {}, (), ())


def test_what_came_went_and_changed(snapshot):
    now = [Entity("a", "t", "A", aliases=("Ay",)), ENTITIES[2], Entity("d", "v"), Entity("e", "v")]
    found = drift(snapshot, holding(now, [Edge("a", "q", "c"), Edge("d", "s", "e")]), Deadline())
    assert found.found
    assert (found.entities, found.edges) == ((3, 4), (3, 2))
    assert found.types == {"t": (2, 1), "v": (0, 2)}
    assert found.relations == {"r": (2, 0), "s": (0, 1)}
    assert (found.gone, found.changed) == (("b",), ("a",))


def test_the_sample_is_as_large_as_asked_and_the_same_for_a_seed(tmp_path):
    entities = [Entity(f"{at:04}") for at in range(1_500)]
    snapshot = write_snapshot(tmp_path, "graph", entities, [], created="2026-01-01T00:00:00Z")
    empty = holding([], [])
    first = drift(snapshot, empty, Deadline(), sample=40, seed=1)
    assert (first.sampled, len(first.gone)) == (40, 40)
    assert drift(snapshot, empty, Deadline(), sample=40, seed=1) == first
    assert drift(snapshot, empty, Deadline(), sample=40, seed=2).gone != first.gone
    assert drift(snapshot, empty, Deadline(), sample=5_000).gone == tuple(entity.id for entity in entities)
    assert drift(snapshot, empty, Deadline(), sample=0).gone == ()
    snapshot.close()


def test_a_store_that_cannot_answer_says_so(snapshot):
    with pytest.raises(StageUnavailable):
        drift(snapshot, holding(ENTITIES, EDGES), Deadline(0.0))
