"""Find a query's terms in texts and weight sentences by them, for snippets and answers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from clew.core.sentences import sentences
from clew.core.text import STOP_WORDS, Analyzer
from clew.search.protocols import ParsedQuery, Vocabulary

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


def coverage(importance: Mapping[str, float], terms: Collection[str]) -> float:
    """Return the share (0 to 1) of a query's content that a text with these terms has; 0 for a query without content.

    A term that the index does not know counts most, because a text without it answers something else.
    """
    whole = sum(importance.values())
    return sum(importance.get(term, 0.0) for term in terms) / whole if whole > 0 else 0.0
