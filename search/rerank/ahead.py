"""How many relevant documents are left among the candidates not read yet, foretold from what has been read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

import numpy as np

from clew.core.errors import DataError
from clew.core.spec import parse
from clew.core.types import Bools, Floats, Ints
from clew.search.rerank.logistic import bounded, probabilities

_FUSED, _DOUBT = 1, 2


@dataclass(frozen=True, slots=True)
class Ahead:
    """Log-odds that a candidate not read yet is relevant: bias + fused * its fused score + doubt * log(1 - p).

    p: probability of the best one that was read. Where one document answers a query, the others become as unlikely as
    that one is likely, and doubt is near 1; where many do, it is 0. All are finite, fused and doubt not below 0.
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

    def left(self, fused: Floats, best: float) -> float:
        """How many of n candidates with these fused scores, (n,), are expected to be relevant (0 to n).

        best: highest calibrated log-odds of those that were read.
        """
        log_odds = self.bias + self.fused * np.asarray(fused, np.float64) + self.doubt * _log_doubt(best)
        return float(probabilities(log_odds).sum())

    def as_table(self) -> dict[str, float]:
        """As it is stored in a release."""
        return asdict(self)

    @classmethod
    def of_table(cls, table: Mapping[str, Any]) -> Ahead:
        """From what `as_table` gave. Raises SpecError that names the key."""
        return parse(cls, table, "calibration of the reranker, ahead")


def learn_ahead(log_odds: Floats, fused: Floats, relevant: Bools, query: Ints, every: int) -> Ahead | None:
    """Learned at each place where reranking may stop, on the candidates that would be left there.

    log_odds, fused: (n,) calibrated log-odds and fused scores of candidates that were read; relevant: (n,) bool; query:
    (n,) int64 number of the query each is of. every: candidates that are read at a time. None where no query has more
    than that. Raises DataError for numbers that are not finite.
    """
    if not (np.isfinite(log_odds).all() and np.isfinite(fused).all()):
        raise DataError("log_odds or fused hold what is no finite number", "leave out pairs that were not scored")
    rows: list[Floats] = []
    targets: list[Bools] = []
    for each in np.unique(query):
        own = np.flatnonzero(query == each)
        own = own[np.argsort(-fused[own], kind="stable")]
        for read in range(every, len(own), every):
            left = own[read:]
            doubt = np.full(len(left), _log_doubt(float(log_odds[own[:read]].max())))
            rows.append(np.stack([np.ones(len(left)), fused[left], doubt], axis=1))
            targets.append(relevant[left])
    if not rows:
        return None
    # Drawn to even odds: with little to learn from, reading goes on.
    weights = bounded(
        np.concatenate(rows), np.concatenate(targets).astype(np.float64), np.zeros(3), 1.0, {_FUSED: 0.0, _DOUBT: 0.0}
    )
    return Ahead(*(round(float(weight), 6) for weight in weights))


def _log_doubt(log_odds: float) -> float:
    """log(1 - p) of the probability p that log-odds stand for."""
    return -float(np.logaddexp(0.0, log_odds))
