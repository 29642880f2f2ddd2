"""Postings of one shard: which passages contain each term, how often, and how long each passage is.

Nothing here depends on other shards, so a shard is unchanged when others are added or removed. Files of a shard:

    terms.marisa      the shard's terms; a term's id is its row in offsets
    offsets.npy       (terms + 1,) int64: where each term's postings begin
    passages.npy      (postings,) int32 passage ordinals within the shard, ascending for each term
    frequencies.npy   (postings,) uint8 codes of term frequencies: sums over fields of weight x occurrences
    values.npy        (255 + rare,) float32 frequency of each code from 0 to 254, then that of each posting in rare
    rare.npy          (rare,) int64 postings of code 255: frequencies that are not among the first 255 distinct ones
    lengths.npy       (passages,) float32 length: sum over fields of weight x words
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clew.core.identifiers import identifier_term
from clew.core.mapped import open_array, open_trie
from clew.core.text import Analyzer
from clew.core.types import Floats, Ints
from clew.search.candidates.bm25_statistics import TERMS, TermStatistics
from clew.search.protocols import PassageSet

OFFSETS = "offsets.npy"
PASSAGES = "passages.npy"
FREQUENCIES = "frequencies.npy"
VALUES = "values.npy"
RARES = "rare.npy"
LENGTHS = "lengths.npy"

# The number of passages whose words are in memory at a time.
_BLOCK = 8192
# The number of codes that stand for a frequency themselves (`bm25_pruning.RARE`, which is slow to import).
_CODES = 255


@dataclass(frozen=True, slots=True, eq=False)
class WordCounts:
    """The counted words of some passages: postings before they are sorted.

    terms: in order of first use. term, passage: (postings,) int32. tf: (postings,) float32. lengths: (passages,)
    float32. words: the total number of words of each field.
    """

    terms: list[str]
    term: NDArray[np.int32]
    passage: NDArray[np.int32]
    tf: NDArray[np.float32]
    lengths: NDArray[np.float32]
    words: tuple[int, ...]

    def statistics(self) -> TermStatistics:
        """Return what these passages add to the statistics of the version."""
        frequencies = np.bincount(self.term, minlength=len(self.terms))
        order = sorted(range(len(self.terms)), key=self.terms.__getitem__)
        terms = tuple(self.terms[i] for i in order)
        return TermStatistics(len(self.lengths), self.words, terms, frequencies[order].astype(np.int64))


class _Numbered(dict[str, int]):
    """A mapping of terms to numbers, assigned in order of first use."""

    def __missing__(self, term: str) -> int:
        self[term] = number = len(self)
        return number


def field_texts(passages: PassageSet, weights: Mapping[str, float]) -> list[Sequence[str]]:
    """Return the columns of the searched fields in the weights' order; a missing field counts as empty."""
    empty: Sequence[str] = [""] * len(passages)
    return [passages.fields.get(name, empty) for name in weights]


def count_words(passages: PassageSet, weights: Mapping[str, float], analyzer: Analyzer) -> WordCounts:
    """Split the searched fields of some passages into terms and count them.

    An identifier is one more term of weight 1, which does not count in the length. Only the words of a few
    thousand passages are in memory at a time, as numbers; the result takes 12 bytes per posting.
    """
    from clew.search.candidates import bm25_kernel

    number = _Numbered()
    columns = field_texts(passages, weights)
    field_weights = np.array(list(weights.values()), np.float64)
    # The identifiers count as one more field.
    all_weights = np.append(field_weights, 1.0) if len(passages.identifiers) else field_weights
    seen, slot = np.full(0, -1, np.int64), np.empty(0, np.int64)
    blocks: list[tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]]] = []
    lengths: list[NDArray[np.float32]] = []
    totals = np.zeros(len(columns), np.int64)
    for first in range(0, len(passages) if columns else 0, _BLOCK):
        last = min(first + _BLOCK, len(passages))
        words, ends = _words(columns, passages.identifiers, first, last, analyzer, number)
        grown = len(number) - len(seen)
        if grown > 0:
            seen = np.concatenate([seen, np.full(max(grown, len(seen)), -1, np.int64)])
            slot = np.empty(len(seen), np.int64)
        term, passage = np.empty(len(words), np.int32), np.empty(len(words), np.int32)
        tf = np.empty(len(words), np.float64)
        found = bm25_kernel.count_words(words, ends, all_weights, first, seen, slot, term, passage, tf)
        blocks.append((term[:found].copy(), passage[:found].copy(), tf[:found].astype(np.float32)))
        counts = np.diff(ends, prepend=0).reshape(-1, len(all_weights))[:, : len(columns)]
        totals += counts.sum(axis=0)
        lengths.append((counts @ field_weights).astype(np.float32))
    return WordCounts(
        list(number),
        np.concatenate([np.empty(0, np.int32), *(block[0] for block in blocks)]),
        np.concatenate([np.empty(0, np.int32), *(block[1] for block in blocks)]),
        np.concatenate([np.empty(0, np.float32), *(block[2] for block in blocks)]),
        np.concatenate([np.empty(0, np.float32), *lengths]) if columns else np.zeros(len(passages), np.float32),
        tuple(totals.tolist()),
    )


def _words(
    columns: Sequence[Sequence[str]],
    identifiers: Sequence[Sequence[str]],
    first: int,
    last: int,
    analyzer: Analyzer,
    number: _Numbered,
) -> tuple[NDArray[np.int32], Ints]:
    """Return the terms of a block of passages as numbers, field by field, and where each field of each passage ends.

    identifiers: those of each passage, as a last field; empty if there is no such field.
    """
    words = array("i")
    ends: list[int] = []
    for row in range(first, last):
        for column in columns:
            words.extend(map(number.__getitem__, analyzer.terms(column[row])))
            ends.append(len(words))
        if identifiers:
            words.extend(number[term] for value in identifiers[row] if (term := identifier_term(value)))
            ends.append(len(words))
    return np.array(words, np.int32), np.array(ends, np.int64)


def write_postings(counts: WordCounts, directory: Path) -> None:
    """Write a shard's files; the same counts give identical files."""
    import marisa_trie

    from clew.search.candidates.bm25_kernel import encode, sort_postings
    from clew.search.candidates.bm25_pruning import RARE

    directory.mkdir(parents=True, exist_ok=True)
    terms, postings = len(counts.terms), len(counts.term)
    trie = marisa_trie.Trie(sorted(counts.terms))
    rank = np.fromiter(map(trie.__getitem__, counts.terms), np.int32, terms)
    list_lengths = np.zeros(terms, np.int64)
    list_lengths[rank] = np.bincount(counts.term, minlength=terms)
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(list_lengths)])
    passages, frequencies = np.empty(postings, np.int32), np.empty(postings, np.float32)
    sort_postings(counts.term, counts.passage, counts.tf, rank, offsets[:-1].copy(), passages, frequencies)
    codes, code_values = np.empty(postings, np.uint8), np.zeros(RARE, np.float32)
    distinct = encode(frequencies, code_values, codes)
    rare = np.flatnonzero(codes == RARE) if distinct == RARE else np.empty(0, np.int64)
    (directory / TERMS).write_bytes(trie.tobytes())
    for name, values in (
        (OFFSETS, offsets), (PASSAGES, passages), (FREQUENCIES, codes),
        (VALUES, np.concatenate([code_values, frequencies[rare]])), (RARES, rare), (LENGTHS, counts.lengths),
    ):  # fmt: skip
        np.save(directory / name, values)


class Postings:
    """The files of a shard, memory-mapped and read-only."""

    def __init__(self, directory: Path) -> None:
        """Open the files that `write_postings` wrote. Raises NotFoundError or CorruptError, naming the file."""
        self._trie = open_trie(directory / TERMS)
        self._offsets = open_array(directory / OFFSETS, np.int64, (len(self._trie) + 1,))
        postings = (int(self._offsets[-1]),)
        self.passages: NDArray[np.int32] = open_array(directory / PASSAGES, np.int32, postings)
        self.codes: NDArray[np.uint8] = open_array(directory / FREQUENCIES, np.uint8, postings)
        self.rare: Ints = open_array(directory / RARES, np.int64, (None,))
        values = open_array(directory / VALUES, np.float32, (_CODES + len(self.rare),))
        self.values: Floats = values.astype(np.float64)
        self.lengths: NDArray[np.float32] = open_array(directory / LENGTHS, np.float32, (None,))

    @property
    def terms(self) -> int:
        """The number of terms in the shard."""
        return len(self._offsets) - 1

    def range(self, term: str) -> tuple[int, int]:
        """Return where the postings of a term begin and end; the two are equal if the shard has none."""
        at = self._trie.get(term)
        return (0, 0) if at is None else (int(self._offsets[at]), int(self._offsets[at + 1]))
