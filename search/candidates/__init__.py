"""Sources of candidates: each is an index kind, and a line in this table."""

from __future__ import annotations

from typing import Any

from clew.core.registry import Registry

# Constructors differ; `clew.search.assemble` and the indexer know them. What they make is an IndexKind.
KINDS: Registry[Any] = Registry(
    "index kind",
    {
        "bm25": "clew.search.candidates.bm25:BM25Kind",
        "rank_bm25": "clew.search.candidates.rank_bm25:RankBM25Kind",
        "dense": "clew.search.candidates.dense.kind:DenseKind",
        "graph": "clew.search.candidates.graph:GraphKind",
    },
)
