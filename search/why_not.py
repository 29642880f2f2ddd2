"""Explain in words why a candidate is not among the hits."""

from __future__ import annotations

from clew.search.rerank.ordering import Ordering, rank_in
from clew.search.trace import Trace
from clew.search.types import SearchRequest


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
    """Return the stages that took no part in a search, and why, as the end of a sentence."""
    reasons = [f"{lost.stage} was left out: {lost.reason}" for lost in trace.degraded]
    if trace.graph is not None and not trace.graph.used:
        reasons.append(f"the graph was not used: {trace.graph.reason}")
    return "".join(f"; {each}" for each in reasons)
