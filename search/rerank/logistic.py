"""Logistic regression with a pull towards a starting point: what calibrations are learned by."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np

from clew.core.types import Floats


def logistic(
    table: Floats, targets: Floats, origin: Floats, strength: float = 1.0, held: Mapping[int, float] | None = None
) -> Floats:
    """(d,) float64 weights of the least loss.

    table: (n, d) float64 features. targets: (n,) float64 probabilities, 0 to 1. origin: (d,) what the weights are drawn
    to. strength: of the pull (L2, in rows). held: column → weight that is kept. Convex, minimised by Newton's method.
    """
    weights = origin.copy()
    held = held or {}
    weights[list(held)] = list(held.values())
    free = [at for at in range(len(origin)) if at not in held]
    for _ in range(100):
        chances = probabilities(table @ weights)
        slope = (table.T @ (chances - targets) + strength * (weights - origin))[free]
        bend = (table * (chances * (1 - chances))[:, None]).T @ table + strength * np.eye(len(origin))
        step = np.zeros_like(weights)
        step[free] = np.linalg.solve(bend[np.ix_(free, free)], slope)
        size, before = 1.0, _loss(table, targets, origin, strength, weights)
        # A whole step may overshoot where the start is far off.
        while size > 1e-9 and _loss(table, targets, origin, strength, weights - size * step) > before:
            size /= 2
        weights = weights - size * step
        if float(np.abs(size * step).max()) < 1e-9:
            break
    return weights


def bounded(table: Floats, targets: Floats, origin: Floats, strength: float, least: Mapping[int, float]) -> Floats:
    """The same where some weights have a least value. least: column → value; few, for all subsets of them are tried."""
    # The best point within bounds is the best of those that hold some bounds exactly and lie within the others.
    tried = [
        logistic(table, targets, origin, strength, {at: least[at] for at in held})
        for size in range(len(least) + 1)
        for held in combinations(least, size)
    ]
    allowed = [weights for weights in tried if all(weights[at] >= value for at, value in least.items())]
    return min(allowed, key=lambda weights: _loss(table, targets, origin, strength, weights))


def _loss(table: Floats, targets: Floats, origin: Floats, strength: float, weights: Floats) -> float:
    """What `logistic` minimises: cross-entropy in nats, summed over rows, and the pull."""
    odds = table @ weights
    pull = strength / 2 * float(np.sum((weights - origin) ** 2))
    return float(np.sum(np.logaddexp(0.0, odds) - targets * odds)) + pull


def probabilities(log_odds: Floats) -> Floats:
    """(n,) float64 probabilities (0 to 1) of n log-odds."""
    found: Floats = 1 / (1 + np.exp(-np.clip(log_odds, -500.0, 500.0)))
    return found
