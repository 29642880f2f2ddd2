"""sentence-transformers on torch: the same weights, float32, its own batching."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from importlib import import_module
from typing import Any

from benchmarks.peers.protocol import Round, median_ms, per_second, serve


def _model(job: Mapping[str, Any]) -> Any:
    import_module("torch").set_num_threads(job["threads"])
    model = import_module("sentence_transformers").SentenceTransformer(job["model"], device="cpu")
    model.encode(job["queries"][:8], normalize_embeddings=True, show_progress_bar=False)
    return model


def encode(job: Mapping[str, Any]) -> Round:
    model, texts = _model(job), job["texts"]
    return lambda: per_second(
        len(texts), lambda: model.encode(texts, normalize_embeddings=True, show_progress_bar=False)
    )


def query_encode(job: Mapping[str, Any]) -> Round:
    model = _model(job)

    def once(query: str) -> object:
        return model.encode([query], normalize_embeddings=True, show_progress_bar=False)

    return lambda: median_ms([partial(once, query) for query in job["queries"]])


if __name__ == "__main__":
    serve("sentence-transformers", {"encode": encode, "query-encode": query_encode})
