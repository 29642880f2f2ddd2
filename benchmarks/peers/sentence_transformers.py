"""sentence-transformers on torch: the same weights in float32, with its own batching."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from importlib import import_module
from typing import Any

from clew.benchmarks.peers.protocol import LONG, SHORT, Round, median_ms, pairs_of, per_second, serve


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


def _rerank(job: Mapping[str, Any], count: int, spans: int, queries: int) -> Round:
    import_module("torch").set_num_threads(job["threads"])
    # The same backbone with a random head: the time does not depend on the weights.
    model = import_module("sentence_transformers").CrossEncoder(job["model"], num_labels=1, device="cpu")
    asked = pairs_of(job, count, spans, queries)

    def once(query: str, passages: list[str]) -> object:
        return model.predict([(query, passage) for passage in passages], show_progress_bar=False)

    once(*asked[0])
    return lambda: median_ms([partial(once, query, passages) for query, passages in asked])


def rerank(job: Mapping[str, Any]) -> Round:
    return _rerank(job, *SHORT)


def rerank_long(job: Mapping[str, Any]) -> Round:
    return _rerank(job, *LONG)


if __name__ == "__main__":
    items = {"encode": encode, "query-encode": query_encode, "rerank": rerank, "rerank-long": rerank_long}
    serve("sentence-transformers", items)
