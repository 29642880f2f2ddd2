"""Check the parameters of a search request."""

from __future__ import annotations

from clew.core.errors import QueryError
from clew.search.types import (
    GRAPH_MODES,
    MAX_FACET_VALUES,
    MAX_GROUP_LIMIT,
    MAX_K,
    MAX_QUERY_CHARACTERS,
    MAX_WINDOW,
    SearchRequest,
)


def check(request: SearchRequest, *, listing: bool = False) -> None:
    """Check the parameters of a request. Raises QueryError that names the invalid one.

    listing: whether documents may be listed in another order than by relevance, and without a query.
    """
    if not listing:
        _check_relevance(request)
    elif request.browses and request.min_probability is not None:
        raise QueryError(
            f"min_probability is {request.min_probability:g}, but the query is empty", "leave it out, or give a query"
        )
    if len(request.query) > MAX_QUERY_CHARACTERS:
        raise QueryError(
            f"query has {len(request.query):,} characters", f"give at most {MAX_QUERY_CHARACTERS:,} characters"
        )
    _check_page(request)
    if not 0 <= request.facet_limit <= MAX_FACET_VALUES:
        raise QueryError(
            f"facet_limit is {request.facet_limit:,}",
            f"give 1 to {MAX_FACET_VALUES:,} values of each facet, or 0 for all",
        )
    if request.budget_ms is not None and not request.budget_ms > 0:
        raise QueryError(f"budget_ms is {request.budget_ms}", "give milliseconds above 0, or leave it out")
    if request.graph not in GRAPH_MODES:
        raise QueryError(f"graph is {request.graph!r}", f"expected {', '.join(GRAPH_MODES)}")
    if request.rerank is not None and not isinstance(request.rerank, bool):
        raise QueryError(f"rerank is {request.rerank!r}", "give true or false, or leave it out (set by the index)")
    if request.min_probability is not None and not 0 <= request.min_probability <= 1:
        raise QueryError(f"min_probability is {request.min_probability}", "give 0 to 1, or leave it out")


def _check_relevance(request: SearchRequest) -> None:
    """Check that a request has a query, and no option that only listings have."""
    if not request.query.strip():
        raise QueryError("query is empty", f"give 1 to {MAX_QUERY_CHARACTERS:,} characters")
    for name in ("sort", "search_after", "group_by"):
        if getattr(request, name):
            raise QueryError(f"{name} is for searches, which list documents", f"leave {name} out")


def _check_page(request: SearchRequest) -> None:
    """Check which hits a request asks for."""
    if not 1 <= request.k <= MAX_K:
        raise QueryError(f"k is {request.k:,}", f"give 1 to {MAX_K:,} documents; use offset for later pages")
    if not 0 <= request.offset <= MAX_WINDOW - request.k:
        raise QueryError(f"offset is {request.offset:,}", f"give 0 or more; offset + k may be at most {MAX_WINDOW:,}")
    if request.search_after is not None and request.offset:
        raise QueryError(f"offset is {request.offset:,}, and search_after is given", "give one of the two")
    if not 1 <= request.group_limit <= MAX_GROUP_LIMIT:
        raise QueryError(
            f"group_limit is {request.group_limit:,}", f"give 1 to {MAX_GROUP_LIMIT} documents of each group"
        )
    if request.group_limit > 1 and request.group_by is None:
        raise QueryError(f"group_limit is {request.group_limit:,}, but there is no group_by", "give both, or neither")
    if request.k * request.group_limit > MAX_K:
        raise QueryError(
            f"k is {request.k:,} and group_limit {request.group_limit:,}",
            f"give fewer; k times group_limit may be at most {MAX_K:,}",
        )
