"""Stages that a release can leave out: reranking, the graph, and the vectors."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

if TYPE_CHECKING:
    from clew.search.pipeline import Searcher

Stage: TypeAlias = Literal["rerank", "graph", "dense"]
STAGES: tuple[Stage, ...] = get_args(Stage)
Enabled: TypeAlias = Literal["auto"] | bool


def stages_off(learned: Mapping[str, Any]) -> frozenset[str]:
    """Return the stages that a release leaves out. learned: its learned parameters."""
    return frozenset(learned.get("stages", {}).get("off", ()))


def has_stage(searcher: Searcher, stage: Stage) -> bool:
    """Return whether a searcher runs a stage, and could answer without it."""
    if stage == "rerank":
        return searcher.reranker is not None
    if stage == "graph":
        return searcher.graph_retriever is not None
    return "dense" in searcher.generators and len(searcher.generators) > 1


def without_stages(searcher: Searcher, off: Collection[str]) -> Searcher:
    """Return a searcher over the same files that leaves stages out. Close the given one only."""
    return replace(
        searcher,
        generators={name: each for name, each in searcher.generators.items() if name not in off},
        reranker=None if "rerank" in off else searcher.reranker,
        graph_retriever=None if "graph" in off else searcher.graph_retriever,
    )
