"""Explain in words why a candidate is not among the hits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from clew.search.docstore import DocStore
from clew.search.fields import Fields
from clew.search.filter_words import filter_words
from clew.search.filters import GROUPS, parse_filters
from clew.search.rerank.ordering import Ordering, rank_in
from clew.search.trace import Trace
from clew.search.types import SearchRequest, StageScore, WhyNot

_MOST_CONDITIONS = 5


def lost_before_ranking(document_id: str, stage: str, reason: str, stages: tuple[StageScore, ...] = ()) -> WhyNot:
    """Report that a stage lost a document before it was ranked."""
    return WhyNot(id=document_id, found=False, lost_at=stage, reason=reason, stages=stages)


def reason_lost(request: SearchRequest, ordering: Ordering, at: int) -> tuple[str | None, str]:
    """Return the stage that lost the candidate at index `at` of the pool, None if it is a hit, and the reason."""
    first, last = request.offset + 1, request.offset + request.k
    fused, rank = rank_in(ordering.fused, at), rank_in(ordering.shown, at)
    assert fused is not None  # noqa: S101 - every candidate of the pool has a fused rank
    if rank is None:
        _, _, probability = ordering.score(at)
        if probability is None:
            return "rerank", f"it was not scored, and no scored document reaches {request.min_probability:g}"
        return "rerank", f"its probability {probability:.3g} is below min_probability {request.min_probability:g}"
    if first <= rank <= last:
        return None, f"it is hit {rank}"
    outside = f"is outside hits {first} to {last}"
    if rank == fused:
        return "fusion", f"fused rank {fused} {outside}"
    moved = first <= fused <= last or fused <= last < rank
    return ("rerank" if moved else "fusion"), f"rank {rank} after reranking {outside}; its fused rank is {fused}"


def left_out(trace: Trace) -> str:
    """Return the end of a sentence: the stages that were left out of a search, each with the reason."""
    reasons = [f"{lost.stage} was left out: {lost.reason}" for lost in trace.degraded]
    if trace.graph is not None and not trace.graph.used:
        reasons.append(f"the graph was not used: {trace.graph.reason}")
    return "".join(f"; {each}" for each in reasons)


def not_a_candidate(stages: Sequence[StageScore], depth: int, trace: Trace, *, no_query_vector: bool) -> str:
    """Return why no source has a document among its candidates.

    stages: the document's score in each source that answered. depth: number of documents requested from each source.
    no_query_vector: whether the query has no vector, so that it has no dense ranking.
    """
    reasons = [_outside(stage, depth) for stage in stages]
    if no_query_vector:
        reasons.append("the query has no vector")
    return (", and ".join(reasons) or "no source answered") + left_out(trace)


def not_a_match(stages: Sequence[StageScore], trace: Trace) -> str:
    """Return why a document does not match the query. stages: its score in each source that answered."""
    reasons = {
        "bm25": "it has too few of the query's words",
        "dense": "its meaning is too far from the query's",
        "graph": "the graph does not lead to it",
    }
    shown = [
        "no query term is in it" if stage.stage == "bm25" and not stage.score else reasons[stage.stage]
        for stage in stages
        if stage.stage in reasons
    ]
    return (", and ".join(shown) or "no source answered") + left_out(trace)


def _outside(stage: StageScore, depth: int) -> str:
    """Return why a document is not among the candidates of a source."""
    if stage.stage == "bm25" and not stage.score:
        return "no query term is in it"
    if stage.stage == "dense" and stage.score is None:
        return "it has no vector"
    if stage.stage == "dense":
        return f"its vector is not among the {depth} nearest to the query"
    if stage.stage == "graph" and not stage.score:
        return "the graph does not lead to it"
    return f"it is not among the first {depth} documents of {stage.stage}"


def filtered_out(filters: Mapping[str, Any], fields: Fields, store: DocStore, document: int) -> str:
    """Return why filters exclude a document: the conditions that do, as they are typed with --filter."""
    failed = [
        text
        for condition, text in _conditions(filters)
        if not parse_filters(condition, fields).documents(store)[document]
    ]
    if not failed:
        every = ", ".join(text for _, text in _conditions(filters))
        return f"filters exclude it: none of its variants meets all of them ({every})"
    shown = ", ".join(failed[:_MOST_CONDITIONS])
    more = f" and {len(failed) - _MOST_CONDITIONS} more" if len(failed) > _MOST_CONDITIONS else ""
    return f"a filter excludes it: {shown}{more}" if len(failed) == 1 else f"filters exclude it: {shown}{more}"


def _conditions(filters: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield the conditions that must all hold, each as a filter of its own and in words."""
    for name, wanted in filters.items():
        if name not in GROUPS:
            operators = wanted if isinstance(wanted, Mapping) else {"in" if isinstance(wanted, list) else "eq": wanted}
            for operator, value in operators.items():
                yield {name: {operator: value}}, filter_words(name, operator, value)
        elif name == "must":
            for part in wanted:
                yield from _conditions(part)
        elif name == "must_not":
            for part in wanted:
                yield {"must_not": [part]}, f"not ({_words(part)})"
    if should := filters.get("should"):
        least = filters.get("min_should", 1)
        yield {"should": should, "min_should": least}, f"at least {least} of ({'; '.join(map(_words, should))})"


def _words(filters: Mapping[str, Any]) -> str:
    return " and ".join(text for _, text in _conditions(filters))
