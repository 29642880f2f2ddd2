"""Compare a server with a snapshot of it: all counts, all edges, and a sample of entities one by one."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from clew.core.types import Deadline
from clew.kg.snapshot import Snapshot
from clew.kg.store import GraphStore
from clew.kg.types import Edge

# Entities in one request.
BATCH = 500
# Differing edges that are named.
MOST_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Drift:
    """The differences between a graph and its snapshot.

    entities, edges: (in the snapshot, on the server). types, relations: name → the same two counts, if they differ.
    sampled: how many entities of the snapshot were looked up. gone, changed: ids of those that no longer exist, and of
    those that are different now; ascending. lost, added: how many edges are only in the snapshot, and only on the
    server; some: the first of both.
    """

    entities: tuple[int, int]
    edges: tuple[int, int]
    types: Mapping[str, tuple[int, int]]
    relations: Mapping[str, tuple[int, int]]
    sampled: int
    gone: tuple[str, ...]
    changed: tuple[str, ...]
    lost: int = 0
    added: int = 0
    some: tuple[Edge, ...] = ()

    @property
    def found(self) -> bool:
        """Whether there is any difference."""
        return bool(self.types or self.relations or self.gone or self.changed or self.lost or self.added)


def drift(
    snapshot: Snapshot,
    store: GraphStore,
    deadline: Deadline,
    *,
    sample: int = 1_000,
    seed: int = 0,
    edges: bool = True,
) -> Drift:
    """Compare a snapshot with the current graph of a store.

    sample: how many entities to look up (0 or more). seed: seed of their random choice. edges: whether to read all
    edges of the server and compare each. Changes of entities outside the sample that leave all counts unchanged are not
    found, and without `edges` neither are changed edges. Raises StageUnavailable if the store cannot answer in time.
    """
    before, now = snapshot.counts, store.count(deadline)
    some = sorted(random.Random(seed).sample(range(before.entities), min(sample, before.entities)))  # noqa: S311
    gone, changed = [], []
    for start in range(0, len(some), BATCH):
        ids = snapshot.ids(np.array(some[start : start + BATCH], np.int64))
        for name, was, found in zip(ids, snapshot.entities(ids), store.entities(ids, deadline), strict=True):
            if found is None:
                gone.append(name)
            elif found != was:
                changed.append(name)
    lost, added, first = _compared(snapshot.all_edges(), store.all_edges()) if edges else (0, 0, ())
    return Drift(
        entities=(before.entities, now.entities),
        edges=(before.edges, now.edges),
        types=_differing(before.types, now.types),
        relations=_differing(before.relations, now.relations),
        sampled=len(some),
        gone=tuple(gone),
        changed=tuple(changed),
        lost=lost,
        added=added,
        some=first,
    )


def _compared(before: Iterator[Edge], now: Iterator[Edge]) -> tuple[int, int, tuple[Edge, ...]]:
    """Return how many edges are only in the first and only in the second of two ascending streams, and some of both."""
    lost = added = 0
    some: list[Edge] = []
    left, right = next(before, None), next(now, None)
    while left is not None or right is not None:
        if left == right:
            left, right = next(before, None), next(now, None)
            continue
        if right is None or (left is not None and left < right):
            lost, differing, left = lost + 1, left, next(before, None)
        else:
            added, differing, right = added + 1, right, next(now, None)
        if len(some) < MOST_SHOWN and differing is not None:
            some.append(differing)
    return lost, added, tuple(some)


def _differing(before: Mapping[str, int], now: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    names = sorted(before.keys() | now.keys())
    pairs = {name: (before.get(name, 0), now.get(name, 0)) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
