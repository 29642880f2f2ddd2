"""usearch: HNSW over float32 vectors."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from clew.benchmarks.peers.ann import EF_CONSTRUCTION, MAX_LINKS, K, throughput_at_recall, vectors_of
from clew.benchmarks.peers.protocol import Round, serve


def search(job: Mapping[str, Any]) -> Round:
    vectors = vectors_of(job)
    index = import_module("usearch.index").Index(
        ndim=vectors.shape[1], metric="ip", dtype="f32", connectivity=MAX_LINKS, expansion_add=EF_CONSTRUCTION
    )
    index.add(import_module("numpy").arange(len(vectors)), vectors)

    def once(query: Any, ef_search: int) -> Any:
        index.expansion_search = ef_search
        return index.search(query, K, threads=1).keys

    return throughput_at_recall(job, once)


if __name__ == "__main__":
    serve("usearch", {"ann": search})
