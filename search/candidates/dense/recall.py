"""How much of the truth an approximate search finds."""

from __future__ import annotations

import numpy as np

from clew.core.types import Vectors
from clew.search.candidates.dense.exact import exact_scores
from clew.search.candidates.dense.int16 import Fixed, floats
from clew.search.candidates.dense.shard import DenseShard

SAMPLE = 200
DEPTHS = (10, 100)
# How near a stand-in for a query is to the passage it is made from.
NEARNESS = 0.6
# Passages whose spread a stand-in is turned away by.
_SPREAD = 1000
# Above the rounding of the reference's float32 scores: a passage that ties with the k-th counts as found.
_TIE = 1e-6
_FLAT = 1e-6


def synthetic_queries(vectors: Fixed, seed: int) -> Vectors:
    """(at most SAMPLE, dim) unit vectors to ask in place of queries: passages turned away to cosine NEARNESS.

    Passages themselves are too easy as queries, because a graph links near passages to each other; passages turned
    anywhere are too hard for coarse codes, because queries lie where passages do. So they are turned away by random
    sums of differences between passages and their mean. Recall@100 of the default encoder, real queries / these, of
    RaBitQ with 1,024 proposals and of HNSW at effort 512: 100,000 spans of text .993 / .962, .973 / .950; medquad
    1.000 / .993, .997 / .983; squad11 .998 / .991, .993 / .990. Turned anywhere to cosine .5, RaBitQ had .898, .974
    and .964.
    """
    random = np.random.default_rng(seed)
    rows = np.sort(random.choice(len(vectors), min(SAMPLE, len(vectors)), replace=False))
    sample = floats(vectors[rows]).astype(np.float64)
    others = np.sort(random.choice(len(vectors), min(_SPREAD, len(vectors)), replace=False))
    spread = floats(vectors[others]).astype(np.float64)
    away = random.normal(size=(len(sample), len(spread))) @ (spread - spread.mean(axis=0))
    away -= (away * sample).sum(axis=1, keepdims=True) * sample
    # Where passages do not differ, any direction will do.
    flat = np.linalg.norm(away, axis=1) < _FLAT
    away[flat] = random.normal(size=(np.count_nonzero(flat), sample.shape[1]))
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    turned = NEARNESS * sample + np.sqrt(1 - NEARNESS**2) * away
    unit: Vectors = (turned / np.linalg.norm(turned, axis=1, keepdims=True)).astype(np.float32)
    return unit


class RecallProbe:
    """Sample queries and the true scores of their nearest passages: made once, used for every search effort."""

    def __init__(self, vectors: Fixed, seed: int, queries: Vectors | None = None) -> None:
        """vectors: (n, dim) in steps, n at least 1. queries: (q, dim) unit vectors to ask beside the stand-ins."""
        made = synthetic_queries(vectors, seed)
        self._queries = made if queries is None else np.concatenate([made, queries.astype(np.float32)])
        self._truth = exact_scores(vectors, self._queries, max(DEPTHS))

    @property
    def size(self) -> int:
        """Queries asked."""
        return len(self._queries)

    def measure(self, shard: DenseShard) -> dict[str, float]:
        """ "recall@10" and "recall@100": mean share of the true nearest passages that the shard's search returns."""
        return {f"recall@{depth}": self._recall(shard, depth) for depth in DEPTHS}

    def _recall(self, shard: DenseShard, depth: int) -> float:
        shares = []
        for query, scores in zip(self._queries, self._truth, strict=True):
            truth = scores[:depth]
            found = shard.nearest(query, depth).scores
            shares.append(np.count_nonzero(found >= truth[-1] - _TIE) / len(truth))
        return float(np.mean(shares))
