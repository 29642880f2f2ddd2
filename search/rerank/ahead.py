"""What a document that was not read yet may turn out to be worth, foretold from its fused score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import erfc, isfinite, sqrt
from typing import Any

import numpy as np

from clew.core.errors import DataError
from clew.core.spec import parse
from clew.core.types import Floats

# A fit without any residue would claim to know what it never saw.
LEAST_DEVIATION = 1e-3
LEAST_PAIRS = 3


@dataclass(frozen=True, slots=True)
class Ahead:
    """The log-odds of a candidate not read yet are Normal: mean a + b * fused score, deviation s.

    a, b: any finite number. s: above 0.
    """

    a: float
    b: float
    s: float

    def __post_init__(self) -> None:
        for name, value in (("a", self.a), ("b", self.b)):
            if not isfinite(value):
                raise ValueError(f"{name} is {value}, expected a finite number")
        if not 0 < self.s < float("inf"):
            raise ValueError(f"s is {self.s}, expected a number above 0")

    def above(self, fused: Floats, bar: float) -> float:
        """How many of n candidates with these fused scores, (n,), are expected to get log-odds above `bar` (0 to n)."""
        distances = (bar - (self.a + self.b * np.asarray(fused, np.float64))) / (self.s * sqrt(2))
        return sum(erfc(float(distance)) for distance in distances) / 2

    def as_table(self) -> dict[str, float]:
        """As it is stored in a release."""
        return asdict(self)

    @classmethod
    def of_table(cls, table: Mapping[str, Any]) -> Ahead:
        """From what `as_table` gave. Raises SpecError that names the key."""
        return parse(cls, table, "calibration of the reranker, ahead")


def learn_ahead(log_odds: Floats, fused: Floats) -> Ahead | None:
    """The line of least squares through the candidates of all queries, and the deviation around it.

    log_odds, fused: (n,) calibrated log-odds and fused scores of candidates that were read. What differs between
    queries is part of the deviation, so a query is never taken to be an easy one. None for fewer than LEAST_PAIRS.
    Raises DataError for numbers that are not finite.
    """
    if not (np.isfinite(log_odds).all() and np.isfinite(fused).all()):
        raise DataError("log_odds or fused hold what is no finite number", "leave out pairs that were not scored")
    if len(fused) < LEAST_PAIRS:
        return None
    centre, spread = float(fused.mean()), float(((fused - fused.mean()) ** 2).sum())
    b = float(((fused - centre) * log_odds).sum()) / spread if spread > 0 else 0.0
    a = float(log_odds.mean()) - b * centre
    s = sqrt(float(((log_odds - a - b * fused) ** 2).sum()) / (len(fused) - 2))
    return Ahead(round(a, 6), round(b, 6), max(round(s, 6), LEAST_DEVIATION))
