"""Retrieve candidates from every source, the graph included, and fuse them into one pool of scored documents."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from clew.core.errors import QueryError, StageUnavailable, unknown_name
from clew.core.types import Bools, Deadline, Floats, Ints, Ranking
from clew.kg.relations import relation_words
from clew.search.docstore import DocStore
from clew.search.filters import passages
from clew.search.fusion import FusedCandidates, FusionSpec
from clew.search.gate import Gate, features
from clew.search.graph_retriever import GraphRetriever
from clew.search.match_set import MatchSet, MeaningFloor, added_matches, graph_matches, word_matches
from clew.search.outmatched import outmatched
from clew.search.protocols import (
    CandidateGenerator,
    CandidateRequest,
    Expansion,
    MatchesAny,
    MayMiss,
    ParsedQuery,
    Vocabulary,
    WordIndex,
)
from clew.search.query_analysis import QueryAnalyzer
from clew.search.titles import Titles, with_titles
from clew.search.trace import Trace
from clew.search.types import MAX_WINDOW, Degradation, GraphUse, SearchRequest

GRAPH = "graph"
# How many documents of an approximate index match by meaning at most.
APPROXIMATE_DEPTH = 1_000


@dataclass(frozen=True, slots=True)
class Retriever:
    """The sources that candidates are retrieved from.

    generators: source → generator, in the order in which explanations list them. graph_retriever: the knowledge graph,
    None if the index has none; gate: decides whether a query uses it.
    """

    store: DocStore
    query_analyzer: QueryAnalyzer
    generators: Mapping[str, CandidateGenerator]
    graph_retriever: GraphRetriever | None
    gate: Gate

    def pool(
        self, request: SearchRequest, trace: Trace, depth: int, filter_mask: Bools | None, fusion: FusionSpec
    ) -> tuple[ParsedQuery, FusedCandidates]:
        """Retrieve the candidates of every source as documents, with the score of every candidate in every source."""
        names = self._names(request)
        with trace.mandatory("understand"):
            query = self.query_analyzer.terms(request.query)
            if "bm25" in names and isinstance(words := self.generators["bm25"], WordIndex):
                query = self.query_analyzer.respelled(self.query_analyzer.identified(query, words), words)
        allowed = passages(filter_mask, self.store) if filter_mask is not None else None
        lists: dict[str, Ranking] = {}
        for name in names:
            if name == GRAPH:
                continue
            with trace.stage(name):
                # The first source always runs, because without it there would be no candidates at all.
                if lists and trace.deadline.passed:
                    raise StageUnavailable("the time budget was used up before this stage")
                if name == "dense":
                    query = self.query_analyzer.vector(query)
                    if query.vector is None:
                        continue
                lists[name] = self._documents(name, CandidateRequest(query, depth, allowed, trace.deadline), trace)
        if GRAPH in names:
            with trace.stage(GRAPH):
                if "dense" not in names and self.query_analyzer.encoder is not None:
                    query = replace(self.query_analyzer.vector(query), notes=query.notes)
                asked = CandidateRequest(query, depth, allowed, trace.deadline)
                query = self._expanded(request, asked, lists, trace)
        if not lists and trace.degraded:
            raise StageUnavailable(
                "; ".join(f"{lost.stage}: {lost.reason}" for lost in trace.degraded), "no source could answer"
            )
        with trace.mandatory("fusion"):
            pool = self._joined(query, lists, fusion)
            if trace.graph is not None and pool.outmatched is not None:
                trace.graph = replace(trace.graph, outmatched=int(np.count_nonzero(pool.outmatched)))
        return query, pool

    def rest(
        self, query: ParsedQuery, pool: FusedCandidates, trace: Trace, filter_mask: Bools | None, fusion: FusionSpec
    ) -> FusedCandidates:
        """Return the candidates behind those of a pool: of the first MAX_WINDOW of each of its sources.

        query: as it was asked for the pool, with what the graph added. Raises StageUnavailable if a source cannot
        answer or no time is left.
        """
        if trace.deadline.passed:
            raise StageUnavailable("the time budget was used up before this stage")
        allowed = passages(filter_mask, self.store) if filter_mask is not None else None
        asked = CandidateRequest(query, MAX_WINDOW, allowed, trace.deadline)
        deep = self._joined(query, {name: self._documents(name, asked, trace) for name in pool.sources}, fusion)
        return deep.take(np.flatnonzero(~np.isin(deep.documents, pool.documents)))

    def scored(self, query: ParsedQuery, pool: FusedCandidates, fusion: FusionSpec, documents: Ints) -> FusedCandidates:
        """Return documents, (m,) ascending ordinals, as candidates that no source listed, scored as those of a pool."""
        nothing = np.empty(0, np.int64), np.empty(0)
        statistics = [(float(mean), float(deviation)) for mean, deviation in pool.score_statistics]
        unlisted = (Ranking(*nothing, score_statistics=each) for each in statistics)
        return self._joined(query, dict(zip(pool.sources, unlisted, strict=True)), fusion, documents)

    def with_titles(self, query: ParsedQuery, pool: FusedCandidates, count: int) -> FusedCandidates:
        """Return a pool with the title shares of its first `count` candidates, if the index has words and titles."""
        titles = self._titles(query)
        return pool if titles is None else with_titles(pool, titles, count)

    def _titles(self, query: ParsedQuery) -> Titles | None:
        vocabulary = next((each for each in self.generators.values() if isinstance(each, Vocabulary)), None)
        if vocabulary is None:
            return None
        return Titles.of(query, self.query_analyzer.analyzer, vocabulary, self.store)

    def matches(
        self, query: ParsedQuery, pool: FusedCandidates, trace: Trace, filter_mask: Bools | None, floor: MeaningFloor
    ) -> MatchSet:
        """Return the documents that match a query, see `clew.search.match_set`. pool: the query's first candidates."""
        found = np.zeros(self.store.documents, np.bool_)
        exact, words = True, False
        # Whether the query has known words also matters if the request does not rank by words.
        for name, generator in self.generators.items():
            if isinstance(generator, MatchesAny):
                matching = word_matches(generator, query, self.store)
                words |= bool(matching.any())
                if name in pool.sources:
                    found |= matching
        for row, name in enumerate(pool.sources):
            generator = self.generators[name]
            if isinstance(generator, MatchesAny):
                found[added_matches(generator, query, self.store)] = True
            elif name == GRAPH:
                found[graph_matches(generator, query, self.store)] = True
            else:
                statistics = pool.score_statistics[row]
                least = floor.cosine(query, statistics, generator, self.query_analyzer, words=words)
                near, complete = self._near(name, row, query, pool, trace, filter_mask, least)
                found[near] = True
                exact &= complete
        # A source that did not answer, or not in full, may have had further documents.
        exact &= not trace.partial and not any(lost.stage in self.generators for lost in trace.degraded)
        return MatchSet(found if filter_mask is None else found & filter_mask, exact)

    def _near(
        self,
        name: str,
        row: int,
        query: ParsedQuery,
        pool: FusedCandidates,
        trace: Trace,
        filter_mask: Bools | None,
        least: float,
    ) -> tuple[Ints, bool]:
        """Return the documents of cosine `least` or more, and whether these are certainly all."""
        generator = self.generators[name]
        surely = not (isinstance(generator, MayMiss) and generator.approximate)
        known = pool.documents[pool.scores[row] >= least]
        listed = pool.scores[row][pool.ranks[row] >= 0]
        if not len(listed) or listed.min() < least:
            return known, surely
        # All that were listed are near enough, so more may be.
        depth = MAX_WINDOW if surely else APPROXIMATE_DEPTH
        allowed = passages(filter_mask, self.store) if filter_mask is not None else None
        deeper = self._documents(name, CandidateRequest(query, depth, allowed, trace.deadline), trace)
        near = deeper.ordinals[deeper.scores >= least]
        return np.union1d(known, near), surely and len(near) < depth

    def _names(self, request: SearchRequest) -> tuple[str, ...]:
        """Return the sources to ask. Raises UnknownNameError, or QueryError if they do not fit the graph mode."""
        names = tuple(dict.fromkeys(request.sources or self.generators))
        for name in names:
            if name not in self.generators:
                raise unknown_name("source", name, self.generators)
        if request.graph == "on" and self.graph_retriever is None:
            raise QueryError(
                "graph is 'on', but the index has no graph", "leave graph out, or add [graph] to the spec and rebuild"
            )
        if request.graph == "on" and GRAPH not in names:
            raise QueryError(f"graph is 'on', but sources are {', '.join(names)}", "add graph to sources")
        if request.graph == "off" and names == (GRAPH,):
            raise QueryError("graph is 'off', but graph is the only source", "leave out graph or name another source")
        return tuple(name for name in names if name != GRAPH) if request.graph == "off" else names

    def _expanded(
        self, request: SearchRequest, asked: CandidateRequest, lists: dict[str, Ranking], trace: Trace
    ) -> ParsedQuery:
        """Return the query as the graph expands it; if it is used, add its ranking to lists and replace BM25's."""
        graph_retriever = self.graph_retriever
        assert graph_retriever is not None  # noqa: S101 - the source is there only with it
        if lists and trace.deadline.passed:
            raise StageUnavailable("the time budget was used up before this stage")
        # The first source always runs, because without it there would be no candidates at all.
        expansion = graph_retriever.expand(asked.query, trace.deadline if lists else Deadline())
        named = graph_retriever.entities(expansion, asked.query.text)
        if not expansion.reached:
            nowhere = "no entity is reached from those it names" if named else "the query names no entity of the graph"
            trace.graph = GraphUse(used=False, reason=nowhere, entities=named)
            self._report_loss(expansion, trace)
            return asked.query
        wide = replace(asked, query=replace(asked.query, expansion=expansion))
        found = self._documents(GRAPH, wide, trace)
        use, seen = self._gated(request, wide.query, {**lists, GRAPH: found})
        query, added = self._added(graph_retriever, wide, lists, found, trace) if use.used else (asked.query, {})
        if use.used and not added:
            use, seen = GraphUse(used=False, reason="the entities reached add neither terms nor documents"), None
        # Everything is set at the end, so that a stage that fails half-way changes nothing.
        trace.graph = replace(use, entities=named, reached=len({reached.entity for reached in expansion.reached}))
        trace.gate_features = seen
        lists.update(added)
        self._report_loss(expansion, trace)
        return query if use.used else asked.query

    @staticmethod
    def _report_loss(expansion: Expansion, trace: Trace) -> None:
        if expansion.lost:
            reason = f"{expansion.lost}; the edges of the snapshot were used instead"
            trace.degraded.append(Degradation(GRAPH, reason))

    def _added(
        self,
        graph_retriever: GraphRetriever,
        asked: CandidateRequest,
        lists: Mapping[str, Ranking],
        found: Ranking,
        trace: Trace,
    ) -> tuple[ParsedQuery, dict[str, Ranking]]:
        """Return the query with the terms that the graph adds, and the rankings that are added or replaced."""
        query, added = asked.query, {}
        if "terms" in graph_retriever.spec.use and "bm25" in lists:
            terms, origins = graph_retriever.names(query, self.query_analyzer.analyzer)
            if terms:
                query = replace(query, terms=(*query.terms, *terms), origins=origins)
                added["bm25"] = self._documents("bm25", replace(asked, query=query), trace)
        if ("ranking" in graph_retriever.spec.use or not lists) and len(found):
            added[GRAPH] = found
        return query, added

    def _gated(
        self, request: SearchRequest, query: ParsedQuery, lists: Mapping[str, Ranking]
    ) -> tuple[GraphUse, Floats | None]:
        """Return whether the graph is used, and the features of the gate, None if the gate does not decide."""
        if request.graph == "on":
            return GraphUse(used=True, reason="asked for"), None
        if len(lists) == 1:
            return GraphUse(used=True, reason="the only source"), None
        graph_retriever = self.graph_retriever
        assert graph_retriever is not None  # noqa: S101 - see _expanded
        seen = features(query, lists, graph_retriever.prominence(query))
        chance = self.gate.probability(seen)
        used = chance >= self.gate.threshold
        reason = f"the gate's probability that it helps is {chance:.2f}, the threshold is {self.gate.threshold:g}"
        return GraphUse(used=used, reason=reason, probability=chance), seen

    def _documents(self, name: str, request: CandidateRequest, trace: Trace) -> Ranking:
        """Rank a source's first k documents: ask it for more passages until these are of k distinct documents."""
        generator, wanted = self.generators[name], request.k
        # Start with the average number of passages of k documents, so that one request is mostly enough.
        usual = math.ceil(wanted * generator.size / max(1, self.store.documents))
        request = replace(request, k=max(wanted, min(usual, generator.size)))
        while True:
            ranking = generator.candidates(request)
            if generator.size == self.store.documents:
                documents, first = ranking.ordinals, np.arange(len(ranking))
            else:
                documents = self.store.document_of[ranking.ordinals]
                first = np.sort(np.unique(documents, return_index=True)[1])
            if len(first) >= wanted or len(ranking) < request.k or request.k >= generator.size:
                break
            request = replace(request, k=min(request.k * 2, generator.size))
        trace.answered += ranking.answered
        trace.asked += ranking.asked
        if ranking.answered < ranking.asked:
            trace.partial.append(name)
        best = first[:wanted]
        return replace(ranking, ordinals=documents[best], scores=ranking.scores[best])

    def _joined(
        self, query: ParsedQuery, lists: Mapping[str, Ranking], fusion: FusionSpec, unlisted: Ints | None = None
    ) -> FusedCandidates:
        """Fuse the documents of the sources; every source scores each document by its best passage in that source.

        unlisted: (m,) ordinals of further documents to score.
        """
        found = [
            np.empty(0, np.int64) if unlisted is None else unlisted,
            *(listed.ordinals for listed in lists.values()),
        ]
        union = np.unique(np.concatenate(found))
        first, counts = self.store.first[union], self.store.first[union + 1] - self.store.first[union]
        heads = np.cumsum(counts) - counts
        ordinals = np.arange(counts.sum()) + np.repeat(first - heads, counts)
        scores = np.full((len(lists), len(union)), np.nan)
        ranks = np.full((len(lists), len(union)), -1, np.int64)
        best = np.full((len(lists), len(union)), -1, np.int64)
        for row, (name, listed) in enumerate(lists.items()):
            if len(union):
                every = self.generators[name].score(query, ordinals)
                alone = len(ordinals) == len(union)
                scores[row], best[row] = (every, ordinals) if alone else _best_in_groups(every, heads, ordinals)
            ranks[row, np.searchsorted(union, listed.ordinals)] = np.arange(len(listed))
        fewer = self._outmatched(query, lists, union, ordinals, heads)
        if fewer is not None:
            row = list(lists).index(GRAPH)
            scores[row, fewer], ranks[row, fewer] = 0.0, -1
        statistics = [listed.score_statistics or (0.0, 1.0) for listed in lists.values()]
        score_statistics = np.array(statistics, np.float64).reshape(-1, 2)
        identified = self._identified(query, ordinals, heads) if query.identifiers and "bm25" in lists else None
        pool = FusedCandidates(union, tuple(lists), scores, ranks, score_statistics, best, identified, fewer)
        return pool.fused(fusion)

    def _outmatched(
        self, query: ParsedQuery, lists: Mapping[str, Ranking], documents: Ints, ordinals: Ints, heads: Ints
    ) -> Bools | None:
        """Return (m,) bool: documents whose score from the graph does not count; None if there are none.

        ordinals: passages of the m documents; heads: where those of each document begin. If documents are entities
        themselves, a walk leads to them, and its relations stand for the rest of the query.
        """
        graph, expansion = self.graph_retriever, query.expansion
        if GRAPH not in lists or len(lists) == 1 or graph is None or expansion is None or not len(documents):
            return None
        titles = None if graph.spec.document_mapping.are_entities else self._titles(query)
        if titles is None:
            return None
        links = {}
        for span in dict.fromkeys(expansion.spans):
            named = replace(query, expansion=expansion.named_by(span))
            links[span] = np.logical_or.reduceat(self.generators[GRAPH].score(named, ordinals) > 0, heads)
        said = (*graph.spec.document_types, *map(relation_words, graph.spec.about))
        found = outmatched(query, documents, links, titles, self.query_analyzer.analyzer, said)
        return found if found.any() else None

    def _identified(self, query: ParsedQuery, ordinals: Ints, heads: Ints) -> Bools | None:
        """Return (m,) bool: documents with an identifier of the query and all its other content words; None if none.

        ordinals: passages of the m documents; heads: where those of each document begin.
        """
        words = self.generators["bm25"]
        if not isinstance(words, MatchesAny) or not len(ordinals):
            return None
        found = np.ones(len(heads), np.bool_)
        for terms in (query.identifiers, *((term,) for term in query.required)):
            found &= np.logical_or.reduceat(words.matches_any(terms)[ordinals], heads)
        return found if found.any() else None


def _best_in_groups(scores: Floats, heads: Ints, ordinals: Ints) -> tuple[Floats, Ints]:
    """Return the best score and its passage in each group of adjacent passages: the first of equals; NaN if all are."""
    filled = np.where(np.isnan(scores), -np.inf, scores)
    best = np.maximum.reduceat(filled, heads)
    group = np.repeat(np.arange(len(heads)), np.diff(heads, append=len(scores)))
    winners = np.flatnonzero(filled == best[group])
    _, first = np.unique(group[winners], return_index=True)
    return np.where(np.isneginf(best), np.nan, best), ordinals[winners[first]]
