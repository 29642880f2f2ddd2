"""Nearest neighbour search on one thread, one query at a time: a library's graph at the recall of Clew or above."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from clew.benchmarks.peers.protocol import Round, RoundWithFacts, per_second

# Number of neighbours, and the parameters of the graphs, which are those of Clew's own graphs.
K = 100
MAX_LINKS, EF_CONSTRUCTION = 16, 64
_EF_SEARCH = (100, 128, 160, 200, 256, 320, 400, 512, 640, 800, 1024, 1280, 1536, 2048, 3072, 4096)


def vectors_of(job: Mapping[str, Any]) -> Any:
    """Load the (n, dim) float32 unit vectors of a job."""
    import numpy

    return numpy.load(job["vectors"])


def throughput_at_recall(job: Mapping[str, Any], search: Callable[[Any, int], Any]) -> Round:
    """Return rounds of queries per second, with the smallest ef_search that reaches the recall of the job.

    search: (dim,) query vector and ef_search → rows, nearest first. Raises RuntimeError if no value reaches it.
    """
    import numpy

    queries, nearest = numpy.load(job["query_vectors"]), numpy.load(job["nearest"])
    recall = 0.0
    for ef_search in _EF_SEARCH:
        found = (set(search(query, ef_search).tolist()) for query in queries)
        recall = sum(len(rows & set(near.tolist())) for rows, near in zip(found, nearest, strict=True)) / nearest.size
        if recall >= job["recall"]:
            break
    else:
        raise RuntimeError(f"recall@{K} is {recall:.4f} with ef_search {_EF_SEARCH[-1]}, ours is {job['recall']:.4f}")
    return RoundWithFacts(
        lambda: per_second(len(queries), lambda: [search(query, ef_search) for query in queries]),
        {f"recall@{K}": round(recall, 4), "effort": ef_search},
    )
