"""A walk over the edges on disk gives the table that a store in memory gives."""

import random

import numpy as np
import pytest

from clew.core.types import Deadline
from clew.kg.networkx_store import NetworkxStore
from clew.kg.snapshot_walk import neighbourhood
from clew.kg.snapshot_writer import write_snapshot
from clew.kg.types import Edge, Entity, Walk

COLUMNS = ("hops", "degrees", "near", "relation", "outgoing", "far", "fans")


@pytest.mark.parametrize("seed", range(6))
def test_the_snapshot_and_a_store_give_the_same_table(seed, tmp_path):
    rng = random.Random(seed)
    names = [f"n{number}" for number in range(25)]
    edges = {Edge(rng.choice(names), rng.choice("abc"), rng.choice(names)) for _ in range(20 * seed)}
    edges |= {Edge("n1", "b", "n1")} if seed else set()
    snapshot = write_snapshot(tmp_path, "g", map(Entity, names), edges, created="2025-01-01T00:00:00Z")
    store = NetworkxStore.open(snapshot.folder)
    for relations in (None, {"a": "out", "b": "both"}, {"c": "in"}, {"unknown": "both"}):
        for hops, fan_out, steps in ((1, 100, 5_000), (3, 100, 5_000), (2, 2, 5_000), (3, 3, 7), (1, 1, 1)):
            walk = Walk(relations, hops, fan_out, steps)
            for seeds in (["n1"], ["n7", "n3", "n3", "nobody", "n12"], ["nobody"], []):
                here, there = neighbourhood(snapshot, seeds, walk), store.neighbourhood(seeds, walk, Deadline())
                assert (here.nodes, here.relations) == (there.nodes, there.relations)
                for column in COLUMNS:
                    np.testing.assert_array_equal(getattr(here, column), getattr(there, column), column)
                    assert getattr(here, column).dtype == getattr(there, column).dtype
    snapshot.close()
