"""Test whether the difference between two systems is significant, with paired tests over the same queries.

Randomisation test and bootstrap are those of Smucker, Allan, Carterette 2007 (10.1145/1321440.1321528), with p-values
and intervals by scipy. A family of comparisons is corrected by Holm 1979.
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
# Up to this many queries that differ, all sign patterns are tried (2^13 < RESAMPLES), so that the test is exact.
_EXACT = 13
# z(.975) + z(.80): a true difference of this many standard errors is found with power .80 at the 5 % level.
_DETECTABLE_ERRORS = 2.80

NON_INFERIOR_MEAN = -0.005
NON_INFERIOR_LOW = -0.01


@dataclass(frozen=True, slots=True)
class Comparison:
    """A comparison of a system with a baseline on the same queries.

    difference: mean of system minus baseline. low, high: its 95 % bootstrap interval. p: two-sided, of the paired
    randomisation test, not corrected. wins, losses, ties: numbers of queries. detectable: the smallest true difference
    that a test with this number of queries, and this standard deviation, detects with power .80 at the 5 % level.
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
    """Compare two systems by their values per query. Raises ValueError if their queries differ or there are none."""
    if system.keys() != baseline.keys() or not system:
        raise ValueError("both systems need values for the same queries, and for at least one")
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
    """Return the two-sided p-value of the hypothesis that the sign of each difference is random.

    differences: (n,) float64. The statistic is the mean difference. The test is exact for up to 13 queries that differ;
    above that, it uses 10,000 seeded sign patterns.
    """
    from scipy import stats

    # A difference of 0 adds 0 under either sign, so it does not change the order of the sign patterns.
    moved = differences[differences != 0]
    if len(moved) < 2:
        # A single difference is equally extreme under either sign.
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
    """Return the 95 % percentile bootstrap interval of the mean, seeded. One value has no spread: (value, value)."""
    return interval_of_means([np.asarray(values, np.float64)], seed)


def interval_of_means(samples: Sequence[Floats], seed: int = 0) -> tuple[float, float]:
    """Return the 95 % percentile bootstrap interval of the mean of the samples' means, seeded.

    samples: (n,) float64 of each data set; n may differ. Each is resampled by itself, and all have the same weight.
    """
    from scipy import stats

    if all((sample == sample[:1]).all() for sample in samples):
        mean = float(_mean_of_means(*samples))
        return mean, mean
    found: Any = stats.bootstrap(
        [
            np.repeat(sample, 2) if len(sample) == 1 else sample for sample in samples
        ],  # scipy requires at least two values
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
    """Return a family of p-values, by name, with Holm's step-down correction.

    The i-th smallest of m values is multiplied by m-i+1; results do not decrease with i, and are at most 1.
    """
    corrected: dict[str, float] = {}
    largest = 0.0
    for place, name in enumerate(sorted(p_values, key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - place) * p_values[name]))
        corrected[name] = largest
    return {name: corrected[name] for name in p_values}


def non_inferior(comparison: Comparison) -> bool:
    """Return whether a system is non-inferior: mean difference >= -.005 and lower end of its interval >= -.01."""
    return comparison.difference >= NON_INFERIOR_MEAN and comparison.low >= NON_INFERIOR_LOW


def _batch(n: int) -> int:
    """Return how many resamples are computed at once, so that they hold about 2 million values."""
    return max(1, 2_000_000 // n)
