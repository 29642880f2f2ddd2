"""Statistics of a graph: its relations, types, degrees and hubs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from clew.core.types import Ints
from clew.kg.snapshot import Snapshot

HUBS = 10


@dataclass(frozen=True, slots=True)
class Hub:
    """An entity with many edges. label: its name, or its id without a name. degree: edges in both directions."""

    id: str
    type: str
    label: str
    degree: int


@dataclass(frozen=True, slots=True)
class GraphStatistics:
    """The statistics of a snapshot.

    relations, types: name → count. degrees: mean, median, p90, p99 and max of the edges of an entity in both
    directions. spread: range such as "10-99" → number of entities with that many edges. hubs: the entities with the
    most edges, ties by id.
    """

    graph: str
    id: str
    created: str
    licence: str
    lineage: Mapping[str, str]
    entities: int
    edges: int
    relations: Mapping[str, int]
    types: Mapping[str, int]
    degrees: Mapping[str, float]
    spread: Mapping[str, int]
    hubs: tuple[Hub, ...]


def describe(snapshot: Snapshot, hubs: int = HUBS) -> GraphStatistics:
    """Compute the statistics of a snapshot. hubs: number of hubs to include."""
    degrees = snapshot.degrees.astype(np.int64)
    best = np.lexsort((np.arange(len(degrees)), -degrees))[:hubs]
    found = snapshot.entities(snapshot.ids(best))
    manifest, counts = snapshot.manifest, snapshot.counts
    return GraphStatistics(
        graph=manifest.name,
        id=manifest.id,
        created=manifest.created,
        licence=manifest.licence,
        lineage=manifest.lineage,
        entities=counts.entities,
        edges=counts.edges,
        relations=counts.relations,
        types=counts.types,
        degrees=_summary(degrees),
        spread=_spread(degrees),
        hubs=tuple(
            Hub(entity.id, entity.type, entity.label, int(degrees[row]))
            for row, entity in zip(best.tolist(), found, strict=True)
            if entity is not None
        ),
    )


def _summary(degrees: Ints) -> dict[str, float]:
    if not len(degrees):
        return {}
    median, p90, p99 = np.percentile(degrees, [50, 90, 99])
    return {
        "mean": float(degrees.mean()),
        "median": float(median),
        "p90": float(p90),
        "p99": float(p99),
        "max": float(degrees.max()),
    }


def _spread(degrees: Ints) -> dict[str, int]:
    """Count the entities with 0 edges, 1, 2 to 9, 10 to 99, and so on in powers of ten."""
    borders = [0, 1, 2, *(10**power for power in range(1, 11))]
    counted = np.bincount(np.searchsorted(borders, degrees, side="right") - 1, minlength=1)
    names = ["0", "1", *(f"{low}-{high - 1}" for low, high in pairwise(borders[2:]))]
    return {name: int(count) for name, count in zip(names, counted, strict=False)}
