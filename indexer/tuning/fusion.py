"""Learn fusion weights from judged queries: one weight per source, by coordinate ascent on nDCG@10."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from clew.core.measures.ndcg import ndcg as ranked_ndcg
from clew.core.types import Floats
from clew.search.fusion import FUSIONS, FusedCandidates, FusionSpec
from clew.search.identical_ids import pool_without

if TYPE_CHECKING:
    from clew.search.pipeline import Searcher


@dataclass(frozen=True, slots=True)
class Judged:
    """One judged query to learn from: its candidates with their scores by source, and the gain of each candidate.

    gains: (m,) float64. ideal: the gains of all judged documents, descending, as the ideal ranking has them.
    """

    found: FusedCandidates
    gains: Floats
    ideal: Sequence[float]

    @classmethod
    def of(cls, found: FusedCandidates, documents: Sequence[str], judged: Mapping[str, int]) -> Judged:
        """Return the example for some candidates. documents: ids of the m candidates. judged: document id → gain."""
        gains = np.array([judged.get(name, 0) for name in documents], np.float64)
        return cls(found, gains, sorted((float(gain) for gain in judged.values()), reverse=True))

    def ndcg(self, spec: FusionSpec) -> float:
        """Return the nDCG@10 of the candidates as this fusion ranks them."""
        return ndcg(FUSIONS[spec.method](self.found, spec).sum(axis=0), self)


def ndcg(totals: Floats, judged: Judged, k: int = 10) -> float:
    """Return the nDCG@k of the ranking by fused scores. totals: (m,) float64 fused scores."""
    return ranked_ndcg(judged.gains[np.argsort(-totals, kind="stable")], judged.ideal, k)


def mean_ndcg(queries: Sequence[Judged], spec: FusionSpec) -> float:
    """Return the mean nDCG@10 of one or more queries with a fusion."""
    return float(np.mean([query.ndcg(spec) for query in queries]))


def example(
    searcher: Searcher,
    query: str,
    judged: Mapping[str, int],
    depth: int,
    sources: tuple[str, ...] | None,
    among: list[str] | None,
    own: str | None = None,
) -> Judged:
    """Retrieve the candidates of one judged query and return them as an example.

    judged: document id → gain. depth: number of documents requested from each source. sources: the sources to use
    (None: all). among: ids of the only allowed candidates (None: every document). own: id of the query's own document,
    which is left out (None: none is).
    """
    found = searcher.pool(query, depth if own is None else depth + 1, sources=sources, among=among)
    pool = pool_without(found, searcher.store, own)
    return Judged.of(pool, searcher.store.ids(pool.documents), judged)


def learn(
    queries: Sequence[Judged], spec: FusionSpec, shrinkage: float = 0.2, free: Sequence[str] | None = None
) -> FusionSpec:
    """Return the fusion with weights that raise nDCG@10 on judged queries, regularised towards those of `spec`.

    free: sources whose weights are learned (None: all but the first, because only ratios of weights matter).
    shrinkage: penalty of doubling a weight, in nDCG summed over the n queries.

    Coordinate ascent tries the factors 2^-4 … 2^4 of each starting weight. The objective is mean nDCG@10 - shrinkage /
    n * sum of squared log2 factors, so that with few queries a weight changes only for a clear gain.
    """
    if not queries:
        return spec
    sources = sorted({name for query in queries for name in query.found.sources})
    steps = np.arange(-4, 4.01, 0.25)
    factors = dict.fromkeys(sources, 0.0)

    def scaled(powers: Mapping[str, float]) -> FusionSpec:
        weights = {name: spec.weight(name) * 2.0**power for name, power in powers.items()}
        return replace(spec, weights={**spec.weights, **weights})

    def objective(powers: Mapping[str, float]) -> float:
        penalty = shrinkage / len(queries) * sum(power**2 for power in powers.values())
        return mean_ndcg(queries, scaled(powers)) - penalty

    best = objective(factors)
    for _ in range(3):
        before = best
        for name in sources[1:] if free is None else [name for name in sources if name in free]:
            for power in steps:
                value = objective({**factors, name: float(power)})
                if value > best + 1e-12:
                    best, factors = value, {**factors, name: float(power)}
        if best - before < 1e-6:
            break
    return scaled(factors)
