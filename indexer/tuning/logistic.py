"""L2-regularised logistic regression, which fits the gate, the reranker's calibration and the linker."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from clew.core.types import Floats
from clew.search.rerank.log_odds import probabilities


def fit_logistic(
    features: Floats,
    targets: Floats,
    towards: Floats,
    *,
    strength: float | Floats = 1.0,
    weights: Floats | None = None,
    least: Mapping[int, float] | None = None,
) -> Floats:
    """Return the coefficients that minimise the weighted cross-entropy plus strength / 2 * |c - towards|².

    features: (n, d) float64. targets: (n,) probabilities, 0 to 1. towards: (d,) values that the coefficients are
    regularised towards, and the starting point of the optimiser. strength: of the regularisation, one number or (d,), 0
    or more. weights: (n,) weight of each row (None: 1 each). least: column → lower bound of its coefficient. Returns
    (d,) float64. The objective is convex; L-BFGS-B (Byrd et al. 1995) reaches its minimum to more than six decimals.
    """
    from scipy.optimize import minimize

    counts = np.ones(len(features)) if weights is None else weights
    pull = np.broadcast_to(np.asarray(strength, np.float64), towards.shape)

    def objective(coefficients: Floats) -> tuple[float, Floats]:
        odds, away = features @ coefficients, coefficients - towards
        loss = counts @ (np.logaddexp(0.0, odds) - targets * odds) + pull @ away**2 / 2
        gradient = features.T @ (counts * (probabilities(odds) - targets)) + pull * away
        return float(loss), gradient

    bounds = [((least or {}).get(column), None) for column in range(len(towards))]
    options = {"ftol": 0.0, "gtol": 1e-10, "maxls": 50, "maxiter": 20_000, "maxfun": 50_000}
    found: Floats = minimize(objective, towards, jac=True, method="L-BFGS-B", bounds=bounds, options=options).x
    return found
