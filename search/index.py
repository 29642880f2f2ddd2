"""The Python interface of an opened index: `clew.open` and `clew.Index`."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clew.core.errors import QueryError, UsageError
from clew.core.home import home_folder
from clew.search.names import listed
from clew.search.types import AnswerRequest, SearchRequest

if TYPE_CHECKING:
    from clew.search.graph_reports import LinkReport
    from clew.search.pipeline import Searcher
    from clew.search.types import AnswerResponse, GraphMode, SearchResponse, WhyNot


class Index:
    """An opened index. Use it as a context manager, or close it. Safe to use from several threads."""

    def __init__(self, searcher: Searcher) -> None:
        self.searcher = searcher
        self._closed = False

    def __enter__(self) -> Index:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Release files and memory maps. Call it once no search is running; calling it again does nothing."""
        if not self._closed:
            self._closed = True
            self.searcher.close()

    def warm_up(self) -> None:
        """Run a few searches, so that the first query is as fast as later ones; a server does so before it is ready.

        Raises StageUnavailable if no source can answer.
        """
        from clew.search.warm_up import warm_up

        self._check_open()
        warm_up(self.searcher)

    def _check_open(self) -> None:
        if self._closed:
            raise UsageError("the index is closed", "open it again with clew.open")

    def search(
        self,
        query: str = "",
        *,
        k: int = 10,
        offset: int = 0,
        filters: Mapping[str, Any] | None = None,
        facets: Sequence[str] = (),
        facet_limit: int = 20,
        profile: str = "product",
        sources: Sequence[str] | None = None,
        fusion: str | None = None,
        explain: bool = False,
        budget_ms: float | None = None,
        graph: GraphMode = "auto",
        rerank: bool | None = None,
        min_probability: float | None = None,
        sort: str | Sequence[str] = (),
        search_after: str | None = None,
        fields: str | Sequence[str] | None = None,
        group_by: str | None = None,
        group_limit: int = 1,
        disjunctive: Sequence[str] = (),
        expand: GraphMode | None = None,
    ) -> SearchResponse:
        """Search the index; without a query, list the documents that pass the filters.

        The options are the fields of `clew.SearchRequest`; sort and fields are also one string, such as "price:asc,
        rating:desc". expand is the old name of graph (deprecated). Raises QueryError that names the option at fault.
        """
        self._check_open()
        return self.searcher.search(
            SearchRequest(
                query=query,
                k=k,
                offset=offset,
                filters=filters,
                facets=tuple(facets),
                facet_limit=facet_limit,
                profile=profile,
                sources=None if sources is None else tuple(sources),
                fusion=fusion,
                explain=explain,
                budget_ms=budget_ms,
                graph=_graph_mode(graph, expand),
                rerank=rerank,
                min_probability=min_probability,
                sort=listed(sort),
                search_after=search_after,
                fields=None if fields is None else listed(fields),
                group_by=group_by,
                group_limit=group_limit,
                disjunctive=tuple(disjunctive),
            )
        )

    def answer(
        self,
        query: str,
        *,
        k: int = 5,
        filters: Mapping[str, Any] | None = None,
        sources: Sequence[str] | None = None,
        fusion: str | None = None,
        graph: GraphMode = "auto",
        rerank: bool | None = None,
        budget_ms: float | None = None,
        min_probability: float | None = None,
        expand: GraphMode | None = None,
    ) -> AnswerResponse:
        """Return the sentence of each of the first k documents (1 to 50) that answers a question best.

        The options are the fields of `clew.AnswerRequest` and of the search that it holds; expand is the old name of
        graph (deprecated). Raises QueryError that names the option at fault.
        """
        self._check_open()
        return self.searcher.answer(
            AnswerRequest(
                search=SearchRequest(
                    query=query,
                    filters=filters,
                    sources=None if sources is None else tuple(sources),
                    fusion=fusion,
                    budget_ms=budget_ms,
                    graph=_graph_mode(graph, expand),
                    rerank=rerank,
                ),
                k=k,
                min_probability=min_probability,
            )
        )

    def link(self, text: str, *, trace: bool = False) -> LinkReport:
        """Return the entities of the index's graph that a text names.

        trace: also return the entities that were considered and dropped, with the reason. Raises QueryError if the
        index has no graph.
        """
        from clew.search.graph_reports import link

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
        """Find the stage that lost a document which was expected among the first k hits. document: its id."""
        self._check_open()
        wanted = SearchRequest(query=query, k=k, filters=filters, rerank=rerank, min_probability=min_probability)
        return self.searcher.why_not(wanted, document)


def open(  # noqa: A001 - clew.open reads as what it does
    name: str, home: str | os.PathLike[str] | None = None, *, release: str | None = None, model: str | None = None
) -> Index:
    """Open the live release of an index, or another one by its id.

    home: folder that holds indexes and models ($CLEW_HOME, else `.clew`). model: a bi-encoder to use instead of the
    one in the spec, for an index whose model was moved. Raises NotFoundError if there is no such index or release,
    CorruptError if a file was changed, MismatchError if the model is not the one that the index was built with.
    """
    from clew.search.assemble import open_index

    return Index(open_index(home_folder(home), name, release, model=model))


def _graph_mode(graph: GraphMode, expand: GraphMode | None) -> GraphMode:
    """Return the graph mode, also if the caller gave it under its old name, expand."""
    if expand is None:
        return graph
    if graph != "auto":
        raise QueryError("graph and expand are both given", "expand is the old name of graph: leave it out")
    warnings.warn("expand is now called graph; the next release drops the old name", DeprecationWarning, stacklevel=3)
    return expand
