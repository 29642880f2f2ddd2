"""Find a query's terms in texts and weight sentences by them, for snippets and answers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from clew.core.sentences import sentences
from clew.core.text import STOP_WORDS, Analyzer
from clew.search.protocols import ParsedQuery, Spelling, Vocabulary

# Chinese stop words.
_HAN_STOP_WORDS = frozenset("的 了 是 在 和 与 或 吗 呢 有 被 为".split())
# Factor for sentences that are questions, because they rarely answer one.
QUESTION_WEIGHT = 0.5


@dataclass(frozen=True, slots=True)
class Match:
    """A query term in a text: its weight and its span."""

    term: str
    weight: float
    start: int
    end: int


@dataclass(frozen=True)
class QueryTerms:
    """The terms of one query to find in texts. Make one for a search and use it for all its documents."""

    analyzer: Analyzer
    query: ParsedQuery

    @cached_property
    def weights(self) -> dict[str, float]:
        """Return the terms to find, with their weights. Stop words are included only if there are no others."""
        idle = {token.term for token in self.analyzer.tokens(self.query.text)
                if self.query.text[token.start : token.end].lower() in STOP_WORDS | _HAN_STOP_WORDS}  # fmt: skip
        terms = sorted(self.query.terms, key=lambda pair: pair[1])
        return {term: weight for term, weight in terms if term not in idle} or dict(terms)

    @cached_property
    def spellings(self) -> dict[str, list[Spelling]]:
        """Return the term of each word of the query that has other spellings, with these. Only of terms to find."""
        found: dict[str, list[Spelling]] = {}
        for spelling in self.query.spellings:
            if spelling.term != spelling.of and spelling.of in self.weights:
                found.setdefault(spelling.of, []).append(spelling)
        return found

    @cached_property
    def content(self) -> dict[str, float]:
        """Return the terms to find without those that are only other spellings of them, with their weights."""
        added = {spelling.term for each in self.spellings.values() for spelling in each} - self.spellings.keys()
        return {term: weight for term, weight in self.weights.items() if term not in added}

    def shares(self, text: str) -> dict[str, float]:
        """Return the terms of the content that a text has, and how much of each (0 to 1, by its spellings)."""
        known = self.weights.keys() | {spelling.term for each in self.spellings.values() for spelling in each}
        terms = known.intersection(self.analyzer.terms(text))
        found = {term: 1.0 if term in terms else _spelled(self.spellings.get(term, ()), terms) for term in self.content}
        return {term: share for term, share in found.items() if share}

    def matches(self, text: str) -> list[Match]:
        """Return every match of a term in a text, with its span in characters."""
        weights = self.weights
        return [
            Match(term, weights[term], start, end)
            for term, start, end in self.analyzer.tokens(text, weights)
            if end > start
        ]


def match_weight(matches: Iterable[Match]) -> float:
    """Return the sum of the weights of the distinct terms that match."""
    return sum({match.term: match.weight for match in matches}.values())


def weighted_sentences(text: str, matches: list[Match]) -> list[tuple[int, int, float]]:
    """Return (start, end, weight) of each sentence of a text, in order; questions count half.

    A blank text has no sentences.
    """
    found: list[tuple[int, int, float]] = []
    for start, end in sentences(text):
        value = match_weight(match for match in matches if start <= match.start and match.end <= end)
        found.append((start, end, value * QUESTION_WEIGHT if text[end - 1] in "?？" else value))
    return found


def importance(weights: Mapping[str, float], vocabulary: Vocabulary, passages: int) -> dict[str, float]:
    """Return term → weight in the query times inverse document frequency, as in BM25. passages: their number."""
    found = {}
    for term, weight in weights.items():
        frequency = vocabulary.document_frequency(term)
        found[term] = weight * float(np.log1p((passages - frequency + 0.5) / (frequency + 0.5)))
    return found


def coverage(importance: Mapping[str, float], shares: Mapping[str, float]) -> float:
    """Return the share (0 to 1) of a query's content that a text has; 0 for a query without content.

    shares: how much of each term it has (`QueryTerms.shares`). A term that the index does not know counts most, because
    a text without it answers something else.
    """
    whole = sum(importance.values())
    return sum(worth * shares.get(term, 0.0) for term, worth in importance.items()) / whole if whole > 0 else 0.0


def _spelled(spellings: Sequence[Spelling], terms: Collection[str]) -> float:
    """Return the share (0 to 1) of a word of which some of these terms are spellings."""
    covered = end = 0.0
    for one in sorted((one for one in spellings if one.term in terms), key=lambda one: one.start):
        covered += max(0.0, one.end - max(one.start, end))
        end = max(end, one.end)
    return covered
