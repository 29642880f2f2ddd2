"""Convert a cross-encoder's score into the log-odds that a document is relevant: Platt scaling with the fused score.

What a score means depends on the model and on the collection, so the parameters are learned from judgements, if there
are any (Platt 1999; `clew.indexer.tuning.calibration`). The model is small, and explanations show its parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

import numpy as np

from clew.core.spec import parse
from clew.core.types import Contribution, Floats, Vectors
from clew.search.rerank.expected_relevant import ExpectedRelevant
from clew.search.rerank.log_odds import probabilities


@dataclass(frozen=True, slots=True)
class Calibration:
    """log-odds = scale * cross-encoder's score + fused * fused score + bias.

    scale: above 0, so that the order of the model is never reversed. fused: 0 or more. All are finite.
    expected_relevant: estimates how many relevant documents are left among the candidates not scored yet; None if it
    was not learned.
    """

    scale: float = 1.0
    fused: float = 0.0
    bias: float = 0.0
    expected_relevant: ExpectedRelevant | None = None

    def __post_init__(self) -> None:
        if not 0 < self.scale < float("inf"):
            raise ValueError(f"scale is {self.scale}, expected a number above 0")
        if not 0 <= self.fused < float("inf"):
            raise ValueError(f"fused is {self.fused}, expected 0 or more")
        if not isfinite(self.bias):
            raise ValueError(f"bias is {self.bias}, expected a finite number")

    def log_odds(self, scores: Floats | Vectors, fused: Floats) -> Floats:
        """Return (n,) float64 log-odds of n documents, given (n,) cross-encoder scores and (n,) fused scores."""
        found: Floats = self.scale * np.asarray(scores, np.float64) + self.fused * fused + self.bias
        return found

    @staticmethod
    def probability(log_odds: Floats) -> Floats:
        """Return (n,) float64 probabilities (0 to 1) of n log-odds."""
        return probabilities(log_odds)

    def parts(self, score: float, fused: float) -> tuple[Contribution, ...]:
        """Return the log-odds of one document as three contributions; their values add up to it."""
        return (
            Contribution("rerank", "cross-encoder", self.scale * score, {"score": score, "weight": self.scale}),
            Contribution("rerank", "fusion", self.fused * fused, {"score": fused, "weight": self.fused}),
            Contribution("rerank", "bias", self.bias),
        )

    def as_table(self) -> dict[str, Any]:
        """Return the table to store in releases and models; expected_relevant, if learned, is called "ahead" there."""
        table = asdict(self)
        if (ahead := table.pop("expected_relevant")) is not None:
            table["ahead"] = ahead
        return table

    @classmethod
    def of_table(cls, table: Mapping[str, Any]) -> Calibration:
        """Read the table that `as_table` returned; a missing key has its default. Raises SpecError."""
        rest = dict(table)
        # Parsed separately, so that an error names a wrong key inside it too.
        if (ahead := rest.pop("ahead", None)) is not None:
            rest["expected_relevant"] = ExpectedRelevant.of_table(ahead)
        return parse(cls, rest, "calibration of the reranker")
