"""txtai: a hybrid index (its BM25, and FAISS with the same model), ten results; in process and through its server."""

from __future__ import annotations

import atexit
import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import quote

from clew.benchmarks.peers.protocol import Round, RoundWithFacts, median_ms, per_second, serve, vector_recall
from clew.benchmarks.peers.serving import (
    SMALL_INDEX,
    Server,
    base_memory,
    cold_start,
    latency,
    memory_growth,
    throughput,
)


def _empty(job: Mapping[str, Any]) -> Any:
    import_module("torch").set_num_threads(job["threads"])
    return import_module("txtai").Embeddings(path=job["model"], hybrid=True, content=True, gpu=False)


def _stored(job: Mapping[str, Any], texts: Sequence[str]) -> Path:
    """Return the folder of an index of the texts; build it if it is missing, which takes minutes of encoding."""
    key = hashlib.sha256(json.dumps([job["model"], list(texts)]).encode()).hexdigest()[:16]
    folder = Path(job["store"]) / f"txtai-{key}"
    if not folder.is_dir():
        index = _empty(job)
        index.index(texts)
        making = folder.with_name(f".{folder.name}")
        index.save(str(making))
        making.rename(folder)
    return folder


def _server(job: Mapping[str, Any], texts: Sequence[str]) -> Server:
    index = _stored(job, texts)
    settings = index.with_name(f"{index.name}.yml")
    # The server offers search only if its settings have a table `embeddings`; the contents come from the index.
    settings.write_text(f"path: {index}\nembeddings:\n  path: {job['model']}\n", encoding="utf-8")
    return Server(
        lambda port: [sys.executable, "-m", "uvicorn", "txtai.api:app", "--port", str(port), "--log-level", "warning"],
        lambda query: f"/search?query={quote(query)}&limit=10",
        job["queries"][0],
        {"CONFIG": str(settings)},
    )


def hybrid(job: Mapping[str, Any]) -> Round:
    import_module("torch").set_num_threads(job["threads"])
    index = import_module("txtai").Embeddings().load(str(_stored(job, job["texts"])))
    index.search(job["queries"][0], 10)
    recall = vector_recall(
        _vectors(index.ann.backend),
        index.batchtransform(job["queries"], "query"),
        lambda query: [row for row, _ in index.ann.search(query[None], 10)[0]],
    )
    return RoundWithFacts(
        lambda: median_ms([partial(index.search, query, 10) for query in job["queries"]]),
        {"recall@10 of vectors": recall},
    )


def _vectors(stored: Any) -> Any:
    """Return the (n, dim) vectors of its FAISS index, which is flat (with ids) if small, else an inverted file."""
    inner = import_module("faiss").downcast_index(stored.index) if hasattr(stored, "index") else stored
    if hasattr(inner, "make_direct_map"):
        inner.make_direct_map()
    return inner.reconstruct_n(0, inner.ntotal)


def build(job: Mapping[str, Any]) -> Round:
    index = _empty(job)
    index.index(job["texts"][:10])
    return lambda: per_second(len(job["texts"]), lambda: index.index(job["texts"]))


def _running_server(job: Mapping[str, Any]) -> Server:
    server = _server(job, job["texts"])
    atexit.register(server.close)
    return server


if __name__ == "__main__":
    serve(
        "txtai",
        {
            "hybrid": hybrid,
            "build": build,
            "http": lambda job: throughput(_running_server(job), job["queries"]),
            "http-latency": lambda job: latency(_running_server(job), job["queries"]),
            "cold-start": lambda job: cold_start(partial(_server, job, job["texts"])),
            "memory": lambda job: memory_growth(
                partial(_server, job, job["texts"][:SMALL_INDEX]),
                partial(_server, job, job["texts"]),
                job["queries"],
                len(job["texts"]),
            ),
            "memory-base": lambda job: base_memory(partial(_server, job, job["texts"][:SMALL_INDEX]), job["queries"]),
        },
    )
