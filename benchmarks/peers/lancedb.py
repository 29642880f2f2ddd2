"""lancedb: a table with vectors of the same model and a full-text index; hybrid queries with its own fusion (RRF)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from clew.benchmarks.peers.protocol import Round, RoundWithFacts, median_ms, serve, vector_recall


def _table(job: Mapping[str, Any], model: Any) -> Any:
    """Open the table of the texts; create it if it is missing, which takes minutes of encoding."""
    texts = job["texts"]
    key = hashlib.sha256(json.dumps([job["model"], texts]).encode()).hexdigest()[:16]
    database = import_module("lancedb").connect(str(Path(job["store"]) / f"lancedb-{key}"))
    if "ready" in database.table_names():
        return database.open_table("texts")
    vectors = model.encode(texts, normalize_embeddings=True, show_progress_bar=False)
    rows = [{"id": at, "text": text, "vector": vectors[at]} for at, text in enumerate(texts)]
    table = database.create_table("texts", rows, mode="overwrite")
    table.create_fts_index("text")
    database.create_table("ready", [{"made": True}])
    return table


def hybrid(job: Mapping[str, Any]) -> Round:
    import_module("torch").set_num_threads(job["threads"])
    model = import_module("sentence_transformers").SentenceTransformer(job["model"], device="cpu")
    table = _table(job, model)

    def vector_of(query: str) -> Any:
        return model.encode(query, normalize_embeddings=True, show_progress_bar=False)

    def once(query: str) -> object:
        asked = table.search(query_type="hybrid").vector(vector_of(query)).text(query)
        return asked.limit(10).select(["id"]).to_list()

    once(job["queries"][0])
    stored = table.to_arrow().sort_by("id")
    vectors = import_module("numpy").stack(stored["vector"].to_numpy())
    recall = vector_recall(
        vectors,
        [vector_of(query) for query in job["queries"]],
        lambda query: [row["id"] for row in table.search(query).limit(10).select(["id"]).to_list()],
    )
    return RoundWithFacts(
        lambda: median_ms([partial(once, query) for query in job["queries"]]), {"recall@10 of vectors": recall}
    )


if __name__ == "__main__":
    serve("lancedb", {"hybrid": hybrid})
