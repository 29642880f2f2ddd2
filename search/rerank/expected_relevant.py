"""Estimate how many relevant documents are left among the candidates not scored yet, from those that were scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

import numpy as np

from clew.core.spec import parse
from clew.core.types import Floats
from clew.search.rerank.log_odds import log_complement, probabilities


@dataclass(frozen=True, slots=True)
class ExpectedRelevant:
    """The log-odds that an unscored candidate is relevant: bias + fused * its fused score + doubt * log(1 - p).

    p: probability of the best candidate that was scored, by its own evidence (see `Calibration`). If a query has a
    single relevant document, the others are as unlikely as that one is likely, and doubt is near 1; if it has many,
    doubt is 0. All are finite; fused and doubt are 0 or more.
    """

    bias: float
    fused: float
    doubt: float

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not isfinite(value):
                raise ValueError(f"{name} is {value}, expected a finite number")
            if name != "bias" and value < 0:
                raise ValueError(f"{name} is {value}, expected 0 or more")

    def remaining(self, fused: Floats, best: float) -> float:
        """Return how many of n candidates with these fused scores, (n,), are expected to be relevant (0 to n).

        best: highest evidence of the candidates that were scored.
        """
        log_odds = self.bias + self.fused * np.asarray(fused, np.float64) + self.doubt * log_complement(best)
        return float(probabilities(log_odds).sum())

    def as_table(self) -> dict[str, float]:
        """Return the table that a release stores."""
        return asdict(self)

    @classmethod
    def of_table(cls, table: Mapping[str, Any]) -> ExpectedRelevant:
        """Read the table that `as_table` returned. Raises SpecError that names the key."""
        return parse(cls, table, "calibration of the reranker, ahead")
