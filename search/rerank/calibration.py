"""From a cross-encoder's score to the log-odds that a document is relevant: Platt scaling, the fused score beside it.

What a score is worth depends on the model and on the collection, so the map is learned where judgements exist
(Platt 1999; `clew.indexer.tuning.calibration`). It is small and shows its parts.
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

    scale: above 0, so that the model's order is never turned round. fused: 0 or more. All are finite.
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
        """(n,) float64 log-odds of n documents with these cross-encoder scores and fused scores, (n,) each."""
        found: Floats = self.scale * np.asarray(scores, np.float64) + self.fused * fused + self.bias
        return found

    @staticmethod
    def probability(log_odds: Floats) -> Floats:
        """(n,) float64 probabilities (0 to 1) of n log-odds."""
        return probabilities(log_odds)

    def parts(self, score: float, fused: float) -> tuple[Contribution, ...]:
        """The log-odds of one document as three contributions; they add up."""
        return (
            Contribution("rerank", "cross-encoder", self.scale * score, {"score": score, "weight": self.scale}),
            Contribution("rerank", "fusion", self.fused * fused, {"score": fused, "weight": self.fused}),
            Contribution("rerank", "bias", self.bias),
        )

    def as_table(self) -> dict[str, Any]:
        """Return it as a release and a model store it; expected_relevant is called "ahead" there, if it was learned."""
        table = asdict(self)
        if (ahead := table.pop("expected_relevant")) is not None:
            table["ahead"] = ahead
        return table

    @classmethod
    def of_table(cls, table: Mapping[str, Any]) -> Calibration:
        """From what `as_table` gave; a key that is left out keeps its default. Raises SpecError that names the key."""
        rest = dict(table)
        # By itself, so that a wrong key inside it is named too.
        if (ahead := rest.pop("ahead", None)) is not None:
            rest["expected_relevant"] = ExpectedRelevant.of_table(ahead)
        return parse(cls, rest, "calibration of the reranker")
