"""The reference backend: BM25Okapi of rank-bm25 over stored words. It is slow and serves as a baseline.

Each word of a field is repeated as often as the field's weight says, so weights must be integers. The idf of a term in
more than half of the passages is epsilon x the average idf, which may be below 0 in a small collection. An identifier
is a word of weight 1; here it also counts in the length.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from clew.core.errors import CorruptError, SpecError
from clew.core.identifiers import identifier_term
from clew.core.tables import REBUILD, read_table
from clew.core.text import Analyzer
from clew.core.types import Bools, Contribution, Floats, Ints, Ranking, ranked
from clew.search.candidates.bm25 import BM25Kind, BM25Spec, described, weights_of
from clew.search.candidates.bm25_postings import count_words, field_texts
from clew.search.candidates.bm25_statistics import FORMAT, TermStatistics, VersionStatistics
from clew.search.protocols import CandidateGenerator, CandidateRequest, ParsedQuery, PassageSet

WORDS = "words.json"


class RankBM25Kind(BM25Kind):
    """An IndexKind for rank-bm25; its statistics are those of BM25Kind."""

    def __init__(self, spec: BM25Spec, weights: Mapping[str, float], analyzer: Analyzer) -> None:
        """Raises SpecError if a weight is not an integer."""
        super().__init__(spec, weights, analyzer)
        for name, weight in self.weights.items():
            if weight != int(weight):
                raise SpecError(
                    f'[fields] {name}: weight is {weight}, but backend = "rank_bm25" needs an integer',
                    'round the weight, or use backend = "bm25"',
                )

    def local_statistics(self, passages: PassageSet, directory: Path) -> TermStatistics:  # noqa: ARG002
        """Count passages, words and the document frequency of each term."""
        return count_words(passages, self.weights, self.analyzer).statistics()

    def build(self, passages: PassageSet, global_statistics: TermStatistics, directory: Path) -> Mapping[str, Any]:  # noqa: ARG002
        """Write the words of the passages, each repeated `weight` times, the weight of its field."""
        directory.mkdir(parents=True, exist_ok=True)
        columns = list(zip(field_texts(passages, self.weights), self.weights.values(), strict=True))
        words = [
            [term for column, weight in columns for term in self.analyzer.terms(column[row]) * int(weight)]
            for row in range(len(passages))
        ]
        for each, identifiers in zip(words, passages.identifiers, strict=False):
            each += [term for value in identifiers if (term := identifier_term(value))]
        (directory / WORDS).write_text(
            json.dumps({"format": FORMAT, "words": words}, ensure_ascii=False), encoding="utf-8"
        )
        return {"passages": len(words), "words": sum(map(len, words))}

    def open(self, directories: Sequence[Path], global_statistics: Path) -> CandidateGenerator:
        """Read the words of all passages into memory. Raises StoreError or NotFoundError that names the file."""
        statistics = VersionStatistics(global_statistics, self.weights, self.analyzer.fingerprint)
        words: list[list[str]] = []
        for folder in directories:
            table = read_table(folder / WORDS, FORMAT)
            if not isinstance(table.get("words"), list):
                raise CorruptError(f"{folder / WORDS} contains no list of words", REBUILD)
            words += table["words"]
        return RankBM25(words, statistics, self.spec)


class RankBM25:
    """A CandidateGenerator over all passages of a version, in one BM25Okapi."""

    def __init__(self, words: Sequence[Sequence[str]], statistics: VersionStatistics, spec: BM25Spec) -> None:
        from rank_bm25 import BM25Okapi

        self._size = len(words)
        self._statistics = statistics
        # BM25Okapi divides by the numbers of passages and words, so it cannot be created without words.
        self._model: Any = BM25Okapi(words, k1=spec.k1, b=spec.b, epsilon=spec.epsilon) if any(words) else None
        if self._model is not None and statistics.passages != self._size:
            # The words include those of deleted passages, the statistics do not.
            self._model.avgdl = statistics.average_length or 1.0
            self._model.idf = {term: statistics.okapi_idf(term, spec.epsilon) for term in self._model.idf}

    @property
    def size(self) -> int:
        """The number of passages in the version, deleted ones included."""
        return self._size

    def candidates(self, request: CandidateRequest) -> Ranking:
        """Return the best k allowed passages that contain a query term of weight above 0."""
        matching = self.matches_any([term for term, weight in request.query.terms if weight > 0])
        every = self.score(request.query, np.arange(self._size))
        if request.allowed is not None:
            matching &= request.allowed
        ordinals = np.flatnonzero(matching)
        best = ranked(ordinals, every[ordinals], max(request.k, 0))
        return replace(best, score_statistics=self._score_statistics(request.query))

    def score(self, query: ParsedQuery, ordinals: Ints) -> Floats:
        """Return (n,) float64 scores; 0.0 for a passage without any query term."""
        scores = np.zeros(len(ordinals), np.float64)
        for term, weight in query.terms:
            if weight > 0 and self._model is not None:
                scores += weight * self._model.get_scores([term])[ordinals]
        return scores

    def explain(self, query: ParsedQuery, ordinal: int) -> list[Contribution]:
        """Return one contribution for each query term that the passage contains."""
        counts = self._model.doc_freqs[ordinal] if self._model is not None else {}
        weights: dict[str, float] = {}
        for term, weight in query.terms:
            if weight > 0 and term in counts:
                weights[term] = weights.get(term, 0.0) + weight
        found: list[Contribution] = []
        for term, weight in weights.items():
            detail = {
                "tf": float(counts[term]),
                "df": self._statistics.document_frequency(term),
                "idf": float(self._model.idf[term]),
                "weight": weight,
                "length": float(self._model.doc_len[ordinal]),
                "average_length": float(self._model.avgdl),
            }
            value = weight * float(self._model.get_scores([term])[ordinal])
            found.append(Contribution("bm25", described(term), value, detail))
        return found

    def _score_statistics(self, query: ParsedQuery) -> tuple[float, float]:
        """Return mean and standard deviation; as in `BM25.candidates`, terms are assumed to occur independently."""
        scores = [weight * self._model.get_scores([term]) for term, weight in weights_of(query).items() if self._model]
        return (sum(float(each.mean()) for each in scores), sum(float(each.var()) for each in scores) ** 0.5)

    def document_frequency(self, term: str) -> int:
        """Return the number of passages that contain an index term."""
        return self._statistics.document_frequency(term)

    def matches_any(self, terms: Sequence[str]) -> Bools:
        """Return (n,) bool: passages that contain at least one of the index terms."""
        found = np.zeros(self._size, np.bool_)
        if self._model is not None:
            for row, counts in enumerate(self._model.doc_freqs):
                found[row] = any(term in counts for term in terms)
        return found

    def passages_with(self, term: str) -> Ints:
        """Return (m,) int64 ascending ordinals of the passages that contain an index term."""
        return np.flatnonzero(self.matches_any([term])).astype(np.int64)

    def close(self) -> None:
        """Release the words."""
        self._model = None
