"""Where a query's terms stand in a text, and what its sentences are worth by them: for snippets and for answers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from clew.core.sentences import sentences
from clew.core.text import STOP_WORDS, Analyzer
from clew.search.protocols import ParsedQuery

# Chinese words that say as little by themselves as English stop words.
_HAN_STOP_WORDS = frozenset("的 了 是 在 和 与 或 吗 呢 有 被 为".split())
# A sentence that asks says less than one that tells.
QUESTION_WEIGHT = 0.5


@dataclass(frozen=True, slots=True)
class Match:
    """A query term in a text: what it weighs and where it is."""

    term: str
    weight: float
    start: int
    end: int


@dataclass(frozen=True)
class QueryTerms:
    """The terms of one query that are looked for in texts. Make one for a search and use it for all its documents."""

    analyzer: Analyzer
    query: ParsedQuery

    @cached_property
    def weights(self) -> dict[str, float]:
        """Terms that are looked for, with their weights. Stop words are only where the query has nothing else."""
        idle = {token.term for token in self.analyzer.tokens(self.query.text)
                if self.query.text[token.start : token.end].lower() in STOP_WORDS | _HAN_STOP_WORDS}  # fmt: skip
        terms = sorted(self.query.terms, key=lambda pair: pair[1])
        return {term: weight for term, weight in terms if term not in idle} or dict(terms)

    def matches(self, text: str) -> list[Match]:
        """Every place of a term in a text, in characters of it."""
        weights = self.weights
        return [
            Match(term, weights[term], start, end)
            for term, start, end in self.analyzer.tokens(text, weights)
            if end > start
        ]


def worth(matches: Iterable[Match]) -> float:
    """Sum of the weights of the distinct terms."""
    return sum({match.term: match.weight for match in matches}.values())


def weighed_sentences(text: str, matches: list[Match]) -> list[tuple[int, int, float]]:
    """(start, end, worth) of each sentence of a text, in order; questions count half. None for a blank text."""
    found: list[tuple[int, int, float]] = []
    for start, end in sentences(text):
        value = worth(match for match in matches if start <= match.start and match.end <= end)
        found.append((start, end, value * QUESTION_WEIGHT if text[end - 1] in "?？" else value))
    return found
