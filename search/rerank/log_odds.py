"""Log-odds and the probabilities they stand for."""

from __future__ import annotations

import numpy as np

from clew.core.types import Floats


def probabilities(log_odds: Floats) -> Floats:
    """(n,) float64 probabilities (0 to 1) of n log-odds."""
    found: Floats = 1 / (1 + np.exp(-np.clip(log_odds, -500.0, 500.0)))
    return found


def log_complement(log_odds: float) -> float:
    """log(1 - p) of the probability p that log-odds stand for."""
    return -float(np.logaddexp(0.0, log_odds))
