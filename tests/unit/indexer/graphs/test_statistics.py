"""A graph in numbers that the reader can count."""

import pytest

from clew.indexer.graphs.statistics import Hub, describe
from clew.kg.snapshot_writer import write_snapshot
from clew.kg.types import Edge, Entity


def snapshot(tmp_path, entities, edges):
    return write_snapshot(tmp_path, "g", entities, edges, created="2025-01-01T00:00:00Z", licence="CC0")


def test_degrees_and_hubs(tmp_path):
    leaves = [f"n{number:02}" for number in range(12)]
    entities = [Entity("hub", "t", "Hub"), Entity("alone"), *map(Entity, leaves)]
    edges = [Edge("hub", "r", leaf) for leaf in leaves] + [Edge("n00", "q", "n00"), Edge("n01", "q", "hub")]
    found = describe(snapshot(tmp_path, entities, edges), hubs=3)
    assert (found.graph, found.licence, found.entities, found.edges) == ("g", "CC0", 14, 14)
    assert found.spread == {"0": 1, "1": 10, "2-9": 2, "10-99": 1}
    # hub: 12 out, 1 in; n00: 1 in and a loop that counts twice; n01: 1 in, 1 out.
    assert found.hubs == (Hub("hub", "t", "Hub", 13), Hub("n00", "", "n00", 3), Hub("n01", "", "n01", 2))
    assert found.degrees["mean"] == pytest.approx(28 / 14)
    assert (found.degrees["median"], found.degrees["max"]) == (1, 13)
    assert (found.relations, found.types) == ({"q": 2, "r": 12}, {"": 13, "t": 1})


def test_hubs_that_tie_come_by_id(tmp_path):
    found = describe(snapshot(tmp_path, [Entity(name) for name in "dbca"], [Edge("d", "r", "b"), Edge("c", "r", "a")]))
    assert [hub.id for hub in found.hubs] == ["a", "b", "c", "d"]


def test_a_graph_of_nothing(tmp_path):
    found = describe(snapshot(tmp_path, [], []))
    assert (found.degrees, found.hubs, found.entities) == ({}, (), 0)
    assert set(found.spread.values()) <= {0}
