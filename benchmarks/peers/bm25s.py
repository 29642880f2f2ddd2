"""bm25s with its numba backend: one query at a time, best 100."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from benchmarks.peers.protocol import Round, per_second, serve


def search(job: Mapping[str, Any]) -> Round:
    bm25s = import_module("bm25s")
    stemmer = import_module("Stemmer").Stemmer("english")

    def tokens(texts: list[str]) -> Any:
        return bm25s.tokenize(texts, stopwords=None, stemmer=stemmer, show_progress=False)

    index = bm25s.BM25(backend="numba")
    index.index(tokens(job["texts"]), show_progress=False)
    queries, k = job["queries"], min(100, len(job["texts"]))

    def once(query: str) -> object:
        return index.retrieve(tokens([query]), k=k, show_progress=False, n_threads=0)

    once(queries[0])
    return lambda: per_second(len(queries), lambda: [once(query) for query in queries])


if __name__ == "__main__":
    serve("bm25s", {"bm25": search})
