"""The words every room shares. All are frozen; arrays carry their shape and dtype in the docstring."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

FieldValue: TypeAlias = str | float | bool | list[str] | tuple[float, float] | None
Bools: TypeAlias = NDArray[np.bool_]
Ints: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]
Vectors: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Document:
    """One searchable thing as its source gives it, with its fields typed.

    id: unique in the index. fields: declared field name → value (absent or None where the source has none).
    origin: where it was read, for error messages ("catalogue.jsonl.gz:17").
    """

    id: str
    fields: Mapping[str, FieldValue]
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Deadline:
    """A point on the monotonic clock by which an answer is wanted (seconds; infinity: none)."""

    at: float = float("inf")

    @classmethod
    def after_ms(cls, budget_ms: float | None) -> Deadline:
        """The deadline `budget_ms` milliseconds from now (None: no deadline)."""
        return cls() if budget_ms is None else cls(time.monotonic() + budget_ms / 1000)

    @property
    def passed(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() >= self.at

    @property
    def left_ms(self) -> float:
        """Milliseconds left, never below 0."""
        return max(0.0, (self.at - time.monotonic()) * 1000)


@dataclass(frozen=True, slots=True)
class Ranking:
    """What one source found, best first.

    ordinals: (k,) int64 ordinals of passages, version-wide, or of documents once their passages were joined. scores:
    (k,) float64, descending; ties by ascending ordinal.
    answered, asked: shards that answered, of those asked.
    background: mean and standard deviation of the source's score for this query over all its passages, those without
    a score counted as 0; what fusion measures a score against. None where the source does not know it. A source whose
    score is a sum over query terms takes these for independent of each other.
    """

    ordinals: Ints
    scores: Floats
    answered: int = 1
    asked: int = 1
    score_statistics: tuple[float, float] | None = None

    def __len__(self) -> int:
        return len(self.ordinals)

    def deviations(self, rank: int) -> float:
        """How many standard deviations above the mean the score at a rank (from 0) is; 0 if there is none."""
        mean, deviation = self.score_statistics or (0.0, 1.0)
        return (float(self.scores[rank]) - mean) / deviation if rank < len(self.scores) and deviation > 0 else 0.0


def empty_ranking() -> Ranking:
    """A ranking of nothing."""
    return Ranking(np.empty(0, np.int64), np.empty(0, np.float64))


def ranked(ordinals: Ints, scores: Floats, k: int) -> Ranking:
    """The k best of some scored passages in the one order Clew uses: score descending, then ordinal ascending."""
    if 0 < k < len(scores):
        # Keep every passage that ties with the k-th score, so that the ordinal decides among them.
        kth = np.partition(scores, len(scores) - k)[len(scores) - k]
        keep = np.flatnonzero(scores >= kth)
        ordinals, scores = ordinals[keep], scores[keep]
    order = np.lexsort((ordinals, -scores))[:k]
    return Ranking(ordinals[order].astype(np.int64), scores[order].astype(np.float64))


@dataclass(frozen=True, slots=True)
class Contribution:
    """One part of a score.

    stage: bm25, dense, fusion, … . what: what it comes from ("term 'sony'", "cosine", "bm25").
    value: what it adds to that stage's score; the values of one stage add up to that stage's score (1e-6).
    detail: the numbers behind it (tf, df, idf, weight, raw score, …).
    """

    stage: str
    what: str
    value: float
    detail: Mapping[str, Any] = field(default_factory=dict)
