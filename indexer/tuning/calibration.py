"""Fit a reranker's calibration, and the estimate of how many relevant candidates it has not scored yet."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from clew.core.errors import DataError
from clew.core.types import Bools, Floats, Ints, Vectors
from clew.indexer.tuning.logistic import fit_logistic
from clew.search.rerank.calibration import Calibration, leads
from clew.search.rerank.expected_relevant import ExpectedRelevant
from clew.search.rerank.log_odds import log_complement

LEAST_SCALE = 1e-3
# Columns of the features whose coefficients have a lower bound.
_SCALE, _FUSED = 0, 1
_SLOPE, _LEAD = 0, 1
_EXPECTED_FUSED, _EXPECTED_DOUBT = 1, 2


def learn(
    scores: Floats | Vectors,
    fused: Floats,
    relevant: Bools,
    start: Calibration | None = None,
    strength: float = 1.0,
    *,
    query: Ints | None = None,
) -> Calibration:
    """Return the most likely calibration for judged pairs, regularised towards `start` (None: the default).

    scores, fused: (n,) cross-encoder scores and fused scores. relevant: (n,) bool. strength: of the L2 regularisation,
    in pairs. query: (n,) int64 number of each pair's query; without it `lead` is 0, because nobody knows which pairs
    compete. The sentence's parameters are those of `start`. Targets are smoothed as in Platt (1999), so that the slope
    stays bounded if the pairs are separable. Raises DataError if the lengths differ, a score is not finite, or all
    pairs or none are relevant.
    """
    _check(scores, fused, relevant)
    begin = start or Calibration()
    table = np.stack([np.asarray(scores, np.float64), fused, np.ones(len(fused))], axis=1)
    hits = int(np.count_nonzero(relevant))
    targets = np.where(relevant, (hits + 1) / (hits + 2), 1 / (len(table) - hits + 2))
    towards = np.array([begin.scale, begin.fused, begin.bias])
    best = fit_logistic(table, targets, towards, strength=strength, least={_SCALE: LEAST_SCALE, _FUSED: 0.0})
    scale, fused_weight, bias = (float(weight) for weight in best)
    lead = 0.0
    if query is not None:
        # The order is that of the fit above. Fitted together with the lead, the two weights would serve only to tell by
        # how far the best document is ahead.
        evidence = table[:, :2] @ best[:2]
        features = np.stack([evidence, leads_by_query(evidence, query), np.ones(len(evidence))], axis=1)
        start_at, least = np.array([1.0, begin.lead, begin.bias]), {_SLOPE: LEAST_SCALE, _LEAD: 0.0}
        slope, ahead, bias = (
            float(w) for w in fit_logistic(features, targets, start_at, strength=strength, least=least)
        )
        scale, fused_weight, lead = scale * slope, fused_weight * slope, ahead / slope
    found = {"scale": scale, "fused": fused_weight, "bias": bias, "lead": lead}
    rounded = {name: round(value, 6) for name, value in found.items()}
    return replace(begin, **rounded, expected_relevant=None)


def leads_by_query(evidence: Floats, query: Ints) -> Floats:
    """Return (n,) float64 how far each candidate is ahead of the best other one of its query (see `leads`)."""
    found = np.empty(len(evidence))
    for each in np.unique(query):
        own = query == each
        found[own] = leads(evidence[own])
    return found


def learn_expected_relevant(
    evidence: Floats, fused: Floats, relevant: Bools, query: Ints, every: int
) -> ExpectedRelevant | None:
    """Fit the estimate of relevant candidates that are not scored yet, for each rank at which reranking may stop.

    evidence, fused: (n,) calibrated evidence and fused scores of candidates that were scored; relevant: (n,) bool;
    query: (n,) int64 number of each candidate's query. every: how many candidates are scored at a time. Returns None
    if no query has more candidates than that. Raises DataError if a number is not finite.
    """
    if not (np.isfinite(evidence).all() and np.isfinite(fused).all()):
        raise DataError("evidence or fused contain a number that is not finite", "leave out pairs that were not scored")
    rows: list[Floats] = []
    targets: list[Bools] = []
    for each in np.unique(query):
        own = np.flatnonzero(query == each)
        own = own[np.argsort(-fused[own], kind="stable")]
        for scored in range(every, len(own), every):
            left = own[scored:]
            doubt = np.full(len(left), log_complement(float(evidence[own[:scored]].max())))
            rows.append(np.stack([np.ones(len(left)), fused[left], doubt], axis=1))
            targets.append(relevant[left])
    if not rows:
        return None
    # Regularised towards even odds, so that with little training data reranking does not stop early.
    weights = fit_logistic(
        np.concatenate(rows),
        np.concatenate(targets).astype(np.float64),
        np.zeros(3),
        least={_EXPECTED_FUSED: 0.0, _EXPECTED_DOUBT: 0.0},
    )
    return ExpectedRelevant(*(round(float(weight), 6) for weight in weights))


def _check(scores: Floats | Vectors, fused: Floats, relevant: Bools) -> None:
    sizes = [len(scores), len(fused), len(relevant)]
    if len(set(sizes)) != 1:
        raise DataError(
            f"scores, fused and relevant have the lengths {sizes[0]}, {sizes[1]} and {sizes[2]}",
            "give all three the same length",
        )
    if not (np.isfinite(scores).all() and np.isfinite(fused).all()):
        raise DataError("scores or fused contain a number that is not finite", "leave out pairs that were not scored")
    if not 0 < np.count_nonzero(relevant) < len(relevant):
        kind = "relevant" if len(relevant) and relevant[0] else "not relevant"
        raise DataError(
            f"all {len(relevant)} judged pairs are {kind}" if len(relevant) else "there are no judged pairs",
            "judge some candidates that are relevant and some that are not",
        )
