"""Other spellings of a query's words that the index has: model numbers and compounds written apart or together.

WH 1000 XM5 → wh1000xm5      WH-1000XM5 → xm5, wh1000, …      otter box → otterbox      otterbox → otter, box
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, combinations, groupby, pairwise

import numpy as np

from clew.core.fold import fold
from clew.core.text import LONGEST_IDENTIFIER, Analyzer
from clew.search.protocols import Spelling, WordIndex

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

    def respelled(
        self, text: str, terms: Sequence[tuple[str, float]]
    ) -> tuple[tuple[tuple[str, float], ...], tuple[Spelling, ...]]:
        """Return the weighted index terms of a query, with those of other spellings that the index has, and these.

        If the index has several words as one model number, the parts of each of them are left out ("xm" of "xm5"); if
        it has two words as a compound, each of them counts half. They would count more than the number or compound.
        """
        runs = [match.group() for match in _WORD.finditer(fold(text)[0])][:_MOST_WORDS]
        found: dict[str, float] = {}
        spellings: list[Spelling] = []
        parts: set[str] = set()
        for whole, words in self._joined(runs):
            found[whole] = 1.0
            spellings += [Spelling(whole, self._term(word)) for word in words]
            models = filter(_is_model, words)
            parts |= {part for word in models for part in self.analyzer.terms(word) if part != word}
        halved: set[str] = set()
        for whole, pair in self._compounds(runs):
            found[whole] = 1.0
            spellings += [Spelling(whole, word) for word in pair]
            halved |= set(pair)
        for part in (*self._model_parts(runs), *self._split_compounds(runs)):
            if self.words.document_frequency(part.term):
                spellings.append(part)
                if part.term not in parts and part.searched:
                    found.setdefault(part.term, PART_WEIGHT)
        left = [
            (term, weight * (PART_WEIGHT if term in halved else 1.0)) for term, weight in terms if term not in parts
        ]
        known = {term for term, _ in left}
        added = ((term, weight) for term, weight in found.items() if term not in known)
        return (*left, *added), (*spellings, *self._typed(runs, {term for term, _ in terms}))

    def _typed(self, runs: Sequence[str], terms: Collection[str]) -> Iterator[Spelling]:
        """Yield the terms of a query that spell its words again: "email" of "e-mail", "xm" of "xm5"."""
        for first, last in _adjacent(runs, 2):
            if (whole := self._term("".join(runs[first:last]))) in terms:
                for word in runs[first:last]:
                    yield Spelling(whole, self._term(word))
        for word in filter(_is_model, runs):
            own = self.analyzer.terms(word)
            for part in own if word in own else ():
                at = word.find(part)
                if part not in runs and at >= 0:
                    yield Spelling(part, word, at / len(word), (at + len(part)) / len(word))

    def _joined(self, runs: Sequence[str]) -> Iterator[tuple[str, Sequence[str]]]:
        """Yield adjacent words of letters and digits that the index has as one model number, and the words."""
        for first, last in _adjacent(runs, 2):
            whole = "".join(runs[first:last])
            if _is_model(whole) and self.words.document_frequency(whole):
                yield whole, runs[first:last]

    def _model_parts(self, runs: Sequence[str]) -> Iterator[Spelling]:
        """Yield the parts that a model number may be written in, of two characters and more."""
        for first, last in _adjacent(runs, 1):
            whole = "".join(runs[first:last])
            if not _is_model(whole):
                continue
            borders = [0, *accumulate(len("".join(part)) for _, part in groupby(whole, str.isdigit))]
            for start, end in combinations(borders, 2):
                if end - start > 1:
                    yield from self._part(runs[first:last], start, end)

    def _part(self, words: Sequence[str], start: int, end: int) -> Iterator[Spelling]:
        """Yield the characters start to end of joined words as a spelling of each word that has some of them."""
        term, at = "".join(words)[start:end], 0
        for word in words:
            first, last = max(start - at, 0), min(end - at, len(word))
            if first < last:
                # The letters of a model number alone say too little to be searched for.
                yield Spelling(term, self._term(word), first / len(word), last / len(word), not term.isalpha())
            at += len(word)

    def _compounds(self, runs: Sequence[str]) -> Iterator[tuple[str, tuple[str, str]]]:
        """Yield the compounds of two adjacent words that the index has, with the terms of these words."""
        if len(runs) > _MOST_COMPOUNDS:
            return
        light = self.analyzer.function_terms
        for left, right in pairwise(runs):
            if left.isalpha() and right.isalpha() and len(left + right) >= _SHORTEST_COMPOUND:
                one, other, whole = map(self._term, (left, right, left + right))
                rarer = min(self.words.document_frequency(one), self.words.document_frequency(other))
                if not light & {one, other} and self.words.document_frequency(whole) >= max(rarer, 1):
                    yield whole, (one, other)

    def _split_compounds(self, runs: Sequence[str]) -> Iterator[Spelling]:
        """Yield the two words that the index has in place of a word."""
        for word in runs if len(runs) <= _MOST_COMPOUNDS else ():
            if word.isalpha() and word.isascii() and len(word) >= _SHORTEST_COMPOUND:
                yield from self._split(word)

    def _split(self, word: str) -> tuple[Spelling, ...]:
        """Return the two words that a word is written as elsewhere in the index; none if it is not."""
        best: tuple[float, tuple[str, ...], int] = (0.0, (), 0)
        for at in range(_SHORTEST_PART, len(word) - _SHORTEST_PART + 1):
            parts = self._term(word[:at]), self._term(word[at:])
            rarer = min(map(self.words.document_frequency, parts))
            if rarer:
                both = np.logical_and(*(self.words.matches_any([part]) for part in parts))
                best = max(best, (float(np.count_nonzero(both)) / rarer, parts, at))
        if best[0] < _TOGETHER:
            return ()
        _, (left, right), at = best
        of, share = self._term(word), at / len(word)
        return Spelling(left, of, 0.0, share), Spelling(right, of, share, 1.0)

    def _term(self, word: str) -> str:
        return next(iter(self.analyzer.terms(word)), word)


def _is_model(word: str) -> bool:
    """Return whether a word has letters and digits, as model numbers do."""
    return 2 < len(word) <= LONGEST_IDENTIFIER and not word.isalpha() and not word.isdigit() and word.isalnum()


def _adjacent(runs: Sequence[str], least: int) -> Iterator[tuple[int, int]]:
    """Yield (first, last) of `least` to _MOST_PARTS adjacent words."""
    for first in range(len(runs)):
        for last in range(first + least, min(first + _MOST_PARTS, len(runs)) + 1):
            yield first, last
