"""BM25 statistics of a version: the number of passages, the number of words, and document frequencies.

All are integers, so that the counts of a deleted passage are subtracted exactly, and so that the sum over shards does
not depend on how passages were distributed over them. Scores are computed from these at query time.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from clew.core.errors import MismatchError
from clew.core.mapped import open_array, open_trie
from clew.core.tables import REBUILD, read_table
from clew.core.types import Ints

FORMAT = 2
STATISTICS = "statistics.json"
TERMS = "terms.marisa"
FREQUENCIES = "document_frequencies.npy"


@dataclass(frozen=True, slots=True, eq=False)
class TermStatistics:
    """Counts over some passages; the local and the global statistics of the BM25 kinds.

    passages: the number of passages. words: the total number of words of each searched field, in the weights' order.
    terms: sorted. frequencies: (terms,) int64 number of passages that contain each term, at least 1.
    """

    passages: int
    words: tuple[int, ...]
    terms: tuple[str, ...]
    frequencies: Ints


def combine(add: Sequence[TermStatistics], remove: Sequence[TermStatistics]) -> TermStatistics:
    """Add up the counts in `add` and subtract those in `remove`. Raises ValueError if a result would be negative."""
    if len(add) == 1 and not remove:
        return add[0]
    total: dict[str, int] = {}
    for part in add:
        for term, count in zip(part.terms, part.frequencies.tolist(), strict=True):
            total[term] = total.get(term, 0) + count
    for part in remove:
        for term, count in zip(part.terms, part.frequencies.tolist(), strict=True):
            total[term] = total.get(term, 0) - count
    passages = sum(part.passages for part in add) - sum(part.passages for part in remove)
    fields = len(add[0].words) if add else 0
    words = tuple(sum(p.words[f] for p in add) - sum(p.words[f] for p in remove) for f in range(fields))
    if passages < 0 or min(words, default=0) < 0 or min(total.values(), default=0) < 0:
        raise ValueError("BM25 statistics would fall below zero: passages were removed that had never been added")
    terms = tuple(sorted(term for term, count in total.items() if count))
    return TermStatistics(passages, words, terms, np.array([total[term] for term in terms], np.int64))


def save(global_statistics: TermStatistics, weights: Mapping[str, float], analyzer: str, directory: Path) -> None:
    """Write the statistics of a version. analyzer: the fingerprint of the analyzer that extracted its terms."""
    import marisa_trie

    directory.mkdir(parents=True, exist_ok=True)
    trie = marisa_trie.Trie(global_statistics.terms)
    (directory / TERMS).write_bytes(trie.tobytes())
    frequencies = np.empty(len(global_statistics.terms), np.int64)
    places = np.fromiter(map(trie.__getitem__, global_statistics.terms), np.int64, len(global_statistics.terms))
    frequencies[places] = global_statistics.frequencies
    np.save(directory / FREQUENCIES, frequencies)
    table = {
        "format": FORMAT,
        "passages": global_statistics.passages,
        "words": dict(zip(weights, global_statistics.words, strict=True)),
        "weights": dict(weights),
        "analyzer": analyzer,
    }
    (directory / STATISTICS).write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


class VersionStatistics:
    """The saved statistics of a version, memory-mapped.

    passages: the number of passages. average_length: of a passage, in words weighted by field (0 if there are none).
    """

    def __init__(self, directory: Path, weights: Mapping[str, float], analyzer: str) -> None:
        """Open the files that `save` wrote.

        Raises NotFoundError, CorruptError or FormatError, and MismatchError if field weights or analyzer differ.
        """
        table = read_table(directory / STATISTICS, FORMAT)
        if table["weights"] != dict(weights):
            raise MismatchError(
                f"{directory} was built with field weights {table['weights']}, not {dict(weights)}",
                "rebuild with `clew build`, because weights are part of the index",
            )
        if table["analyzer"] != analyzer:
            raise MismatchError(
                f"{directory} was built with another text analyzer ({table['analyzer'][:12]}, not {analyzer[:12]})",
                REBUILD,
            )
        self.passages = int(table["passages"])
        length = sum(weights[name] * words for name, words in table["words"].items())
        self.average_length = length / self.passages if self.passages else 0.0
        self._trie = open_trie(directory / TERMS)
        self._frequencies = open_array(directory / FREQUENCIES, np.int64, (len(self._trie),))

    def document_frequency(self, term: str) -> int:
        """Return the number of passages that contain the term."""
        at = self._trie.get(term)
        return 0 if at is None else int(self._frequencies[at])

    def idf(self, term: str) -> float:
        """Return a term's inverse document frequency, above 0: ln(1 + (N - df + .5) / (df + .5)), as in Lucene.

        A term that is in no passage has 0.
        """
        frequency = self.document_frequency(term)
        return math.log1p((self.passages - frequency + 0.5) / (frequency + 0.5)) if frequency else 0.0

    def okapi_idf(self, term: str, epsilon: float) -> float:
        """Return the idf that rank-bm25 gives a term: epsilon x the average idf if it would be negative.

        That is the case for a term in more than half of the passages. A term that is in no passage has 0.
        """
        frequency = self.document_frequency(term)
        if frequency == 0:
            return 0.0
        value = _okapi(self.passages, frequency)
        return value if value >= 0 else epsilon * self._average_okapi_idf

    @cached_property
    def _average_okapi_idf(self) -> float:
        """Mean idf of the vocabulary, negative ones included, as in rank-bm25."""
        if not len(self._frequencies):
            return 0.0
        # Sum over distinct frequencies in ascending order, so that the result does not depend on the order of terms.
        distinct, counts = np.unique(self._frequencies, return_counts=True)
        pairs = zip(distinct.tolist(), counts.tolist(), strict=True)
        total: float = sum(count * _okapi(self.passages, frequency) for frequency, count in pairs)
        return total / len(self._frequencies)


def _okapi(passages: int, frequency: int) -> float:
    return math.log(passages - frequency + 0.5) - math.log(frequency + 0.5)
