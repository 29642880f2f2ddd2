"""The items that `clew bench speed` measures, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from clew.benchmarks.peers.protocol import LONG, SHORT
from clew.benchmarks.speed import in_process, served, vectors
from clew.benchmarks.speed.material import ENCODED, Bench


@dataclass(frozen=True, slots=True)
class Item:
    """An item to measure.

    ours: prepares Clew and returns one timed round. peers: name → module of clew.benchmarks.peers. max_peer_texts:
    maximum number of texts that a peer gets (None: all). peer_inputs: what is added to a peer's job, once `ours` is
    prepared.
    """

    unit: str
    higher_is_better: bool
    ours: Callable[[Bench], Any]
    peers: Mapping[str, str] = field(default_factory=dict)
    max_peer_texts: int | None = None
    about: str = ""
    peer_inputs: Callable[[Bench], Mapping[str, Any]] = lambda _bench: {}


ITEMS: Mapping[str, Item] = {
    "bm25": Item(
        "queries/s",
        True,
        lambda bench: in_process.bm25(bench, analysed=False),
        {"bm25s": "bm25s", "rank-bm25": "rank_bm25"},
        about="one client, from the text of a query to the best 100",
    ),
    "bm25-terms": Item(
        "queries/s",
        True,
        lambda bench: in_process.bm25(bench, analysed=True),
        {"bm25s": "bm25s"},
        about="one client, from the terms of a query to the best 100",
    ),
    "bm25-build": Item(
        "docs/s", True, in_process.bm25_build, {"bm25s": "bm25s"}, about="from texts to a BM25 index on disk"
    ),
    "encode": Item(
        "docs/s",
        True,
        in_process.encode,
        {"sentence-transformers": "sentence_transformers"},
        ENCODED,
        "from short texts to vectors",
    ),
    "query-encode": Item(
        "ms p50",
        False,
        in_process.query_encode,
        {"sentence-transformers": "sentence_transformers"},
        ENCODED,
        "one query",
    ),
    "query-cached": Item("ms p50", False, in_process.query_cached, about="the same, for a query that was asked before"),
    "rerank": Item(
        "ms p50",
        False,
        lambda bench: in_process.rerank(bench, *SHORT),
        {"sentence-transformers": "sentence_transformers"},
        ENCODED,
        "50 pairs of about 60 tokens, all scored",
    ),
    "rerank-long": Item(
        "ms p50",
        False,
        lambda bench: in_process.rerank(bench, *LONG),
        {"sentence-transformers": "sentence_transformers"},
        ENCODED,
        "100 pairs of about 200 tokens, all scored",
    ),
    "hybrid": Item(
        "ms p50",
        False,
        in_process.hybrid,
        {"txtai": "txtai", "lancedb": "lancedb"},
        about="a search in process, 10 hits",
    ),
    "build": Item("docs/s", True, in_process.build, {"txtai": "txtai"}, ENCODED, "from texts to a searchable index"),
    "build-rest": Item(
        "s", False, in_process.build_rest, about="from all texts to a published index, without encoding them"
    ),
    "ann": Item(
        "queries/s",
        True,
        vectors.ann,
        {"faiss": "faiss", "hnswlib": "hnswlib", "usearch": "usearch"},
        about="from a query's vector to the 100 nearest, one thread; peers at the recall of Clew or above",
        peer_inputs=vectors.peer_inputs,
    ),
    "http": Item("requests/s", True, served.http, {"txtai": "txtai"}, about="8 clients of the server at once, 10 hits"),
    "http-latency": Item("ms p50", False, served.http_latency, {"txtai": "txtai"}, about="one request of the same"),
    "cold-start": Item(
        "s", False, served.cold_start, {"txtai": "txtai"}, about="from the start of the server to its first answer"
    ),
    "memory": Item(
        "GB a million",
        False,
        served.memory,
        {"txtai": "txtai"},
        about="resident memory that documents add to the server",
    ),
    "memory-base": Item(
        "MB", False, served.memory_base, {"txtai": "txtai"}, about="resident memory of a server with 100 documents"
    ),
}
