"""Candidate sources: a table of index kinds."""

from __future__ import annotations

from typing import Any

from clew.core.registry import Registry

# Each value is an IndexKind class. Constructors differ; `clew.search.assemble` and the indexer call them.
KINDS: Registry[Any] = Registry(
    "index kind",
    {
        "bm25": "clew.search.candidates.bm25:BM25Kind",
        "rank_bm25": "clew.search.candidates.rank_bm25:RankBM25Kind",
        "dense": "clew.search.candidates.dense.kind:DenseKind",
        "graph": "clew.search.candidates.graph:GraphKind",
    },
)
