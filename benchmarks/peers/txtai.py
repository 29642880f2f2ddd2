"""txtai: hybrid index (its BM25 and a FAISS index of the same model), ten results."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from importlib import import_module
from typing import Any

from benchmarks.peers.protocol import Round, median_ms, per_second, serve


def _empty(job: Mapping[str, Any]) -> Any:
    import_module("torch").set_num_threads(job["threads"])
    return import_module("txtai").Embeddings(path=job["model"], hybrid=True, content=True, gpu=False)


def hybrid(job: Mapping[str, Any]) -> Round:
    index = _empty(job)
    index.index(job["texts"])
    index.search(job["queries"][0], 10)
    return lambda: median_ms([partial(index.search, query, 10) for query in job["queries"]])


def build(job: Mapping[str, Any]) -> Round:
    index = _empty(job)
    index.index(job["texts"][:10])
    return lambda: per_second(len(job["texts"]), lambda: index.index(job["texts"]))


if __name__ == "__main__":
    serve("txtai", {"hybrid": hybrid, "build": build})
