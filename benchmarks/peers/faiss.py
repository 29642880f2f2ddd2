"""FAISS: HNSW over vectors with 8 bits for each dimension."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from clew.benchmarks.peers.ann import EF_CONSTRUCTION, MAX_LINKS, K, throughput_at_recall, vectors_of
from clew.benchmarks.peers.protocol import Round, serve


def search(job: Mapping[str, Any]) -> Round:
    faiss, vectors = import_module("faiss"), vectors_of(job)
    index = faiss.IndexHNSWSQ(vectors.shape[1], faiss.ScalarQuantizer.QT_8bit, MAX_LINKS, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = EF_CONSTRUCTION
    index.train(vectors)
    index.add(vectors)
    faiss.omp_set_num_threads(1)

    def once(query: Any, ef_search: int) -> Any:
        index.hnsw.efSearch = ef_search
        return index.search(query[None], K)[1][0]

    return throughput_at_recall(job, once)


if __name__ == "__main__":
    serve("faiss-cpu", {"ann": search})
