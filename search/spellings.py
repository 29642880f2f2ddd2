"""Other spellings of a query's words that the index has: model numbers and compounds written apart or together.

WH 1000 XM5 → wh1000xm5      WH-1000XM5 → xm5, wh1000, …      otter box → otterbox      otterbox → otter, box
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

import numpy as np

from clew.core.fold import fold
from clew.core.text import LONGEST_IDENTIFIER, Analyzer
from clew.search.protocols import WordIndex

# Weight of the parts of a word that is written together in the query; the word itself has 1.
PART_WEIGHT = 0.5
_WORD = re.compile(r"[^\W_]+")
_MOST_WORDS = 32
_MOST_PARTS = 4
_MOST_COMPOUNDS = 8
_SHORTEST_PART = 3
_SHORTEST_COMPOUND = 6
# Two words are taken for a compound if this share of the passages with the rarer one also has the other.
_TOGETHER = 0.5


@dataclass(frozen=True, slots=True)
class Spellings:
    """Finds other spellings of the words of one query in the vocabulary of an index."""

    analyzer: Analyzer
    words: WordIndex

    def respelled(self, text: str, terms: Sequence[tuple[str, float]]) -> tuple[tuple[str, float], ...]:
        """Return the weighted index terms of a query, with those of other spellings that the index has.

        If the index has several words as one model number, the parts of each of them are left out ("xm" of "xm5"); if
        it has two words as a compound, each of them counts half. They would count more than the number or compound.
        """
        runs = [match.group() for match in _WORD.finditer(fold(text)[0])][:_MOST_WORDS]
        found: dict[str, float] = {}
        parts: set[str] = set()
        for whole, words in self._joined(runs):
            found[whole] = 1.0
            models = filter(_is_model, words)
            parts |= {part for word in models for part in self.analyzer.terms(word) if part != word}
        halved: set[str] = set()
        for whole, pair in self._compounds(runs):
            found[whole] = 1.0
            halved |= pair
        for term in (*self._model_parts(runs), *self._split_compounds(runs)):
            if term not in parts and self.words.document_frequency(term):
                found.setdefault(term, PART_WEIGHT)
        left = [
            (term, weight * (PART_WEIGHT if term in halved else 1.0)) for term, weight in terms if term not in parts
        ]
        known = {term for term, _ in left}
        return (*left, *((term, weight) for term, weight in found.items() if term not in known))

    def _joined(self, runs: Sequence[str]) -> Iterator[tuple[str, Sequence[str]]]:
        """Yield adjacent words of letters and digits that the index has as one model number, and the words."""
        for first in range(len(runs)):
            for last in range(first + 2, min(first + _MOST_PARTS, len(runs)) + 1):
                whole = "".join(runs[first:last])
                if _is_model(whole) and self.words.document_frequency(whole):
                    yield whole, runs[first:last]

    def _model_parts(self, runs: Sequence[str]) -> Iterator[str]:
        """Yield the parts that a model number may be written in, of two characters and more."""
        for first in range(len(runs)):
            for last in range(first + 1, min(first + _MOST_PARTS, len(runs)) + 1):
                whole = "".join(runs[first:last])
                if not _is_model(whole):
                    continue
                parts = ["".join(part) for _, part in groupby(whole, str.isdigit)]
                for start in range(len(parts)):
                    for end in range(start + 1, len(parts) + 1):
                        if len(part := "".join(parts[start:end])) > 1 and not part.isalpha():
                            yield part

    def _compounds(self, runs: Sequence[str]) -> Iterator[tuple[str, set[str]]]:
        """Yield the compounds of two adjacent words that the index has, with the terms of these words."""
        if len(runs) > _MOST_COMPOUNDS:
            return
        light = self.analyzer.function_terms
        for left, right in pairwise(runs):
            if left.isalpha() and right.isalpha() and len(left + right) >= _SHORTEST_COMPOUND:
                one, other, whole = map(self._term, (left, right, left + right))
                rarer = min(self.words.document_frequency(one), self.words.document_frequency(other))
                if not light & {one, other} and self.words.document_frequency(whole) >= max(rarer, 1):
                    yield whole, {one, other}

    def _split_compounds(self, runs: Sequence[str]) -> Iterator[str]:
        """Yield the terms of the two words that the index has in place of a word."""
        for word in runs if len(runs) <= _MOST_COMPOUNDS else ():
            if word.isalpha() and word.isascii() and len(word) >= _SHORTEST_COMPOUND:
                yield from self._split(word)

    def _split(self, word: str) -> tuple[str, ...]:
        """Return the two terms that a word is written as elsewhere in the index; none if it is not."""
        best: tuple[float, tuple[str, ...]] = (0.0, ())
        for at in range(_SHORTEST_PART, len(word) - _SHORTEST_PART + 1):
            parts = self._term(word[:at]), self._term(word[at:])
            rarer = min(map(self.words.document_frequency, parts))
            if rarer:
                both = np.logical_and(*(self.words.matches_any([part]) for part in parts))
                best = max(best, (float(np.count_nonzero(both)) / rarer, parts))
        return best[1] if best[0] >= _TOGETHER else ()

    def _term(self, word: str) -> str:
        return next(iter(self.analyzer.terms(word)), word)


def _is_model(word: str) -> bool:
    """Return whether a word has letters and digits, as model numbers do."""
    return 2 < len(word) <= LONGEST_IDENTIFIER and not word.isalpha() and not word.isdigit() and word.isalnum()
