"""BM25 over memory-mapped postings.

    score(passage) = sum over query terms of  weight x idf x tf (k1 + 1) / (tf + k1 (1 - b + b length / average))

with idf = ln(1 + (N - df + .5) / (df + .5)), as in Lucene. It is above 0, so no term lowers the score of a passage that
contains it. Fields are weighted inside tf and length (Robertson, Zaragoza, Taylor: Simple BM25 Extension to Multiple
Weighted Fields, CIKM 2004). k1 and b apply at query time; field weights are fixed at build.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clew.core.identifiers import PREFIX
from clew.core.text import Analyzer
from clew.core.types import Bools, Contribution, Floats, Ints, Ranking, empty_ranking
from clew.search.candidates.bm25_postings import Postings, count_words, write_postings
from clew.search.candidates.bm25_statistics import TermStatistics, VersionStatistics, combine, save
from clew.search.candidates.sharded import Sharded
from clew.search.protocols import CandidateGenerator, CandidateRequest, ParsedQuery, PassageSet

_ALL = np.empty(0, np.bool_)
# The maximum number of terms in a shard's cache; a full cache is cleared.
_MAX_CACHED_TERMS = 100_000


@dataclass(frozen=True, slots=True)
class BM25Spec:
    """Settings of BM25.

    backend: "bm25", or "rank_bm25", the slow reference. k1: saturation of term frequency: with a higher value, repeated
    occurrences of a term count more (0 to 10). The default is below the usual 1.2 to 2, because fused with vectors a
    lower one is better (`clew bench fusion --k1`). b: strength of the length normalisation (0 to 1). epsilon: only for
    rank_bm25, the idf of a term in more than half of the passages, as a share of the average idf (0 to 1).
    """

    backend: Literal["bm25", "rank_bm25"] = "bm25"
    k1: float = 0.6
    b: float = 0.75
    epsilon: float = 0.25

    def __post_init__(self) -> None:
        for name, value, most in (("k1", self.k1, 10), ("b", self.b, 1), ("epsilon", self.epsilon, 1)):
            if not 0 <= value <= most:
                raise ValueError(f"{name} is {value}, expected 0 to {most}")


class BM25Kind:
    """An IndexKind for BM25; its local and global statistics are TermStatistics."""

    def __init__(self, spec: BM25Spec, weights: Mapping[str, float], analyzer: Analyzer) -> None:
        """weights: searched field → weight (above 0), in declared order."""
        self.spec = spec
        self.weights = dict(weights)
        self.analyzer = analyzer

    def local_statistics(self, passages: PassageSet, directory: Path) -> TermStatistics:
        """Count passages, words and the document frequency of each term, and write the shard's postings."""
        counts = count_words(passages, self.weights, self.analyzer)
        write_postings(counts, directory)
        return counts.statistics()

    def combine(self, add: Sequence[TermStatistics], remove: Sequence[TermStatistics] = ()) -> TermStatistics:
        """Add the shards' counts and subtract those of deleted passages."""
        return combine(add, remove)

    def build(self, passages: PassageSet, global_statistics: TermStatistics, directory: Path) -> Mapping[str, Any]:  # noqa: ARG002
        """Return the counts of a shard; `local_statistics` has written its files."""
        postings = Postings(directory)
        return {"passages": len(postings.lengths), "terms": postings.terms, "postings": len(postings.passages)}

    def save(self, global_statistics: TermStatistics, directory: Path) -> None:
        """Write the statistics of a version."""
        save(global_statistics, self.weights, self.analyzer.fingerprint, directory)

    def open(self, directories: Sequence[Path], global_statistics: Path) -> CandidateGenerator:
        """Open a version; compile or load the kernel. Raises StoreError or NotFoundError that names the file."""
        warm()
        statistics = VersionStatistics(global_statistics, self.weights, self.analyzer.fingerprint)
        return BM25([BM25Shard(Postings(folder), statistics, self.spec) for folder in directories], statistics)

    def derived(self) -> frozenset[str]:
        """Return no names: the same input gives identical files."""
        return frozenset()


def warm() -> None:
    """Compile the search functions, or load them from numba's cache, so that no query waits for it."""
    import clew.search.candidates.bm25_pruning  # noqa: F401


class BM25:
    """A CandidateGenerator that ranks the passages of all shards of a version by BM25."""

    def __init__(self, shards: Sequence[BM25Shard], statistics: VersionStatistics) -> None:
        self._shards = tuple(shards)
        self._sharded = Sharded(self._shards)
        self._statistics = statistics

    @property
    def size(self) -> int:
        """The number of passages in all shards, deleted ones included."""
        return self._sharded.size

    def candidates(self, request: CandidateRequest) -> Ranking:
        """Return the best k allowed passages that contain a query term of weight above 0.

        In the score statistics, the mean is exact. The standard deviation assumes that terms occur independently of
        each other, because the true one would need the scores of all passages.
        """
        found = self._sharded.candidates(request)
        return Ranking(found.ordinals, found.scores, found.answered, found.asked, self._score_statistics(request.query))

    def score(self, query: ParsedQuery, ordinals: Ints) -> Floats:
        """Return (n,) float64 scores; 0.0 for a passage without any query term."""
        return self._sharded.score(query, ordinals)

    def explain(self, query: ParsedQuery, ordinal: int) -> list[Contribution]:
        """Return one contribution for each query term that the passage contains."""
        return self._sharded.explain(query, ordinal)

    def document_frequency(self, term: str) -> int:
        """Return the number of passages that contain an index term."""
        return self._statistics.document_frequency(term)

    def matches_any(self, terms: Sequence[str]) -> Bools:
        """Return (n,) bool: passages that contain at least one of the index terms."""
        return np.concatenate([_ALL, *(shard.matches_any(terms) for shard in self._shards)])

    def passages_with(self, term: str) -> Ints:
        """Return (m,) int64 ascending ordinals of the passages that contain an index term. Reads its postings only."""
        parts, start = [np.empty(0, np.int64)], 0
        for shard in self._shards:
            parts.append(shard.passages_with(term) + start)
            start += shard.size
        return np.concatenate(parts)

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
    """A term of the shard, with its postings from start to end.

    most, total, squares: the maximum, the sum and the sum of squares of its contributions to the shard's passages, with
    weight 1 and idf 1. shift: of its skips, see `bm25_pruning.skip_shift`.
    """

    text: str
    idf: float
    start: int
    end: int
    most: float
    total: float
    squares: float
    shift: int


# The arrays rows, pool, scores and space of `bm25_pruning.best_matches`, reused by the next query.
_Workspace: TypeAlias = tuple[NDArray[np.int32], NDArray[np.int32], Floats, Floats]


class BM25Shard:
    """A CandidateGenerator over a shard's postings, scored with its version's statistics. Safe for several threads."""

    def __init__(self, postings: Postings, statistics: VersionStatistics, spec: BM25Spec) -> None:
        from clew.search.candidates.bm25_pruning import PostingArrays, allocate_skips

        self._postings = postings
        self._statistics = statistics
        self._size = len(postings.lengths)
        average = statistics.average_length
        self._arrays = PostingArrays(
            postings.passages,
            postings.codes,
            postings.values,
            postings.rare,
            postings.lengths,
            scale=spec.k1 + 1,
            base=spec.k1 * (1 - spec.b) if average else spec.k1,
            slope=spec.k1 * spec.b / average if average else 0.0,
        )
        self._workspaces: list[_Workspace] = []
        self._term_cache: dict[str, _Term | None] = {}
        self._skips = allocate_skips(len(postings.passages))

    @property
    def size(self) -> int:
        """The number of passages in the shard."""
        return self._size

    def candidates(self, request: CandidateRequest) -> Ranking:
        """Return the best k allowed passages that contain a query term of weight above 0; without score statistics."""
        from clew.search.candidates.bm25_pruning import best_matches

        terms = self._terms(request.query)
        if request.k <= 0 or not terms:
            return empty_ranking()
        rows, pool, scores, space = workspace = self._workspace()
        found = best_matches(
            request.k,
            np.array([[t.start for t, _ in terms], [t.end for t, _ in terms], [t.shift for t, _ in terms]]),
            np.array([[weight * term.idf for term, weight in terms], [term.most for term, _ in terms]]),
            self._arrays,
            self._skips,
            _ALL if request.allowed is None else np.ascontiguousarray(request.allowed, np.bool_),
            rows,
            pool,
            scores,
            space,
        )
        ranking = Ranking(pool[:found].astype(np.int64), scores[:found].copy())
        self._workspaces.append(workspace)
        return ranking

    def score(self, query: ParsedQuery, ordinals: Ints) -> Floats:
        """Return (n,) float64 scores; 0.0 for a passage without any query term."""
        scores = np.zeros(len(ordinals), np.float64)
        for part in self._parts(self._terms(query), ordinals)[1]:
            scores += part
        return scores

    def explain(self, query: ParsedQuery, ordinal: int) -> list[Contribution]:
        """Return one contribution for each query term that the passage contains, in query order."""
        terms = self._terms(query)
        frequencies, parts = self._parts(terms, np.array([ordinal], np.int64))
        length = float(self._postings.lengths[ordinal])
        return [
            Contribution(
                "bm25",
                described(term.text),
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
        """Return (n,) bool: passages that contain at least one of the index terms."""
        found = np.zeros(self._size, np.bool_)
        for term in terms:
            start, end = self._postings.range(term)
            found[self._postings.passages[start:end]] = True
        return found

    def passages_with(self, term: str) -> Ints:
        """Return (m,) int64 ascending ordinals of the shard's passages that contain an index term."""
        start, end = self._postings.range(term)
        return self._postings.passages[start:end].astype(np.int64)

    def close(self) -> None:
        """Release the memory maps; they are unmapped when no running query reads them. May be called twice."""
        vars(self).pop("_postings", None)
        vars(self).pop("_arrays", None)
        self._workspaces.clear()
        self._term_cache.clear()

    def term(self, text: str) -> _Term | None:
        """Return a term with its postings; None if the shard has none. Cached, because it reads the whole list."""
        try:
            return self._term_cache[text]
        except KeyError:
            pass
        start, end = self._postings.range(text)
        found = self._read(text, start, end) if start < end else None
        if len(self._term_cache) >= _MAX_CACHED_TERMS:
            self._term_cache.clear()
        self._term_cache[text] = found
        return found

    def _read(self, text: str, start: int, end: int) -> _Term:
        from clew.search.candidates.bm25_pruning import read_term, skip_shift

        sums, shift = np.empty(3), skip_shift(start, end, self._size)
        read_term(start, end, shift, self._arrays, self._skips, sums)
        most, total, squares = sums.tolist()
        return _Term(text, self._statistics.idf(text), start, end, most, total, squares, shift)

    def _terms(self, query: ParsedQuery) -> list[tuple[_Term, float]]:
        """Return the query terms that the shard contains and their weights, in query order, repetitions added up."""
        return [(term, weight) for text, weight in weights_of(query).items() if (term := self.term(text))]

    def _parts(self, terms: Sequence[tuple[_Term, float]], ordinals: Ints) -> tuple[Floats, Floats]:
        """Return tf and contribution to the score, each (terms, n) float64; the same arithmetic as the kernel's."""
        from clew.search.candidates.bm25_pruning import STEPS, term_frequencies

        starts, ends = (np.array([getattr(term, name) for term, _ in terms], np.int64) for name in ("start", "end"))
        frequencies = np.empty((len(terms), len(ordinals)), np.float64)
        term_frequencies(starts, ends, self._arrays, ordinals.astype(np.int64), frequencies)
        weights = np.array([[weight * term.idf] for term, weight in terms], np.float64).reshape(len(terms), 1)
        arrays = self._arrays
        lengths = arrays.lengths[ordinals].astype(np.float64)
        # A term that the passage does not contain adds 0, even if the denominator is 0 (k1 = 0).
        denominators = np.where(frequencies > 0, frequencies + (arrays.base + arrays.slope * lengths), 1.0)
        return frequencies, np.rint(weights * (frequencies * arrays.scale / denominators) * STEPS) / STEPS

    def _workspace(self) -> _Workspace:
        from clew.search.candidates.bm25_pruning import NO_ROW

        try:
            return self._workspaces.pop()
        except IndexError:
            n = self._size
            return np.full(n, NO_ROW, np.int32), np.empty(n, np.int32), np.empty(n), np.empty(n)


def described(term: str) -> str:
    """Return how explanations call a term."""
    return f"identifier {term[len(PREFIX) :]!r}" if term.startswith(PREFIX) else f"term {term!r}"


def weights_of(query: ParsedQuery) -> dict[str, float]:
    """Return the query terms of weight above 0 → their weight, repetitions added up, in query order."""
    weights: dict[str, float] = {}
    for term, weight in query.terms:
        if weight > 0:
            weights[term] = weights.get(term, 0.0) + weight
    return weights
