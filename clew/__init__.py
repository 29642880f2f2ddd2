"""Clew: semantic search and knowledge-graph retrieval.

>>> import clew
>>> clew.build("shop.toml")  # doctest: +SKIP
>>> with clew.open("shop") as shop:  # doctest: +SKIP
...     for hit in shop.search("noise cancelling headphones", k=5).hits:
...         print(hit.rank, hit.id, hit.score)
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clew.core.version import __version__

if TYPE_CHECKING:
    from clew.indexer.build import BuildReport
    from clew.search.lookup import LinkReport
    from clew.search.pipeline import Searcher
    from clew.search.types import AnswerResponse, Expand, SearchResponse, WhyNot

__all__ = ["Index", "__version__", "build", "open"]


def _home(home: str | os.PathLike[str] | None) -> Path:
    return Path(home if home is not None else os.environ.get("CLEW_HOME") or ".clew")


class Index:
    """An opened index. Use it as a context manager, or close it."""

    def __init__(self, searcher: Searcher) -> None:
        self.searcher = searcher
        self._closed = False

    def __enter__(self) -> Index:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Release files and memory maps, once no search runs. May be called twice."""
        if not self._closed:
            self._closed = True
            self.searcher.close()

    def _check_open(self) -> None:
        if self._closed:
            from clew.core.errors import UsageError

            raise UsageError("the index is closed", "open it again with clew.open")

    def search(
        self,
        query: str,
        *,
        k: int = 10,
        offset: int = 0,
        filters: Mapping[str, Any] | None = None,
        facets: Sequence[str] = (),
        profile: str = "product",
        sources: Sequence[str] | None = None,
        fusion: str | None = None,
        explain: bool = False,
        budget_ms: float | None = None,
        expand: Expand = "auto",
        rerank: bool | None = None,
        min_probability: float | None = None,
    ) -> SearchResponse:
        """Search; the parameters are those of `clew.search.types.SearchRequest`. Raises QueryError that names one."""
        from clew.search.types import SearchRequest

        self._check_open()
        chosen = tuple(sources) if sources is not None else None
        return self.searcher.search(
            SearchRequest(
                query, k, offset, filters, tuple(facets), profile, chosen, fusion, explain, budget_ms, expand,
                rerank, min_probability,
            )
        )  # fmt: skip

    def answer(
        self,
        query: str,
        *,
        k: int = 5,
        filters: Mapping[str, Any] | None = None,
        sources: Sequence[str] | None = None,
        fusion: str | None = None,
        expand: Expand = "auto",
        rerank: bool | None = None,
        budget_ms: float | None = None,
        min_probability: float | None = None,
    ) -> AnswerResponse:
        """The sentences that answer a question best, one of each of the first k documents (1 to 50).

        The parameters are those of `clew.search.types.AnswerRequest`. Raises QueryError that names one.
        """
        from clew.search.types import AnswerRequest

        self._check_open()
        chosen = tuple(sources) if sources is not None else None
        return self.searcher.answer(
            AnswerRequest(query, k, filters, chosen, fusion, expand, rerank, budget_ms, min_probability)
        )

    def link(self, text: str, *, trace: bool = False) -> LinkReport:
        """The entities of the index's graph that a text names; with `trace` also those that were considered, and why.

        Raises QueryError for an index without a graph.
        """
        from clew.search.lookup import link

        self._check_open()
        return link(self.searcher, text, trace=trace)

    def why_not(
        self,
        query: str,
        document: str,
        *,
        k: int = 10,
        filters: Mapping[str, Any] | None = None,
        rerank: bool | None = None,
        min_probability: float | None = None,
    ) -> WhyNot:
        """Which stage lost a document that was expected among the first k hits."""
        from clew.search.types import SearchRequest

        self._check_open()
        wanted = SearchRequest(query, k, filters=filters, rerank=rerank, min_probability=min_probability)
        return self.searcher.why_not(wanted, document)


def open(  # noqa: A001 - clew.open reads as what it does
    name: str, home: str | os.PathLike[str] | None = None, *, release: str | None = None, model: str | None = None
) -> Index:
    """Open the live release of an index (or the one named) under a home ($CLEW_HOME, else .clew)."""
    from clew.search.assemble import open_index

    return Index(open_index(_home(home), name, release, model=model))


def build(
    spec: str | os.PathLike[str],
    home: str | os.PathLike[str] | None = None,
    *,
    override: str | None = None,
    until: str | None = None,
) -> BuildReport:
    """Build, verify and publish a new version of the index that a spec file describes.

    override, until: why, and until which day (YYYY-MM-DD), it goes live also where the judged queries speak against it;
    both or neither, UsageError otherwise. Raises QualityError where they do and nothing overrides them.
    """
    from clew.indexer.build import build as run
    from clew.indexer.override import Override
    from clew.indexer.spec import read_spec

    chosen = Override.of(override, until)
    return run(read_spec(Path(spec)), _home(home), override=chosen)
