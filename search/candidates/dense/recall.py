"""The recall of an approximate search against an exact one."""

from __future__ import annotations

import numpy as np

from clew.core.types import Vectors
from clew.search.candidates.dense.exact import exact_scores
from clew.search.candidates.dense.int16 import Int16Vectors, to_float32
from clew.search.candidates.dense.shard import DenseShard

SAMPLE = 200
DEPTHS = (10, 100)
# Cosine between a synthetic query and the passage that it is made from.
NEARNESS = 0.6
# The number of passages whose differences from their mean give the directions that passages are turned in.
_SPREAD = 1000
# More than the rounding error of the reference's float32 scores, so that a passage that ties with the k-th counts as
# found.
_TIE = 1e-6
_FLAT = 1e-6


def synthetic_queries(vectors: Int16Vectors, seed: int) -> Vectors:
    """Return (at most SAMPLE, dim) unit vectors that stand for queries: passages turned away to cosine NEARNESS.

    Passages themselves are too easy as queries, because a graph index links near passages to each other. Passages
    turned in an arbitrary direction are too hard for coarse codes, because real queries are distributed like passages.
    Therefore a passage is turned in the direction of a random linear combination of differences between passages and
    their mean.

    Recall@100 of the default encoder, real / synthetic queries, for RaBitQ with 1,024 proposals and for HNSW at effort
    512: 100,000 spans of text .993 / .962, .973 / .950; medquad 1.000 / .993, .997 / .983; squad11 .998 / .991,
    .993 / .990. With passages turned in any direction to cosine .5, RaBitQ had .898, .974 and .964.
    """
    random = np.random.default_rng(seed)
    rows = np.sort(random.choice(len(vectors), min(SAMPLE, len(vectors)), replace=False))
    sample = to_float32(vectors[rows]).astype(np.float64)
    others = np.sort(random.choice(len(vectors), min(_SPREAD, len(vectors)), replace=False))
    spread = to_float32(vectors[others]).astype(np.float64)
    away = random.normal(size=(len(sample), len(spread))) @ (spread - spread.mean(axis=0))
    away -= (away * sample).sum(axis=1, keepdims=True) * sample
    # If passages do not differ, any direction will do.
    flat = np.linalg.norm(away, axis=1) < _FLAT
    away[flat] = random.normal(size=(np.count_nonzero(flat), sample.shape[1]))
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    turned = NEARNESS * sample + np.sqrt(1 - NEARNESS**2) * away
    unit: Vectors = (turned / np.linalg.norm(turned, axis=1, keepdims=True)).astype(np.float32)
    return unit


class RecallProbe:
    """Sample queries and the exact scores of their nearest passages, computed once and used for every search effort."""

    def __init__(self, vectors: Int16Vectors, seed: int, queries: Vectors | None = None) -> None:
        """vectors: (n, dim), n at least 1. queries: (q, dim) unit vectors to add to the synthetic queries."""
        synthetic = synthetic_queries(vectors, seed)
        self._queries = synthetic if queries is None else np.concatenate([synthetic, queries.astype(np.float32)])
        self._truth = exact_scores(vectors, self._queries, max(DEPTHS))

    @property
    def size(self) -> int:
        """The number of sample queries."""
        return len(self._queries)

    def measure(self, shard: DenseShard) -> dict[str, float]:
        """Return "recall@10" and "recall@100": the mean share of the true nearest passages that the shard returns."""
        return {f"recall@{depth}": self._recall(shard, depth) for depth in DEPTHS}

    def _recall(self, shard: DenseShard, depth: int) -> float:
        shares = []
        for query, scores in zip(self._queries, self._truth, strict=True):
            truth = scores[:depth]
            found = shard.nearest(query, depth).scores
            shares.append(np.count_nonzero(found >= truth[-1] - _TIE) / len(truth))
        return float(np.mean(shares))
