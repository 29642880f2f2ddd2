"""Fit a reranker's calibration, and the estimate of how many relevant candidates it has not scored yet."""

from __future__ import annotations

import numpy as np

from clew.core.errors import DataError
from clew.core.types import Bools, Floats, Ints, Vectors
from clew.indexer.tuning.logistic import fit_logistic
from clew.search.rerank.calibration import Calibration
from clew.search.rerank.expected_relevant import ExpectedRelevant
from clew.search.rerank.log_odds import log_complement

LEAST_SCALE = 1e-3
# Columns of the features that have a lower bound.
_SCALE, _FUSED = 0, 1
_AHEAD_FUSED, _AHEAD_DOUBT = 1, 2


def learn(
    scores: Floats | Vectors,
    fused: Floats,
    relevant: Bools,
    start: Calibration | None = None,
    strength: float = 1.0,
) -> Calibration:
    """The most likely calibration for judged pairs, regularised towards `start` (None: the default).

    scores, fused: (n,) cross-encoder and fused scores. relevant: (n,) bool. strength: of the regularisation (L2, in
    pairs). Targets are smoothed as in Platt (1999), so that separable pairs give no unbounded slope. Raises DataError
    where the lengths differ, a score is not finite, or the pairs are all relevant or all not.
    """
    _check(scores, fused, relevant)
    begin = start or Calibration()
    table = np.stack([np.asarray(scores, np.float64), fused, np.ones(len(fused))], axis=1)
    hits = int(np.count_nonzero(relevant))
    targets = np.where(relevant, (hits + 1) / (hits + 2), 1 / (len(table) - hits + 2))
    towards = np.array([begin.scale, begin.fused, begin.bias])
    best = fit_logistic(table, targets, towards, strength=strength, least={_SCALE: LEAST_SCALE, _FUSED: 0.0})
    scale, beside, bias = (round(float(weight), 6) for weight in best)
    return Calibration(scale, beside, bias)


def learn_expected_relevant(
    log_odds: Floats, fused: Floats, relevant: Bools, query: Ints, every: int
) -> ExpectedRelevant | None:
    """Fit the estimate at each place where reranking may stop, on the candidates that would be left there.

    log_odds, fused: (n,) calibrated log-odds and fused scores of candidates that were scored; relevant: (n,) bool;
    query: (n,) int64 number of each one's query. every: candidates that are scored at a time. None where no query has
    more than that. Raises DataError for numbers that are not finite.
    """
    if not (np.isfinite(log_odds).all() and np.isfinite(fused).all()):
        raise DataError("log_odds or fused hold a number that is not finite", "leave out pairs that were not scored")
    rows: list[Floats] = []
    targets: list[Bools] = []
    for each in np.unique(query):
        own = np.flatnonzero(query == each)
        own = own[np.argsort(-fused[own], kind="stable")]
        for scored in range(every, len(own), every):
            left = own[scored:]
            doubt = np.full(len(left), log_complement(float(log_odds[own[:scored]].max())))
            rows.append(np.stack([np.ones(len(left)), fused[left], doubt], axis=1))
            targets.append(relevant[left])
    if not rows:
        return None
    # Regularised towards even odds: with little training data, reranking goes on.
    weights = fit_logistic(
        np.concatenate(rows),
        np.concatenate(targets).astype(np.float64),
        np.zeros(3),
        least={_AHEAD_FUSED: 0.0, _AHEAD_DOUBT: 0.0},
    )
    return ExpectedRelevant(*(round(float(weight), 6) for weight in weights))


def _check(scores: Floats | Vectors, fused: Floats, relevant: Bools) -> None:
    sizes = [len(scores), len(fused), len(relevant)]
    if len(set(sizes)) != 1:
        raise DataError(
            f"scores, fused and relevant hold {sizes[0]}, {sizes[1]} and {sizes[2]} pairs", "give all three the same"
        )
    if not (np.isfinite(scores).all() and np.isfinite(fused).all()):
        raise DataError("scores or fused hold a number that is not finite", "leave out pairs that were not scored")
    if not 0 < np.count_nonzero(relevant) < len(relevant):
        kind = "relevant" if len(relevant) and relevant[0] else "not relevant"
        raise DataError(
            f"relevant: all {len(relevant)} pairs are {kind}" if len(relevant) else "relevant: there is no pair",
            "judge some candidates that answer their query and some that do not",
        )
