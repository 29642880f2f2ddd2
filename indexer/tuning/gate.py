"""Fit the gate that decides whether a query uses the graph."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from clew.core.types import Floats
from clew.indexer.tuning.logistic import fit_logistic
from clew.search.gate import FEATURES, Gate


def learn(examples: Sequence[tuple[Floats, float]], start: Gate, strength: float = 4.0) -> Gate:
    """Return the gate fitted to queries with known gains, regularised towards `start`.

    examples: (features of a query, change of its nDCG@10 if it uses the graph). A query is weighted by the size of
    the change; a query without a change is left out. strength: of the L2 regularisation, in queries.
    """
    decided = [(features, gain) for features, gain in examples if gain]
    if not decided:
        return start
    gains = np.array([gain for _, gain in decided], np.float64)
    weights = fit_logistic(
        np.stack([features for features, _ in decided]),
        (gains > 0).astype(np.float64),
        np.array([start.weights.get(name, 0.0) for name in FEATURES], np.float64),
        strength=strength,
        weights=np.abs(gains) / np.abs(gains).mean(),
    )
    found = {name: round(float(value), 6) for name, value in zip(FEATURES, weights, strict=True)}
    return Gate(found, start.threshold, len(decided))
