"""Convert log-odds into probabilities."""

from __future__ import annotations

import numpy as np

from clew.core.types import Floats


def probabilities(log_odds: Floats) -> Floats:
    """Return (n,) float64 probabilities (0 to 1) of n log-odds."""
    found: Floats = 1 / (1 + np.exp(-np.clip(log_odds, -500.0, 500.0)))
    return found


def log_complement(log_odds: float) -> float:
    """Return log(1 - p) for the probability p of these log-odds."""
    return -float(np.logaddexp(0.0, log_odds))
