"""Types that all packages share. All are frozen; docstrings give the shapes and dtypes of arrays."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

FieldValue: TypeAlias = str | float | bool | list[str] | tuple[float, float] | None
Bools: TypeAlias = NDArray[np.bool_]
Ints: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]
Vectors: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Variant:
    """One variant of a document, such as a size of a product.

    fields: field name → value, of the fields that have one. id: its own id, such as its SKU ("" if it has none).
    """

    fields: Mapping[str, FieldValue]
    id: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """A searchable document as its source gives it, with typed fields.

    id: unique in the index. fields: declared field name → value (absent or None if the source has none).
    origin: where it was read from, for error messages ("catalogue.jsonl.gz:17"). variants: of the document, in the
    order of the source; empty in an index without variants.
    """

    id: str
    fields: Mapping[str, FieldValue]
    origin: str = ""
    variants: tuple[Variant, ...] = ()


@dataclass(frozen=True, slots=True)
class Deadline:
    """The time by which an answer is wanted. at: seconds on the monotonic clock (infinity: no deadline)."""

    at: float = float("inf")

    @classmethod
    def after_ms(cls, budget_ms: float | None) -> Deadline:
        """Return the deadline `budget_ms` milliseconds from now (None: no deadline)."""
        return cls() if budget_ms is None else cls(time.monotonic() + budget_ms / 1000)

    @property
    def passed(self) -> bool:
        """Whether the deadline has passed."""
        return time.monotonic() >= self.at

    @property
    def left_ms(self) -> float:
        """The milliseconds that are left, at least 0."""
        return max(0.0, (self.at - time.monotonic()) * 1000)


class CosineScale(NamedTuple):
    """Mean and standard deviation of an encoder's cosines of texts that have nothing to do with each other."""

    mean: float
    deviation: float

    def standard(self, cosines: Floats) -> Floats:
        """Return cosines as their distances from the mean, in deviations."""
        return (cosines - self.mean) / self.deviation


@dataclass(frozen=True, slots=True)
class Ranking:
    """The results of one source, best first.

    ordinals: (k,) int64 ordinals of passages in the version, or of documents after their passages were grouped. scores:
    (k,) float64, descending; ties by ascending ordinal.
    answered, asked: number of shards that answered, and of those asked.
    score_statistics: mean and standard deviation of the source's score for this query over all its passages, with 0 for
    passages without a score; fusion normalises scores with them. None if the source does not know them. A source whose
    score is a sum over query terms assumes that the terms are independent of each other.
    """

    ordinals: Ints
    scores: Floats
    answered: int = 1
    asked: int = 1
    score_statistics: tuple[float, float] | None = None

    def __len__(self) -> int:
        return len(self.ordinals)

    def deviations(self, rank: int) -> float:
        """Return how many standard deviations the score at a rank (from 0) is above the mean; 0 if there is none."""
        mean, deviation = self.score_statistics or (0.0, 1.0)
        return (float(self.scores[rank]) - mean) / deviation if rank < len(self.scores) and deviation > 0 else 0.0


def empty_ranking() -> Ranking:
    """Return a ranking without results."""
    return Ranking(np.empty(0, np.int64), np.empty(0, np.float64))


def ranked(ordinals: Ints, scores: Floats, k: int) -> Ranking:
    """Return the k best of some scored passages in Clew's order: score descending, then ordinal ascending."""
    if 0 < k < len(scores):
        # Include every passage that ties with the k-th score, so that the ordinal decides among them.
        kth = np.partition(scores, len(scores) - k)[len(scores) - k]
        keep = np.flatnonzero(scores >= kth)
        ordinals, scores = ordinals[keep], scores[keep]
    order = np.lexsort((ordinals, -scores))[:k]
    return Ranking(ordinals[order].astype(np.int64), scores[order].astype(np.float64))


@dataclass(frozen=True, slots=True)
class Contribution:
    """One part of a score.

    stage: bm25, dense, fusion, … . what: the origin of the part ("term 'sony'", "cosine", "bm25").
    value: what it adds to the score of that stage; the values of a stage sum to the score of the stage (within 1e-6).
    detail: the numbers behind it (tf, df, idf, weight, raw score, …).
    """

    stage: str
    what: str
    value: float
    detail: Mapping[str, Any] = field(default_factory=dict)
