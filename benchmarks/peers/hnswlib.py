"""hnswlib: HNSW over float32 vectors."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from clew.benchmarks.peers.ann import EF_CONSTRUCTION, MAX_LINKS, K, throughput_at_recall, vectors_of
from clew.benchmarks.peers.protocol import Round, serve


def search(job: Mapping[str, Any]) -> Round:
    vectors = vectors_of(job)
    index = import_module("hnswlib").Index("ip", vectors.shape[1])
    index.init_index(len(vectors), M=MAX_LINKS, ef_construction=EF_CONSTRUCTION)
    index.add_items(vectors)
    index.set_num_threads(1)

    def once(query: Any, ef_search: int) -> Any:
        index.set_ef(ef_search)
        return index.knn_query(query, K)[0][0]

    return throughput_at_recall(job, once)


if __name__ == "__main__":
    serve("hnswlib", {"ann": search})
