"""From a cross-encoder's score to the log-odds that a document is relevant: Platt scaling, the fused score beside it.

What a score is worth depends on the model and on the collection, so the map is learned where judgements exist
(Platt 1999). It is small and shows its parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

import numpy as np

from clew.core.errors import DataError
from clew.core.spec import parse
from clew.core.types import Bools, Contribution, Floats, Vectors
from clew.search.rerank.ahead import Ahead
from clew.search.rerank.logistic import bounded, probabilities

LEAST_SCALE = 1e-3
_SCALE, _FUSED = 0, 1


@dataclass(frozen=True, slots=True)
class Calibration:
    """log-odds = scale * cross-encoder's score + fused * fused score + bias.

    scale: above 0, so that the model's order is never turned round. fused: 0 or more. All are finite. ahead: how
    many relevant ones candidates not read yet are expected to hold; None where nobody learned it.
    """

    scale: float = 1.0
    fused: float = 0.0
    bias: float = 0.0
    ahead: Ahead | None = None

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
        """As it is stored in a release and with a model: `ahead` only where it was learned."""
        table = asdict(self)
        if self.ahead is None:
            del table["ahead"]
        return table

    @classmethod
    def of_table(cls, table: Mapping[str, Any]) -> Calibration:
        """From what `as_table` gave; a key that is left out keeps its default. Raises SpecError that names the key."""
        rest = dict(table)
        # By itself, so that a wrong key inside it is named too.
        if (ahead := rest.pop("ahead", None)) is not None:
            rest["ahead"] = Ahead.of_table(ahead)
        return parse(cls, rest, "calibration of the reranker")


def learn(
    scores: Floats | Vectors,
    fused: Floats,
    relevant: Bools,
    start: Calibration | None = None,
    strength: float = 1.0,
) -> Calibration:
    """The calibration that makes judged pairs likeliest, drawn towards `start` (None: the default).

    scores, fused: (n,) cross-encoder and fused scores. relevant: (n,) bool. strength: of the pull (L2, in pairs).
    Targets are smoothed as Platt (1999) does, so that separable pairs give no endless slope. Raises DataError
    where the pairs cannot teach anything.
    """
    _check(scores, fused, relevant)
    begin = start or Calibration()
    table = np.stack([np.asarray(scores, np.float64), fused, np.ones(len(fused))], axis=1)
    hits = int(np.count_nonzero(relevant))
    targets = np.where(relevant, (hits + 1) / (hits + 2), 1 / (len(table) - hits + 2))
    origin = np.array([begin.scale, begin.fused, begin.bias])
    best = bounded(table, targets, origin, strength, {_SCALE: LEAST_SCALE, _FUSED: 0.0})
    scale, beside, bias = (round(float(weight), 6) for weight in best)
    return Calibration(scale, beside, bias)


def _check(scores: Floats | Vectors, fused: Floats, relevant: Bools) -> None:
    sizes = [len(scores), len(fused), len(relevant)]
    if len(set(sizes)) != 1:
        raise DataError(
            f"scores, fused and relevant hold {sizes[0]}, {sizes[1]} and {sizes[2]} pairs", "give each pair all three"
        )
    if not (np.isfinite(scores).all() and np.isfinite(fused).all()):
        raise DataError("scores or fused hold what is no finite number", "leave out pairs that were not scored")
    if not 0 < np.count_nonzero(relevant) < len(relevant):
        kind = "relevant" if len(relevant) and relevant[0] else "not relevant"
        raise DataError(
            f"relevant: all {len(relevant)} pairs are {kind}" if len(relevant) else "relevant: there is no pair",
            "judge some candidates that answer their query and some that do not",
        )
