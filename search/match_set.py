"""The match set of a search: the documents that are counted in facets and in `total`, and the only ones that are shown.

A document matches
  by words    if its content words carry at least half as much information (the sum of their idf) as the query's rarest
              word that the index knows. So a document with only "case" does not match "otterbox case", and a document
              with several common words of a long question does. A document with an identifier of the query matches.
  by graph    if it is about an entity that the query leads to, or has a term that the graph added to the query.
  by meaning  if its cosine stands out from those of all passages more than the best of as many unrelated passages is
              expected to, if cosines were normally distributed: (cosine - mean) / deviation is at least the quantile
              1 - 1 / passages. If no document matches by words, the cosine must also be further above the mean than
              the best one of nonsense words is: of most nonsense if the encoder knows words of the query, as in a
              query of another language than the documents, and of all nonsense if it does not. `[dense] floor` sets a
              lowest cosine instead.

Cosines of nonsense are compared as differences from the mean, because the mean depends on the encoder, and with many
encoders also on the query's language: from .72 to .83 with multilingual-e5-small, from .38 to .49 with the default one.

The constants were checked on the dev queries of medquad and walmart-amazon: no relevant document is left out.
"""

from __future__ import annotations

import random
import string
import threading
from dataclasses import dataclass, field
from statistics import NormalDist

import numpy as np

from clew.core.types import Bools, Floats, Ints
from clew.search.docstore import DocStore
from clew.search.fusion import FusedCandidates
from clew.search.protocols import CandidateGenerator, CandidateRequest, MatchesAny, ParsedQuery
from clew.search.query_analysis import FUNCTION_WEIGHT, QueryAnalyzer

# The least information that a document's content words have, as a share of that of the query's rarest known word.
WORD_SHARE = 0.5
# Cosines that differ by less are equal.
_EQUAL = 1e-4
# How many nonsense queries the floor for queries without known words is measured with.
_NONSENSE_QUERIES = 64


@dataclass(frozen=True, slots=True, eq=False)
class MatchSet:
    """The documents that match a query.

    documents: (documents,) bool. exact: False if more documents may match, because a source was not searched in full.
    """

    documents: Bools
    exact: bool

    def among(self, pool: FusedCandidates) -> Bools:
        """Return (m,) bool: the candidates of a pool that match."""
        matching: Bools = self.documents[pool.documents]
        return matching

    def behind(self, pool: FusedCandidates) -> Ints:
        """Return (n,) int64 ascending ordinals of the documents that match and are not candidates of a pool."""
        others = self.documents.copy()
        others[pool.documents] = False
        return np.flatnonzero(others)

    @property
    def count(self) -> int:
        """Return how many documents match."""
        return int(np.count_nonzero(self.documents))


def word_matches(generator: MatchesAny, query: ParsedQuery, store: DocStore) -> Bools:
    """Return (documents,) bool: documents whose content words carry enough of the query's information.

    Content words are the terms of the highest weight that the index knows. So a query of function words matches by
    these, and a word that documents write otherwise, by the terms of its other spellings.
    """
    own = {
        term: weight
        for term, weight in query.terms
        if weight > 0 and term not in query.origins and term not in query.identifiers
    }
    # Only documents with one of the words are read and written, so that the time does not grow with the others.
    information, rarest = np.zeros(store.documents), 0.0
    holding: list[Ints] = []
    for weight in sorted(set(own.values()), reverse=True):
        # Function words do not stand for content words that no document has.
        if holding or (weight <= FUNCTION_WEIGHT < max(own.values())):
            break
        for term in (term for term, each in own.items() if each == weight):
            documents = _documents(generator.passages_with(term), store)
            if len(documents):
                idf = float(np.log1p((store.documents - len(documents) + 0.5) / (len(documents) + 0.5)))
                rarest = max(rarest, idf)
                information[documents] += idf
                holding.append(documents)
    matching = np.zeros(store.documents, np.bool_)
    for documents in holding:
        # The tolerance covers rounding where two words are equally rare.
        matching[documents] = information[documents] >= WORD_SHARE * rarest - 1e-9
    for identifier in query.identifiers:
        matching[_documents(generator.passages_with(identifier), store)] = True
    return matching


def stands_out(passages: int) -> float:
    """Return how many deviations above the mean the best of so many unrelated passages is expected to be."""
    return NormalDist().inv_cdf(1 - 1 / passages) if passages > 1 else float("-inf")


@dataclass(slots=True)
class MeaningFloor:
    """The least cosine of a document that matches by meaning. Safe for concurrent searches.

    floor: a cosine (-1 to 1), or None for the rule of the module.
    """

    floor: float | None = None
    _nonsense: _Nonsense | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def cosine(
        self,
        query: ParsedQuery,
        statistics: Floats,
        dense: CandidateGenerator,
        query_analyzer: QueryAnalyzer,
        *,
        words: bool,
    ) -> float:
        """Return the least cosine. statistics: (2,) mean and deviation of all; words: whether a document has words."""
        if self.floor is not None:
            return self.floor
        mean, deviation = (float(value) for value in statistics)
        # Where all cosines are equal, rounding must not decide, and there is no mean to be above of.
        differ = deviation > _EQUAL
        least = mean + deviation * stands_out(dense.size) if differ else mean - _EQUAL
        if words:
            return least
        nonsense = self._measured(dense, query_analyzer)
        if not differ:
            return nonsense.best + _EQUAL
        lead = nonsense.usual_lead if query_analyzer.knows_words(query) else nonsense.lead
        return max(least, mean + lead + _EQUAL)

    def _measured(self, dense: CandidateGenerator, query_analyzer: QueryAnalyzer) -> _Nonsense:
        """Return what nonsense queries reach in this index; measured at the first call."""
        with self._lock:
            if self._nonsense is None:
                vectors = query_analyzer.vectors(_nonsense_queries())
                found = [dense.candidates(CandidateRequest(query, 1)) for query in vectors]
                best = [float(ranking.scores[0]) for ranking in found if len(ranking)] or [-1.0]
                means = [(ranking.score_statistics or (0.0, 1.0))[0] for ranking in found if len(ranking)] or [-1.0]
                leads = np.subtract(best, means)
                self._nonsense = _Nonsense(max(best), float(leads.max()), float(np.median(leads)))
            return self._nonsense


@dataclass(frozen=True, slots=True)
class _Nonsense:
    """The highest cosine of nonsense queries with the passages, and how far above the mean of its query the best is.

    lead: the largest of all nonsense queries. usual_lead: their median.
    """

    best: float
    lead: float
    usual_lead: float


def _nonsense_queries() -> list[str]:
    """Return queries of one to three words of random letters, always the same."""
    letters = random.Random(0)  # noqa: S311 - reproducible, no secret
    return [
        " ".join("".join(letters.choices(string.ascii_lowercase, k=letters.randint(5, 10))) for _ in range(1 + at % 3))
        for at in range(_NONSENSE_QUERIES)
    ]


def graph_matches(graph: CandidateGenerator, query: ParsedQuery, store: DocStore) -> Ints:
    """Return (n,) int64 ordinals of the documents about an entity that the query leads to."""
    found = graph.candidates(CandidateRequest(query, graph.size))
    return _documents(np.sort(found.ordinals[found.scores > 0]), store)


def added_matches(generator: MatchesAny, query: ParsedQuery, store: DocStore) -> Ints:
    """Return (n,) int64 ordinals of the documents with a term that the graph added to a query."""
    added = [term for term, weight in query.terms if term in query.origins and weight > 0]
    parts = [_documents(generator.passages_with(term), store) for term in added]
    return np.concatenate([np.empty(0, np.int64), *parts])


def documents_of(documents: Ints, store: DocStore) -> Bools:
    """Return (documents,) bool, true for these documents."""
    found = np.zeros(store.documents, np.bool_)
    found[documents] = True
    return found


def _documents(passages: Ints, store: DocStore) -> Ints:
    """Return (n,) int64 ascending ordinals of the documents of some passages, (m,) int64 ascending ordinals."""
    documents = store.document_of[passages].astype(np.int64)
    return documents[np.append(True, documents[1:] != documents[:-1])] if len(documents) else documents
