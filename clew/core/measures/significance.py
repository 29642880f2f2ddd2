"""Does a difference between two systems mean anything? Paired tests over the same queries.

Randomisation test and bootstrap as in Smucker, Allan, Carterette 2007 (10.1145/1321440.1321528), the p-values and
intervals by scipy; Holm 1979 over a family of comparisons.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np

from clew.core.types import Floats

RESAMPLES = 10_000
LEVEL = 0.95
# At most so many queries that differ have all their sign patterns tried (2^13 < RESAMPLES): an exact test.
_EXACT = 13
# z(.975) + z(.80): a true difference of so many standard errors is found four times in five at the 5 % level.
_DETECTABLE_ERRORS = 2.80

NON_INFERIOR_MEAN = -0.005
NON_INFERIOR_LOW = -0.01


@dataclass(frozen=True, slots=True)
class Comparison:
    """A system against a baseline on the queries of both.

    difference: mean of system minus baseline. low, high: its 95 % bootstrap interval. p: two-sided, of the paired
    randomisation test, not corrected. wins, losses, ties: queries. detectable: the smallest true difference that so
    many queries with such a spread would find four times in five.
    """

    difference: float
    low: float
    high: float
    p: float
    wins: int
    losses: int
    ties: int
    detectable: float


def compare(system: Mapping[str, float], baseline: Mapping[str, float], seed: int = 0) -> Comparison:
    """Compare two systems by their per-query values (same queries in both; ValueError otherwise)."""
    if system.keys() != baseline.keys() or not system:
        raise ValueError("both systems need values of the same queries, at least one")
    differences = np.array([system[query] - baseline[query] for query in baseline])
    low, high = interval(differences, seed)
    spread = float(differences.std(ddof=1)) if len(differences) > 1 else 0.0
    return Comparison(
        difference=float(differences.mean()),
        low=low,
        high=high,
        p=randomisation_p(differences, seed),
        wins=int((differences > 0).sum()),
        losses=int((differences < 0).sum()),
        ties=int((differences == 0).sum()),
        detectable=_DETECTABLE_ERRORS * spread / sqrt(len(differences)),
    )


def randomisation_p(differences: Floats, seed: int = 0) -> float:
    """Two-sided p of "the sign of each query's difference is a coin toss", statistic: the mean difference.

    differences: (n,) float64. Exact for up to 13 queries that differ, else from 10,000 seeded sign patterns.
    """
    from scipy import stats

    # A query without a difference adds 0 under every sign, so it changes no pattern's place among the others.
    moved = differences[differences != 0]
    if len(moved) < 2:
        # One difference is as extreme under either sign.
        return 1.0
    if len(moved) <= _EXACT:
        found = stats.permutation_test(
            (moved,), np.sum, permutation_type="samples", vectorized=True, n_resamples=RESAMPLES
        )
        return float(found.pvalue)
    rng = np.random.default_rng(seed)

    def signed(size: tuple[int, ...]) -> Floats:
        flipped: Floats = np.where(rng.integers(0, 2, size=size, dtype=np.int8), moved, -moved)
        return flipped

    found = stats.monte_carlo_test(
        moved, signed, np.sum, vectorized=True, n_resamples=RESAMPLES, batch=_batch(len(moved)), alternative="two-sided"
    )
    return float(found.pvalue)


def interval(values: Floats | Sequence[float], seed: int = 0) -> tuple[float, float]:
    """95 % percentile bootstrap interval of the mean, seeded. One value has no spread: (value, value)."""
    return interval_of_means([np.asarray(values, np.float64)], seed)


def interval_of_means(samples: Sequence[Floats], seed: int = 0) -> tuple[float, float]:
    """95 % percentile bootstrap interval of the mean of several samples' means, seeded: each sample has the same say.

    samples: one (n,) float64 for each data set, n its own; each is resampled by itself.
    """
    from scipy import stats

    if all((sample == sample[:1]).all() for sample in samples):
        mean = float(_mean_of_means(*samples))
        return mean, mean
    found: Any = stats.bootstrap(
        [np.repeat(sample, 2) if len(sample) == 1 else sample for sample in samples],  # it wants two of each
        _mean_of_means,
        n_resamples=RESAMPLES,
        batch=_batch(max(map(len, samples))),
        confidence_level=LEVEL,
        method="percentile",
        vectorized=True,
        rng=np.random.default_rng(seed),
    )
    return float(found.confidence_interval.low), float(found.confidence_interval.high)


def _mean_of_means(*samples: Floats, axis: int = -1) -> Any:
    return sum(sample.mean(axis=axis) for sample in samples) / len(samples)


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Holm's step-down correction of a family of p-values, by name.

    The i-th smallest of m is multiplied by m-i+1; none is below a smaller one's result, none above 1.
    """
    corrected: dict[str, float] = {}
    largest = 0.0
    for place, name in enumerate(sorted(p_values, key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - place) * p_values[name]))
        corrected[name] = largest
    return {name: corrected[name] for name in p_values}


def non_inferior(comparison: Comparison) -> bool:
    """Whether a system is as good as its baseline: mean difference >= -.005 and lower end of the interval >= -.01."""
    return comparison.difference >= NON_INFERIOR_MEAN and comparison.low >= NON_INFERIOR_LOW


def _batch(n: int) -> int:
    """Resamples held in memory at once: about 2 million values."""
    return max(1, 2_000_000 // n)
