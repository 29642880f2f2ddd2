"""The stages of a search: query analysis → filter → candidates → graph → fusion → rerank → present.

A source that raises StageUnavailable, or for which no time is left, is left out and reported; so are reranking and
facets (`search/trace.py`).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from clew.core.artifacts import SharedLock
from clew.core.errors import StageUnavailable
from clew.core.types import Bools, Deadline, Floats
from clew.search.answer import AnswerExtractor, checked
from clew.search.check_request import check
from clew.search.docstore import DocStore
from clew.search.fields import Fields
from clew.search.filters import Filter, parse_filters, unknown_values
from clew.search.fusion import FusedCandidates, FusionSpec, fusion_of
from clew.search.gate import Gate
from clew.search.graph_retriever import GraphRetriever
from clew.search.hits import Hits, stage_scores
from clew.search.listing.browse import NOTHING_LISTED, browsed
from clew.search.listing.cursor import Cursor
from clew.search.listing.facet_counts import FacetCounts
from clew.search.listing.groups import Grouping
from clew.search.listing.order import Listing, Relevance, unscored
from clew.search.listing.sort_keys import parse_sort, sorts_by_fields
from clew.search.match_set import MatchSet, MeaningFloor, documents_of
from clew.search.names import selected
from clew.search.present import Presenter
from clew.search.profile import load_profile
from clew.search.protocols import CandidateGenerator, ParsedQuery
from clew.search.query_analysis import QueryAnalyzer
from clew.search.rerank.choice import chosen
from clew.search.rerank.ordering import Ordering
from clew.search.rerank.stage import Reranker
from clew.search.retrieval import Retriever
from clew.search.trace import Trace
from clew.search.types import (
    AnswerRequest,
    AnswerResponse,
    GraphMode,
    GraphUse,
    SearchRequest,
    SearchResponse,
    Total,
    WhyNot,
)
from clew.search.versions import IndexVersion, Release
from clew.search.why_not import filtered_out, lost_before_ranking, not_a_candidate, not_a_match, reason_lost

NO_MATCH = "no results: no document has enough of the query's words, and none is near enough to it in meaning"


@dataclass(frozen=True, slots=True)
class Searcher:
    """An opened release of an index. Safe for concurrent searches; close it after the last one.

    generators: source → generator, in the order in which explanations list them. shared_lock: protects the version from
    gc. graph_retriever: the knowledge graph, None if the index has none; gate: decides whether a query uses it.
    floor: from which cosine on a document matches by meaning. reranker: None if the index does not rerank.
    """

    release: Release
    version: IndexVersion
    fields: Fields
    store: DocStore
    query_analyzer: QueryAnalyzer
    generators: Mapping[str, CandidateGenerator]
    fusion: FusionSpec
    shared_lock: SharedLock
    graph_retriever: GraphRetriever | None = None
    gate: Gate = field(default_factory=Gate)
    floor: MeaningFloor = field(default_factory=MeaningFloor)
    reranker: Reranker | None = None

    @property
    def sources(self) -> tuple[str, ...]:
        """Return the names of the candidate sources."""
        return tuple(self.generators)

    def close(self) -> None:
        """Release files and memory maps."""
        with ExitStack() as rest:
            rest.callback(self.shared_lock.release)
            if self.graph_retriever is not None:
                rest.callback(self.graph_retriever.close)
            rest.callback(self.store.close)
            for generator in self.generators.values():
                rest.callback(generator.close)

    def search(self, request: SearchRequest) -> SearchResponse:
        """Answer one search. Raises QueryError for an invalid request, StageUnavailable if no source can answer."""
        check(request, listing=True)
        asked, cursor = request, Cursor.of(request, self.release)
        if cursor is not None:
            request = cursor.continued(request, self.sources)
        keys = parse_sort(request.sort, self.fields)
        profile, reranker = (
            load_profile(request.profile),
            chosen(self.reranker, request, by_fields=sorts_by_fields(keys)),
        )
        names = None if request.fields is None else selected(request.fields, self.fields)
        grouping = Grouping(self.store, request.group_by, request.group_limit) if request.group_by else None
        trace = Trace(Deadline.after_ms(request.budget_ms))
        trace.degraded.extend(cursor.degraded if cursor else ())
        started = time.perf_counter()
        with trace.mandatory("filter"):
            filters = self._filters(request)
            filter_mask = filters.documents(self.store) if filters else None
            passing = filters.variants(self.store) if filters else None
        if request.browses:
            query, ordering, matches = browsed(self.store, filter_mask)
        else:
            # A sort compares all documents that match, and groups count them.
            wanted = 0 if keys else self.store.documents if grouping else request.offset + request.k
            query, ordering, matches = self._ordered(request, reranker, trace, filter_mask, wanted)
        listing = Listing(self.store, keys, self._relevance(request, query, ordering, matches), passing)
        with trace.mandatory("sort"):
            page = listing.page(request.offset, request.k, grouping)
            if cursor is not None:
                cursor.check(None if page.before is None else self.store.id(page.before), trace)
            ordering = listing.relevance.including(page.documents)
        with trace.mandatory("present"):
            presenter = Presenter(self.query_analyzer.analyzer, query, self.fields, profile, passing, names)
            shown = Hits(self.store, self.generators, ordering, presenter, listing, request.explain)
            hits = shown.hits(page.best, request.offset)
            groups = shown.groups(page) if grouping else ()
        listed = listing.relevance.listed
        total = Total(int(np.count_nonzero(listed)), "eq" if matches.exact or not listed.any() else "gte")
        facets = {}
        if (counted := request.facets or profile.facets_of(self.fields)) or request.disjunctive:
            with trace.stage("facets"):
                again = partial(self._listed_under, request, ordering, trace)
                counts = FacetCounts(self.store, filters, listed, again, request.facet_limit)
                facets = counts.count(counted, request.disjunctive)
        trace.timings_ms["total"] = (time.perf_counter() - started) * 1000
        return SearchResponse(
            query=query.text,
            hits=hits,
            total=total,
            considered=matches.count,
            release=self.release.id,
            index=self.release.index,
            facets=facets,
            timings_ms=trace.timings_ms,
            degraded=tuple(trace.degraded),
            notes=(
                *unknown_values(filters, self.store),
                *query.notes,
                *ordering.note(request.min_probability),
                *(() if matches.count else (NOTHING_LISTED if request.browses else NO_MATCH,)),
            ),
            coverage=trace.coverage,
            graph=self._explained(trace) if request.explain else trace.graph,
            rerank=ordering.use(reranker.spec, ordering.places(page.best)) if reranker is not None else None,
            search_after=Cursor.after(asked, self.release, hits, page.total, trace),
            groups=groups,
            total_groups=page.total if grouping else None,
        )

    def answer(self, request: AnswerRequest) -> AnswerResponse:
        """Return the best sentences of the first documents. Raises the same errors as `search`."""
        asked = checked(request)
        check(asked)
        reranker, trace = chosen(self.reranker, asked), Trace(Deadline.after_ms(asked.budget_ms))
        started = time.perf_counter()
        with trace.mandatory("filter"):
            filters = self._filters(asked)
            filter_mask = filters.documents(self.store) if filters else None
        # min_probability applies to sentences, so no document is dropped because of its best passage.
        unlimited = replace(asked, min_probability=None)
        query, ordering, matches = self._ordered(unlimited, reranker, trace, filter_mask, asked.k)
        parts = self.store, self.fields, self.query_analyzer.analyzer, self.generators
        answers = AnswerExtractor(*parts, fusion_of(asked.fusion, self.fusion), reranker).answers(
            query, ordering, request, trace
        )
        trace.timings_ms["total"] = (time.perf_counter() - started) * 1000
        return AnswerResponse(
            query=query.text,
            answers=answers.found,
            nothing_good=answers.nothing_good,
            considered=matches.count,
            sentences=answers.read,
            release=self.release.id,
            index=self.release.index,
            timings_ms=trace.timings_ms,
            degraded=tuple(trace.degraded),
            notes=(
                *unknown_values(filters, self.store),
                *query.notes,
                *ordering.note(None),
                *answers.notes,
                *(() if matches.count else (NO_MATCH,)),
            ),
            coverage=trace.coverage,
            graph=trace.graph,
            rerank=ordering.use(reranker.spec, ordering.shown[: request.k]) if reranker is not None else None,
        )

    def rank(
        self,
        query: str,
        depth: int,
        *,
        sources: tuple[str, ...] | None = None,
        fusion: FusionSpec | str | None = None,
        among: Sequence[str] | None = None,
        graph: GraphMode = "auto",
        rerank: bool | None = None,
    ) -> tuple[list[str], Floats]:
        """Return ids and scores of the `depth` best documents, without fields (for benchmarks and `clew run`).

        Documents that do not match follow those that do, which a search would show alone. Scores are fused scores, or
        log-odds if documents are reranked; documents that follow have lower scores. among: only these document ids are
        candidates, and all of them match. rerank: None means as the index says. Reranking has no time limit. Raises
        StageUnavailable if a stage cannot answer, because a benchmark of a system without it would measure another one.
        """
        request = SearchRequest(query=query, sources=sources, graph=graph, rerank=rerank)
        reranker = chosen(self.reranker, request)
        deep = max(depth, reranker.spec.top) if reranker else depth
        parsed, pool, trace = self._found(request, deep, fusion, among)
        matching = np.ones(len(pool.documents), np.bool_)
        if among is None:
            matching = self._retriever.matches(parsed, pool, trace, None, self.floor).among(pool)
        matched = pool.take(np.flatnonzero(matching))
        ordering = None
        if reranker is not None:
            matched = self._retriever.with_titles(parsed, matched, reranker.spec.top)
            with trace.stage("rerank"):
                ordering = reranker.without_budget().rerank(parsed.text, matched, self.store, trace.deadline)
            trace.check_complete()
        ordering = (ordering or Ordering.as_fused(matched)).extend(pool.take(np.flatnonzero(~matching)))
        places, scores = ordering.first(depth)
        return self.store.ids(ordering.pool.documents[places]), scores

    def pool(
        self,
        query: str,
        depth: int,
        *,
        sources: tuple[str, ...] | None = None,
        fusion: FusionSpec | str | None = None,
        among: Sequence[str] | None = None,
        graph: GraphMode = "auto",
    ) -> FusedCandidates:
        """Return all candidates of a query with their parts: the input of `rank`, and of learning fusion weights."""
        return self.traced(query, depth, sources=sources, fusion=fusion, among=among, graph=graph)[0]

    def traced(
        self,
        query: str,
        depth: int,
        *,
        sources: tuple[str, ...] | None = None,
        fusion: FusionSpec | str | None = None,
        among: Sequence[str] | None = None,
        graph: GraphMode = "auto",
    ) -> tuple[FusedCandidates, Trace]:
        """Return all candidates of a query with their parts, and the trace: the input of learning a gate."""
        asked = SearchRequest(query=query, sources=sources, graph=graph)
        parsed, pool, trace = self._found(asked, depth, fusion, among)
        top = self.reranker.spec.top if self.reranker else 0
        return self._retriever.with_titles(parsed, pool, top) if top else pool, trace

    def why_not(self, request: SearchRequest, document_id: str) -> WhyNot:
        """Return which stage lost an expected document, and the score that every stage gave it."""
        check(request)
        reranker = chosen(self.reranker, request)
        document = self.store.find(document_id)
        if document is None:
            return lost_before_ranking(document_id, "index", f"this release has no document {document_id!r}")
        trace = Trace(Deadline())
        filters = self._filters(request)
        filter_mask = filters.documents(self.store) if filters else None
        if filter_mask is not None and not filter_mask[document]:
            reason = filtered_out(request.filters or {}, self.fields, self.store, document)
            return lost_before_ranking(document_id, "filter", reason)
        wanted = request.offset + request.k
        query, ordering, matches = self._ordered(request, reranker, trace, filter_mask, wanted)
        stages = stage_scores(query, ordering, document, self.store, self.generators)
        place = ordering.pool.index_of(document)
        if place is None and not matches.documents[document]:
            return lost_before_ranking(document_id, "match", not_a_match(stages, trace), stages)
        if place is None:
            vectors = "dense" in (request.sources or self.generators) and query.vector is None
            missing = vectors and all(lost.stage != "dense" for lost in trace.degraded)
            depth = self._depth(request, reranker)
            reason = not_a_candidate(stages, depth, trace, no_query_vector=missing)
            return lost_before_ranking(document_id, "candidates", reason, stages)
        lost_at, reason = reason_lost(request, ordering, place)
        return WhyNot(id=document_id, found=lost_at is None, lost_at=lost_at, reason=reason, stages=stages)

    # ------------------------------------------------------------------ stages

    @property
    def _retriever(self) -> Retriever:
        return Retriever(self.store, self.query_analyzer, self.generators, self.graph_retriever, self.gate)

    def _depth(self, request: SearchRequest, reranker: Reranker | None) -> int:
        """Return how many documents are requested from each source: the same number for all pages of a query."""
        return max(load_profile(request.profile).depth, reranker.spec.top if reranker else 0)

    def _ordered(
        self,
        request: SearchRequest,
        reranker: Reranker | None,
        trace: Trace,
        filter_mask: Bools | None,
        wanted: int,
    ) -> tuple[ParsedQuery, Ordering, MatchSet]:
        """Return the candidates that match in the order shown, at least `wanted` if so many match, and all that match.

        The order is that of the fused scores if nothing is reranked or the time is used up. The first candidates and
        their order do not depend on the page. A page behind them also gets the candidates that follow them, so pages of
        one query neither repeat nor leave out a document.
        """
        depth, fusion = self._depth(request, reranker), fusion_of(request.fusion, self.fusion)
        query, pool = self._retriever.pool(request, trace, depth, filter_mask, fusion)
        with trace.mandatory("match"):
            matches = self._retriever.matches(query, pool, trace, filter_mask, self.floor)
        pool = pool.take(np.flatnonzero(matches.among(pool)))
        found = None
        if reranker is not None:
            with trace.stage("rerank"):
                pool = self._retriever.with_titles(query, pool, reranker.spec.top)
                found = reranker.rerank(query.text, pool, self.store, trace.deadline)
                if found.stopped == "budget":
                    raise StageUnavailable(f"{found.wanted} documents could not be scored in the time left")
        ordering = found or Ordering.as_fused(pool)
        # As many more documents may be needed as min_probability drops.
        dropped = ordering.reached if request.min_probability is not None else 0
        if matches.count > len(pool.documents) < wanted + dropped:
            with trace.stage("paging"):
                ordering = ordering.extend(self._retriever.rest(query, pool, trace, matches.documents, fusion))
                if len(ordering.pool.documents) < wanted + dropped:
                    further = matches.behind(ordering.pool)
                    ordering = ordering.extend(self._retriever.scored(query, pool, fusion, further))
        return query, ordering.filter_by_probability(request.min_probability), matches

    def _relevance(
        self, request: SearchRequest, query: ParsedQuery, ordering: Ordering, matches: MatchSet
    ) -> Relevance:
        """Return the relevance of the documents that a search lists: those that match and are not dropped."""
        listed = matches.documents & ~documents_of(ordering.lost, self.store)
        if len(ordering.order) and not len(ordering.shown):
            # All reranked documents were dropped, so nothing is shown, and nothing counts.
            listed[:] = False
        if request.browses:
            return Relevance(ordering, listed, unscored)
        scored = partial(self._retriever.scored, query, ordering.pool, fusion_of(request.fusion, self.fusion))
        return Relevance(ordering, listed, scored)

    def _listed_under(self, request: SearchRequest, ordering: Ordering, trace: Trace, filters: Filter | None) -> Bools:
        """Return (documents,) bool, what a search lists under other filters, without the documents that it dropped.

        Raises StageUnavailable if a stage cannot answer that answered the search.
        """
        mask = filters.documents(self.store) if filters else None
        if request.browses:
            return browsed(self.store, mask)[2].documents
        again, depth = Trace(trace.deadline), self._depth(request, None)
        query, pool = self._retriever.pool(request, again, depth, mask, fusion_of(request.fusion, self.fusion))
        found = self._retriever.matches(query, pool, again, mask, self.floor).documents
        for lost in again.degraded:
            if lost.stage not in {each.stage for each in trace.degraded}:
                raise StageUnavailable(lost.reason)
        return found & ~documents_of(ordering.lost, self.store)

    def _found(
        self, request: SearchRequest, depth: int, fusion: FusionSpec | str | None, among: Sequence[str] | None
    ) -> tuple[ParsedQuery, FusedCandidates, Trace]:
        """Return the candidates of a request that all sources answer. Raises StageUnavailable if one cannot."""
        check(request)
        filter_mask = None
        if among is not None:
            filter_mask = np.zeros(self.store.documents, np.bool_)
            filter_mask[[at for at in map(self.store.find, among) if at is not None]] = True
        trace = Trace(Deadline())
        query, pool = self._retriever.pool(request, trace, depth, filter_mask, fusion_of(fusion, self.fusion))
        trace.check_complete()
        return query, pool, trace

    def _explained(self, trace: Trace) -> GraphUse | None:
        """Return how the graph was used, with the parts of the gate's log-odds if it decided."""
        if trace.graph is None or trace.gate_features is None:
            return trace.graph
        return replace(trace.graph, parts=self.gate.parts(trace.gate_features))

    def _filters(self, request: SearchRequest) -> Filter | None:
        """Return the parsed filters of a request; None if it has none."""
        return parse_filters(request.filters, self.fields) if request.filters else None
