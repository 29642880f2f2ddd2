"""Candidates of every source, the graph's among them, joined into one pool of scored documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from clew.core.errors import QueryError, StageUnavailable, unknown_name
from clew.core.types import Bools, Floats, Ints
from search.docstore import DocStore
from search.filters import passages
from search.fusion import Found, FusionSpec, Pool
from search.gate import Gate, Seen, features
from search.knowledge import Knowledge
from search.protocols import CandidateGenerator, CandidateRequest, ParsedQuery
from search.trace import Trace
from search.types import GraphUse, SearchRequest
from search.understand import Understanding

GRAPH = "graph"


@dataclass(frozen=True, slots=True)
class Gathering:
    """What candidates are gathered with.

    generators: source → generator, in the order their parts are listed. knowledge: the graph, None where the index
    has none; gate: what decides whether a query uses it.
    """

    store: DocStore
    understanding: Understanding
    generators: Mapping[str, CandidateGenerator]
    knowledge: Knowledge | None
    gate: Gate

    def pool(
        self, request: SearchRequest, trace: Trace, depth: int, kept: Bools | None, fusion: FusionSpec
    ) -> tuple[ParsedQuery, Pool]:
        """Candidates of every source, joined at document level, with every source's score of every candidate."""
        names = self._names(request)
        with trace.needed("understand"):
            query = self.understanding.terms(request.query)
        allowed = passages(kept, self.store) if kept is not None else None
        lists: dict[str, Seen] = {}
        for name in names:
            if name == GRAPH:
                continue
            with trace.stage(name):
                # The first source always runs: an answer without any would be none.
                if lists and trace.deadline.passed:
                    raise StageUnavailable("the time budget was used up before it")
                if name == "dense":
                    query = self.understanding.vector(query)
                    if query.vector is None:
                        continue
                lists[name] = self._documents(name, CandidateRequest(query, depth, allowed, trace.deadline), trace)
        if GRAPH in names:
            with trace.stage(GRAPH):
                asked = CandidateRequest(query, depth, allowed, trace.deadline)
                query = self._expanded(request, asked, lists, trace)
        if not lists and trace.degraded:
            raise StageUnavailable(
                "; ".join(f"{lost.stage}: {lost.reason}" for lost in trace.degraded), "no source could answer"
            )
        with trace.needed("fusion"):
            pool = self._joined(query, lists, fusion)
        return query, pool

    def _names(self, request: SearchRequest) -> tuple[str, ...]:
        """Sources to ask. Raises UnknownNameError, and QueryError where the graph is wanted and there is none."""
        if request.expand == "on" and self.knowledge is None:
            raise QueryError(
                "expand is 'on', but the index has no graph", "leave it out, or build with a [graph] table"
            )
        names = tuple(dict.fromkeys(request.sources or self.generators))
        for name in names:
            if name not in self.generators:
                raise unknown_name("source", name, self.generators)
        if request.expand == "off" and names != (GRAPH,):
            return tuple(name for name in names if name != GRAPH)
        return names

    def _expanded(
        self, request: SearchRequest, asked: CandidateRequest, lists: dict[str, Seen], trace: Trace
    ) -> ParsedQuery:
        """The query with what the graph says of it; adds the graph's list, and widens BM25's, where they are used."""
        knowledge, query = self.knowledge, asked.query
        assert knowledge is not None  # noqa: S101 - the source is there only with it
        if lists and trace.deadline.passed:
            raise StageUnavailable("the time budget was used up before it")
        if "dense" not in lists and self.understanding.encoder is not None:
            query = self.understanding.vector(query)
        expansion = knowledge.expand(query, trace.deadline)
        named = knowledge.entities(expansion, query.text)
        if not expansion.reached:
            trace.graph = GraphUse(False, "the query names no entity of the graph", named)
            return query
        query = replace(query, expansion=expansion)
        found = self._documents(GRAPH, replace(asked, query=query), trace)
        trace.graph = replace(
            self._gated(request, query, {**lists, GRAPH: found}), entities=named, reached=len(expansion.reached)
        )
        if not trace.graph.used:
            return replace(query, expansion=None)
        if "ranking" in knowledge.spec.use or not lists:
            lists[GRAPH] = found
        if "terms" in knowledge.spec.use and "bm25" in lists:
            terms = knowledge.names(query, expansion, self.understanding.analyzer)
            query = replace(query, terms=(*query.terms, *terms))
            lists["bm25"] = self._documents("bm25", replace(asked, query=query), trace)
        return query

    def _gated(self, request: SearchRequest, query: ParsedQuery, lists: Mapping[str, Seen]) -> GraphUse:
        """Whether the graph takes part, and why."""
        if request.expand == "on":
            return GraphUse(True, "asked for")
        if len(lists) == 1:
            return GraphUse(True, "the only source")
        knowledge = self.knowledge
        assert knowledge is not None  # noqa: S101 - see _expanded
        seen = features(query, lists, knowledge.prominence(query))
        chance = self.gate.probability(seen)
        used = chance >= self.gate.threshold
        reason = f"the gate gives it a chance of {chance:.2f} to help, it opens at {self.gate.threshold:g}"
        return GraphUse(used, reason, probability=chance, parts=self.gate.parts(seen))

    def _documents(self, name: str, request: CandidateRequest, trace: Trace) -> Seen:
        """A source's first k documents: fetches passages until k documents are distinct."""
        generator, wanted = self.generators[name], request.k
        while True:
            ranking = generator.candidates(request)
            documents = self.store.document_of[ranking.ordinals]
            first = np.sort(np.unique(documents, return_index=True)[1])
            if len(first) >= wanted or len(ranking) < request.k or request.k >= generator.size:
                break
            request = replace(request, k=min(request.k * 2, generator.size))
        trace.answered += ranking.answered
        trace.asked += ranking.asked
        kept = first[:wanted]
        return Seen(documents[kept], ranking.scores[kept], ranking.background or (0.0, 1.0))

    def _joined(self, query: ParsedQuery, lists: Mapping[str, Seen], fusion: FusionSpec) -> Pool:
        """The union of the sources' documents, each scored by every source on its best passage there."""
        union = np.unique(np.concatenate([found.documents for found in lists.values()] or [np.empty(0, np.int64)]))
        spans = [self.store.passage_range(int(document)) for document in union]
        ordinals = np.concatenate([np.arange(*span) for span in spans]) if spans else np.empty(0, np.int64)
        heads = np.cumsum([0, *(last - first for first, last in spans)])[:-1].astype(np.int64)
        scores = np.full((len(lists), len(union)), np.nan)
        ranks = np.full((len(lists), len(union)), -1, np.int64)
        best = np.full((len(lists), len(union)), -1, np.int64)
        for row, (name, listed) in enumerate(lists.items()):
            if len(union):
                every = self.generators[name].score(query, ordinals)
                scores[row], best[row] = _best_in_groups(every, heads, ordinals)
            ranks[row, np.searchsorted(union, listed.documents)] = np.arange(len(listed.documents))
        background = np.array([listed.background for listed in lists.values()], np.float64).reshape(-1, 2)
        return Pool.fused(union, Found(tuple(lists), scores, ranks, background), best, fusion)


def _best_in_groups(scores: Floats, heads: Ints, ordinals: Ints) -> tuple[Floats, Ints]:
    """Best score and its passage in each group of neighbouring passages (the first of equals; NaN where all are)."""
    filled = np.where(np.isnan(scores), -np.inf, scores)
    best = np.maximum.reduceat(filled, heads)
    group = np.repeat(np.arange(len(heads)), np.diff([*heads, len(scores)]))
    winners = np.flatnonzero(filled == best[group])
    _, first = np.unique(group[winners], return_index=True)
    return np.where(np.isneginf(best), np.nan, best), ordinals[winners[first]]
