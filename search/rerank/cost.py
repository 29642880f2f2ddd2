"""What reranking costs on this machine."""

from __future__ import annotations

import time
from statistics import median
from typing import TYPE_CHECKING

from clew.search.rerank.stage import CHUNK

if TYPE_CHECKING:
    from clew.search.docstore import DocStore
    from clew.search.rerank.stage import Reranker

_RUNS = 3
_QUERY = "which of these is the one that I am looking for"


def rerank_seconds(reranker: Reranker, store: DocStore) -> float:
    """Return the time in seconds that reranking takes for a query with at least `top` candidates.

    Measured on passages at regular distances in the index: the median of 3 batches after a first one, in proportion to
    the number of documents that are read. A query that names little, or an early stop, costs less.
    """
    count = min(CHUNK, store.passages)
    texts = [store.embedded_text(at * store.passages // count) for at in range(count)]
    if not texts:
        return 0.0
    reranker.scorer.score(_QUERY, texts)
    seconds = []
    for _ in range(_RUNS):
        start = time.perf_counter()
        reranker.scorer.score(_QUERY, texts)
        seconds.append(time.perf_counter() - start)
    return median(seconds) / count * min(reranker.spec.top, store.documents)


def describe_cost(seconds: float) -> str:
    """Return a sentence about the time of reranking, from `rerank_seconds`."""
    return f"reranking takes about {seconds * 1000:,.0f} ms for a query on this machine"
