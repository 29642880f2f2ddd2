"""bm25s with its numba backend: search for the best 100, one query at a time, and indexing."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from typing import Any

from clew.benchmarks.peers.protocol import Round, per_second, serve


@cache
def _stemmer() -> Any:
    """Create the stemmer once, because it caches words."""
    return import_module("Stemmer").Stemmer("english")


def _tokens(texts: list[str]) -> Any:
    return import_module("bm25s").tokenize(texts, stopwords=None, stemmer=_stemmer(), show_progress=False)


def _indexed(texts: list[str]) -> Any:
    index = import_module("bm25s").BM25(backend="numba")
    index.index(_tokens(texts), show_progress=False)
    return index


def _search(job: Mapping[str, Any], queries: list[Any], read: Callable[[Any], Any]) -> Round:
    index, k = _indexed(job["texts"]), min(100, len(job["texts"]))

    def once(query: Any) -> object:
        tokens = read(query)
        # retrieve() refuses a query without words.
        return index.retrieve(tokens, k=k, show_progress=False, n_threads=0) if tokens.ids[0] else None

    once(queries[0])
    return lambda: per_second(len(queries), lambda: [once(query) for query in queries])


def search(job: Mapping[str, Any]) -> Round:
    return _search(job, job["queries"], lambda query: _tokens([query]))


def search_terms(job: Mapping[str, Any]) -> Round:
    return _search(job, [_tokens([query]) for query in job["queries"]], lambda query: query)


def build(job: Mapping[str, Any]) -> Round:
    texts = job["texts"]

    def once() -> None:
        with tempfile.TemporaryDirectory() as folder:
            _indexed(texts).save(folder, show_progress=False)

    return lambda: per_second(len(texts), once)


if __name__ == "__main__":
    serve("bm25s", {"bm25": search, "bm25-terms": search_terms, "bm25-build": build})
