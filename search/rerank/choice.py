"""Whether a search is reranked."""

from __future__ import annotations

from clew.core.errors import QueryError
from clew.search.rerank.stage import Reranker
from clew.search.types import SearchRequest


def chosen(reranker: Reranker | None, request: SearchRequest, *, by_fields: bool = False) -> Reranker | None:
    """Return the reranker of a request, or None. Raises QueryError if the request needs one and there is none.

    reranker: of the index. by_fields: whether hits are sorted by fields alone; that is not reranked unless the request
    says so, because relevance hardly counts there.
    """
    if request.browses:
        return None
    if request.rerank and reranker is None:
        raise QueryError(
            "rerank is true, but the index has no reranker", "leave it out, or add [rerank] to its spec and rebuild"
        )
    needed = request.rerank or request.min_probability is not None
    found = None if request.rerank is False or (by_fields and not needed) else reranker
    if request.min_probability is not None and found is None:
        hint = "leave rerank out" if reranker else "leave it out, or add [rerank] to its spec and rebuild"
        raise QueryError(f"min_probability is {request.min_probability:g}, but nothing is reranked", hint)
    return found
