"""BM25 over memory-mapped postings.

    score(passage) = sum over query terms of  weight x idf x tf (k1 + 1) / (tf + k1 (1 - b + b length / average))

with idf = ln(N - df + .5) - ln(df + .5), and epsilon x the average idf in place of a negative one: the BM25Okapi of
rank-bm25 (after Trotman, Puurula, Burgess: Improvements to BM25 and Language Models Examined, ADCS 2014). Fields
are weighted inside tf and length (Robertson, Zaragoza, Taylor: Simple BM25 Extension to Multiple Weighted Fields,
CIKM 2004). k1, b and epsilon apply at query time; field weights are fixed at build.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clew.core.text import Analyzer
from clew.core.types import Bools, Contribution, Floats, Ints, Ranking, empty_ranking
from clew.search.candidates.bm25_postings import Postings, count_words, write_postings
from clew.search.candidates.bm25_statistics import TermStatistics, VersionStatistics, combine, save
from clew.search.candidates.sharded import Sharded
from clew.search.protocols import CandidateGenerator, CandidateRequest, ParsedQuery, PassageSet

_ALL = np.empty(0, np.bool_)
# Terms that a shard remembers, then it begins anew.
_KNOWN = 100_000


@dataclass(frozen=True, slots=True)
class BM25Spec:
    """How passages are scored by their words.

    backend: "bm25", or "rank_bm25", the slow reference. k1: how soon further occurrences of a term stop to count
    (0 to 10). b: how much long passages are held back (0 to 1). epsilon: what share of the average idf a term gets
    that is in more than half of the passages (0 to 1).
    """

    backend: Literal["bm25", "rank_bm25"] = "bm25"
    k1: float = 1.5
    b: float = 0.75
    epsilon: float = 0.25

    def __post_init__(self) -> None:
        for name, value, most in (("k1", self.k1, 10), ("b", self.b, 1), ("epsilon", self.epsilon, 1)):
            if not 0 <= value <= most:
                raise ValueError(f"{name} is {value}, expected 0 to {most}")


class BM25Kind:
    """BM25 as an index kind. Part and Whole are TermStatistics."""

    def __init__(self, spec: BM25Spec, weights: Mapping[str, float], analyzer: Analyzer) -> None:
        """weights: searched field → weight (above 0), in declared order."""
        self.spec = spec
        self.weights = dict(weights)
        self.analyzer = analyzer

    def local_statistics(self, passages: PassageSet, directory: Path) -> TermStatistics:
        """Count passages, words and the passages that hold each term, and write the shard's postings."""
        counts = count_words(passages, self.weights, self.analyzer)
        write_postings(counts, directory)
        return counts.statistics()

    def combine(self, add: Sequence[TermStatistics], remove: Sequence[TermStatistics] = ()) -> TermStatistics:
        """Add the shards' counts, take deleted passages' counts out."""
        return combine(add, remove)

    def build(self, passages: PassageSet, global_statistics: TermStatistics, directory: Path) -> Mapping[str, Any]:  # noqa: ARG002
        """Nothing is left to write."""
        held = Postings(directory)
        return {"passages": len(held.lengths), "terms": held.terms, "postings": len(held.passages)}

    def save(self, global_statistics: TermStatistics, directory: Path) -> None:
        """Write the version's statistics."""
        save(global_statistics, self.weights, self.analyzer.fingerprint, directory)

    def open(self, directories: Sequence[Path], global_statistics: Path) -> CandidateGenerator:
        """Open a version; compiles or loads the kernel. Raises StoreError or NotFoundError with the file's name."""
        warm()
        statistics = VersionStatistics(global_statistics, self.weights, self.analyzer.fingerprint)
        return BM25([BM25Shard(Postings(folder), statistics, self.spec) for folder in directories], statistics)

    def derived(self) -> frozenset[str]:
        """None: all files come out the same."""
        return frozenset()


def warm() -> None:
    """Compile what searches, or load it where it is compiled already, so that no query waits for it."""
    import clew.search.candidates.bm25_pruning  # noqa: F401


class BM25:
    """The shards of a version as one source."""

    def __init__(self, shards: Sequence[BM25Shard], statistics: VersionStatistics) -> None:
        self._shards = tuple(shards)
        self._sharded = Sharded(self._shards)
        self._statistics = statistics

    @property
    def size(self) -> int:
        """Passages of all shards, deleted ones included."""
        return self._sharded.size

    def candidates(self, request: CandidateRequest) -> Ranking:
        """The best k allowed passages that hold a query term of weight above 0.

        The background's mean is exact. Its deviation is what it would be if the terms occurred independently of each
        other: the true one takes the scores of all passages.
        """
        found = self._sharded.candidates(request)
        return Ranking(found.ordinals, found.scores, found.answered, found.asked, self._score_statistics(request.query))

    def score(self, query: ParsedQuery, ordinals: Ints) -> Floats:
        """(n,) float64 scores; 0.0 for a passage without any query term."""
        return self._sharded.score(query, ordinals)

    def explain(self, query: ParsedQuery, ordinal: int) -> list[Contribution]:
        """One part for each query term that the passage holds."""
        return self._sharded.explain(query, ordinal)

    def matches_any(self, terms: Sequence[str]) -> Bools:
        """(n,) bool: passages that hold at least one of the index terms."""
        return np.concatenate([_ALL, *(shard.matches_any(terms) for shard in self._shards)])

    def close(self) -> None:
        """Release the memory maps."""
        self._sharded.close()

    def _score_statistics(self, query: ParsedQuery) -> tuple[float, float]:
        mean = variance = 0.0
        size = self.size
        for text, weight in weights_of(query).items():
            idf = total = squares = 0.0
            for shard in self._shards:
                if (term := shard.term(text)) is not None:
                    idf, total, squares = term.idf, total + term.total / size, squares + term.squares / size
            mean += weight * idf * total
            variance += (weight * idf) ** 2 * (squares - total**2)
        return mean, math.sqrt(max(0.0, variance))


@dataclass(frozen=True, slots=True)
class _Term:
    """A term of the shard: its postings lie at start to end; what it adds to passages is most, total, squares.

    most, total, squares: with weight 1 and idf 1, the largest, the sum and the sum of squares over the shard.
    shift: of its skips, see `bm25_pruning.skip_shift`.
    """

    text: str
    idf: float
    start: int
    end: int
    most: float
    total: float
    squares: float
    shift: int


# rows, met, scores and space of `bm25_pruning.best_matches`, kept for the next query.
_Workspace: TypeAlias = tuple[NDArray[np.int32], NDArray[np.int32], Floats, Floats]


class BM25Shard:
    """One shard's postings, scored with the statistics of its version. Safe to ask from several threads."""

    def __init__(self, postings: Postings, statistics: VersionStatistics, spec: BM25Spec) -> None:
        from clew.search.candidates.bm25_pruning import HeldPostings, skips_for

        self._postings = postings
        self._statistics = statistics
        self._epsilon = spec.epsilon
        self._size = len(postings.lengths)
        average = statistics.average_length
        self._held = HeldPostings(
            postings.passages,
            postings.codes,
            postings.values,
            postings.rare,
            postings.lengths,
            scale=spec.k1 + 1,
            base=spec.k1 * (1 - spec.b) if average else spec.k1,
            slope=spec.k1 * spec.b / average if average else 0.0,
        )
        self._spare: list[_Workspace] = []
        self._known: dict[str, _Term | None] = {}
        self._skips = skips_for(len(postings.passages))

    @property
    def size(self) -> int:
        """Passages of the shard."""
        return self._size

    def candidates(self, request: CandidateRequest) -> Ranking:
        """The best k allowed passages that hold a query term of weight above 0; without background."""
        from clew.search.candidates.bm25_pruning import best_matches

        terms = self._terms(request.query)
        if request.k <= 0 or not terms:
            return empty_ranking()
        rows, met, scores, left = space = self._workspace()
        found = best_matches(
            request.k,
            np.array([[t.start for t, _ in terms], [t.end for t, _ in terms], [t.shift for t, _ in terms]]),
            np.array([[weight * term.idf for term, weight in terms], [term.most for term, _ in terms]]),
            self._held,
            self._skips,
            _ALL if request.allowed is None else np.ascontiguousarray(request.allowed, np.bool_),
            rows,
            met,
            scores,
            left,
        )
        ranking = Ranking(met[:found].astype(np.int64), scores[:found].copy())
        self._spare.append(space)
        return ranking

    def score(self, query: ParsedQuery, ordinals: Ints) -> Floats:
        """(n,) float64 scores; 0.0 for a passage without any query term."""
        scores = np.zeros(len(ordinals), np.float64)
        for part in self._parts(self._terms(query), ordinals)[1]:
            scores += part
        return scores

    def explain(self, query: ParsedQuery, ordinal: int) -> list[Contribution]:
        """One part for each query term that the passage holds, in query order."""
        terms = self._terms(query)
        frequencies, parts = self._parts(terms, np.array([ordinal], np.int64))
        length = float(self._postings.lengths[ordinal])
        return [
            Contribution(
                "bm25",
                f"term {term.text!r}",
                float(part[0]),
                {
                    "tf": float(tf[0]),
                    "df": self._statistics.document_frequency(term.text),
                    "idf": term.idf,
                    "weight": weight,
                    "length": length,
                    "average_length": self._statistics.average_length,
                    **({"from": query.origins[term.text]} if term.text in query.origins else {}),
                },
            )
            for (term, weight), tf, part in zip(terms, frequencies, parts, strict=True)
            if tf[0] > 0
        ]

    def matches_any(self, terms: Sequence[str]) -> Bools:
        """(n,) bool: passages that hold at least one of the index terms."""
        found = np.zeros(self._size, np.bool_)
        for term in terms:
            start, end = self._postings.range(term)
            found[self._postings.passages[start:end]] = True
        return found

    def close(self) -> None:
        """Let go of the memory maps; the system unmaps them once no running query reads them. May be called twice."""
        vars(self).pop("_postings", None)
        vars(self).pop("_held", None)
        self._spare.clear()
        self._known.clear()

    def term(self, text: str) -> _Term | None:
        """A term with its postings; None where the shard has none. Remembered, since its list is read once for it."""
        try:
            return self._known[text]
        except KeyError:
            pass
        start, end = self._postings.range(text)
        found = self._read(text, start, end) if start < end else None
        if len(self._known) >= _KNOWN:
            self._known.clear()
        self._known[text] = found
        return found

    def _read(self, text: str, start: int, end: int) -> _Term:
        from clew.search.candidates.bm25_pruning import read_term, skip_shift

        sums, shift = np.empty(3), skip_shift(start, end, self._size)
        read_term(start, end, shift, self._held, self._skips, sums)
        most, total, squares = sums.tolist()
        return _Term(text, self._statistics.idf(text, self._epsilon), start, end, most, total, squares, shift)

    def _terms(self, query: ParsedQuery) -> list[tuple[_Term, float]]:
        """Query terms that the shard holds with their weights, in query order, repetitions added up."""
        return [(term, weight) for text, weight in weights_of(query).items() if (term := self.term(text))]

    def _parts(self, terms: Sequence[tuple[_Term, float]], ordinals: Ints) -> tuple[Floats, Floats]:
        """tf and share of the score, each (terms, n) float64; the same arithmetic as the kernel's."""
        from clew.search.candidates.bm25_pruning import STEPS, look_up

        starts, ends = (np.array([getattr(term, name) for term, _ in terms], np.int64) for name in ("start", "end"))
        frequencies = np.empty((len(terms), len(ordinals)), np.float64)
        look_up(starts, ends, self._held, ordinals.astype(np.int64), frequencies)
        weights = np.array([[weight * term.idf] for term, weight in terms], np.float64).reshape(len(terms), 1)
        held = self._held
        lengths = held.lengths[ordinals].astype(np.float64)
        # A term that is not there adds 0, also where the denominator is 0 (k1 = 0).
        below = np.where(frequencies > 0, frequencies + (held.base + held.slope * lengths), 1.0)
        return frequencies, np.rint(weights * (frequencies * held.scale / below) * STEPS) / STEPS

    def _workspace(self) -> _Workspace:
        from clew.search.candidates.bm25_pruning import UNMET

        try:
            return self._spare.pop()
        except IndexError:
            n = self._size
            return np.full(n, UNMET, np.int32), np.empty(n, np.int32), np.empty(n), np.empty(n)


def weights_of(query: ParsedQuery) -> dict[str, float]:
    """Query terms of weight above 0 → their weight, repetitions added up, in query order."""
    weights: dict[str, float] = {}
    for term, weight in query.terms:
        if weight > 0:
            weights[term] = weights.get(term, 0.0) + weight
    return weights
