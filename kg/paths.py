"""Paths of two steps that questions ask for: "where was the director of X born" follows directed_by, then born_in.

Which paths do is learned from judged questions (clew.indexer.tuning.relations). Such a path is then followed as if it
were one relation: its end can outrank the entity on the way, but not the entity that the question names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from clew.core.types import Bools, Ints
from clew.kg.relations import Path, Step
from clew.kg.types import EdgeTable

PathEdges = tuple[int, int]
"""The two edges of a path, as indices in the edge table."""


@dataclass(frozen=True, slots=True)
class LearnedPath:
    """A learned path that leads away from a seed. fit: how well it fits the question, 0 to 1."""

    seed: str
    fit: float
    edges: tuple[PathEdges, ...]


def path_edges(table: EdgeTable, paths: Iterable[Path]) -> dict[tuple[str, Path], tuple[PathEdges, ...]]:
    """Return (seed, path) → where paths of two steps lead from the seeds of a walk, but not back to the seed."""
    codes = {name: at for at, name in enumerate(table.relations)}
    found: dict[tuple[str, Path], list[PathEdges]] = {}
    from_seed = table.hops[table.near] == 0 if len(table) else np.empty(0, np.bool_)
    order = np.argsort(table.near, kind="stable")
    near = table.near[order]
    for path in paths:
        if not all(step.relation in codes for step in path):
            continue
        first, second = (_along(table, codes, step) for step in path)
        for edge in np.flatnonzero(first & from_seed).tolist():
            seed, middle = int(table.near[edge]), int(table.far[edge])
            low, high = np.searchsorted(near, [middle, middle + 1])
            onward: Ints = order[low:high]
            onward = onward[second[onward] & (table.far[onward] != seed)]
            if len(onward):
                pairs = found.setdefault((table.nodes[seed], path), [])
                pairs += [(edge, other) for other in onward.tolist()]
    return {key: tuple(pairs) for key, pairs in found.items()}


def _along(table: EdgeTable, codes: Mapping[str, int], step: Step) -> Bools:
    along: Bools = (table.relation == codes[step.relation]) & (table.outgoing == step.outgoing)
    return along
