"""rank-bm25: score every text for a query, then take the best 100."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np

from clew.benchmarks.peers.protocol import Round, per_second, serve


def search(job: Mapping[str, Any]) -> Round:
    index = import_module("rank_bm25").BM25Okapi([text.lower().split() for text in job["texts"]])
    queries = job["queries"]

    def once(query: str) -> object:
        scores = index.get_scores(query.lower().split())
        best = np.argpartition(scores, -min(100, len(scores)))[-100:]
        return best[np.argsort(-scores[best])]

    # It is slow, so only a tenth of the queries are timed.
    some = queries[: max(1, len(queries) // 10)]
    return lambda: per_second(len(some), lambda: [once(query) for query in some])


if __name__ == "__main__":
    serve("rank-bm25", {"bm25": search})
