"""Cursors: where a page of hits ended, so that the next one neither repeats nor leaves out a hit.

A cursor belongs to one release and one request. It names the last hit and its rank, and the stages that had to be left
out: the pages that follow leave them out too, because they would change the order. A page that cannot continue in the
same order is refused.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import astuple, dataclass, replace

from clew.core.errors import QueryError, StageUnavailable, StaleError
from clew.search.trace import Trace
from clew.search.types import Degradation, Hit, SearchRequest
from clew.search.versions import Release

RERANK, PAGING = "rerank", "paging"
# What decides which documents are listed and in what order; the other options only decide what is shown of them.
_ORDERING = (
    "query",
    "filters",
    "profile",
    "sources",
    "fusion",
    "graph",
    "rerank",
    "min_probability",
    "sort",
    "group_by",
)
_HINT = "ask for the first page again, and give the search_after of its answer"


@dataclass(frozen=True, slots=True)
class Cursor:
    """The end of a page.

    release: id of the release that answered; content: hash of its version. request: hash of the options that decide
    the order. rank: of the last hit, from 1; document: hash of its id. without: the stages that were left out.
    """

    release: str
    content: str
    request: str
    rank: int
    document: str
    without: tuple[str, ...] = ()

    @classmethod
    def after(
        cls, request: SearchRequest, release: Release, hits: Sequence[Hit], total: int, trace: Trace
    ) -> str | None:
        """Return the cursor behind the hits of a page, None if there are no further ones. total: hits of all pages."""
        if not hits or hits[-1].rank >= total:
            return None
        without = tuple(sorted(_left_out(trace) - {PAGING}))
        content, order = release.version_sha256[:12], _hash(_order(request))
        return str(cls(release.id, content, order, hits[-1].rank, _hash(hits[-1].id), without))

    @classmethod
    def of(cls, request: SearchRequest, release: Release) -> Cursor | None:
        """Return the cursor of a request, None if it has none.

        Raises QueryError if it cannot be read or is of another request, StaleError if it is of another release.
        """
        text = request.search_after
        if text is None:
            return None
        try:
            release_id, content, asked, rank, document, without = json.loads(base64.urlsafe_b64decode(text.encode()))
            found = cls(str(release_id), str(content), str(asked), int(rank), str(document), tuple(map(str, without)))
        except (binascii.Error, ValueError, TypeError, RecursionError):
            raise QueryError(f"search_after is {text[:40]!r}, which is not a cursor", _HINT) from None
        if found.rank < 1:
            raise QueryError(f"search_after is {text[:40]!r}, which is not a cursor", _HINT)
        if (found.release, found.content) != (release.id, release.version_sha256[:12]):
            answers = f"release {release.id} answers now" if found.release != release.id else "that was built again"
            raise StaleError(f"search_after is of release {found.release[:40]}, and {answers}", _HINT)
        if found.request != _hash(_order(request)):
            raise QueryError(
                "search_after is of another request", f"keep {', '.join(_ORDERING)} as they were on the first page"
            )
        return found

    def __str__(self) -> str:
        return base64.urlsafe_b64encode(json.dumps(astuple(self), separators=(",", ":")).encode()).decode()

    def continued(self, request: SearchRequest, sources: Collection[str]) -> SearchRequest:
        """Return the request for the page behind the cursor. sources: all of the index."""
        kept = tuple(name for name in request.sources or sources if name not in self.without)
        reranked = RERANK not in self.without
        return replace(
            request,
            offset=self.rank,
            search_after=None,
            sources=kept if self.without else request.sources,
            rerank=request.rerank if reranked else False,
            min_probability=request.min_probability if reranked else None,
        )

    @property
    def degraded(self) -> list[Degradation]:
        """Return the stages that are left out because they were on the page before."""
        return [Degradation(stage, "left out, as on the page before") for stage in self.without]

    def check(self, last: str | None, trace: Trace) -> None:
        """Check that a page continues the one before. last: id of the document before its first, None if none is.

        Raises StageUnavailable if a stage was left out that was not before, StaleError if the order is another one.
        """
        for stage in sorted(_left_out(trace) - set(self.without)):
            reason = next(lost.reason for lost in trace.degraded if lost.stage == stage)
            raise StageUnavailable(
                f"the page cannot continue the one before it without {stage}: {reason}",
                "ask for it again, with a longer budget_ms if one is given",
            )
        if last is None or _hash(last) != self.document:
            raise StaleError(f"hit {self.rank:,} is another document than on the page before", _HINT)


def _left_out(trace: Trace) -> set[str]:
    """Return the stages that were left out and that change the order. A graph that its snapshot replaces is not."""
    lost = {lost.stage for lost in trace.degraded} - {"facets"}
    return lost if trace.graph is None else lost - {"graph"}


def _order(request: SearchRequest) -> str:
    values = [getattr(request, name) for name in _ORDERING]
    return json.dumps(values, sort_keys=True, default=str)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
