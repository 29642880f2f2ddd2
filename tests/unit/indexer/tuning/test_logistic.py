"""Logistic regression: against another implementation, and the numbers of the solvers that it replaced.

The recorded numbers are those of three solvers that were exact in their own ways (Newton's method, Newton's method with
every set of bounds tried, and L-BFGS-B for the linker), to the decimals that releases store.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from clew.indexer.tuning.calibration import learn as learn_calibration
from clew.indexer.tuning.calibration import learn_expected_relevant
from clew.indexer.tuning.gate import learn as learn_gate
from clew.indexer.tuning.linker import Examples, fit
from clew.indexer.tuning.logistic import fit_logistic
from clew.kg.linker import FEATURES as LINK_FEATURES
from clew.search.gate import FEATURES, Gate
from clew.search.rerank.calibration import Calibration


def test_it_agrees_with_another_implementation() -> None:
    from sklearn.linear_model import LogisticRegression

    random = np.random.default_rng(1)
    features, weights = random.normal(size=(300, 3)), random.random(300)
    targets = (random.random(300) < 1 / (1 + np.exp(-features @ np.array([1.0, -2.0, 0.5])))).astype(np.float64)
    found = fit_logistic(features, targets, np.zeros(3), strength=2.0, weights=weights)
    oracle = LogisticRegression(C=0.5, fit_intercept=False, tol=1e-10).fit(features, targets, weights)
    assert found == pytest.approx(oracle.coef_[0], abs=1e-5)


def test_without_rows_the_coefficients_stay_where_they_are_regularised_towards() -> None:
    towards = np.array([1.0, -2.0])
    assert fit_logistic(np.zeros((0, 2)), np.zeros(0), towards).tolist() == towards.tolist()


def test_a_row_that_counts_twice_is_two_rows() -> None:
    features, targets = np.array([[1.0, 0.5], [1.0, -1.0], [1.0, -1.0]]), np.array([1.0, 0.0, 0.0])
    twice = fit_logistic(features[:2], targets[:2], np.zeros(2), weights=np.array([1.0, 2.0]))
    assert twice == pytest.approx(fit_logistic(features, targets, np.zeros(2)), abs=1e-7)


def test_bounds_hold_and_each_column_has_its_strength() -> None:
    features, targets = np.ones((80, 1)), np.repeat([1.0, 0.0], [20, 60])
    free = fit_logistic(features, targets, np.zeros(1), strength=np.zeros(1))
    assert free == pytest.approx([np.log(1 / 3)], abs=1e-6)
    assert fit_logistic(features, targets, np.zeros(1), least={0: -0.5}).tolist() == [-0.5]


# ------------------------------------------------------------------ the numbers of the earlier solvers


@pytest.mark.parametrize(
    ("seed", "queries", "start", "recorded"),
    [
        (0, 5, 0.0, [0.090334, 0.038637, 0.134545, -0.011971, 0.05237, 0.093444, -0.095388, 0.089432, -0.021015,
                     -0.011541, -0.114756, -0.113352, 0.109283, -0.0682, 0.069021, -0.037966]),
        (1, 40, 0.25, [-0.168529, 0.838589, -0.067042, 0.148273, 0.021202, -0.083741, 0.107628, 0.311297, 0.083884,
                       -0.013613, -0.211002, -0.161749, 0.163089, 0.034543, -0.184099, 0.013764]),
        (2, 400, 0.0, [-0.87111, 3.496099, -0.002591, -0.299052, 0.212427, -0.250592, -0.715121, -0.0551, -0.34595,
                       -0.208978, 0.207086, 0.2129, 0.004308, -0.357004, -0.241697, 0.048906]),
        (2, 400, 0.25, [-1.012895, 3.514997, 0.025187, -0.272464, 0.231853, -0.219718, -0.693652, -0.043644, -0.319979,
                        -0.186138, 0.228365, 0.232457, 0.028415, -0.326521, -0.21598, 0.062834]),
    ],
)  # fmt: skip
def test_the_gate_is_the_same(seed: int, queries: int, start: float, recorded: list[float]) -> None:
    random = np.random.default_rng(seed)
    examples = []
    for _ in range(queries):
        features = np.concatenate([[1.0], random.random(len(FEATURES) - 1)])
        gain = random.normal(features[1] - 0.5, 0.3)
        examples.append((features, 0.0 if random.random() < 0.2 else float(gain)))
    assert list(learn_gate(examples, Gate(dict.fromkeys(FEATURES, start))).weights.values()) == recorded


@pytest.mark.parametrize(
    ("seed", "pairs", "drawn", "size", "recorded", "from_elsewhere"),
    [
        (0, 20_000, (0.8, 0.4, -1.5), 1.0, (0.811475, 0.400634, -1.494212), (0.811815, 0.400933, -1.495277)),
        (1, 500, (1.3, 0.2, 0.5), 1.0, (1.151348, 0.231119, 0.346444), (1.161054, 0.237588, 0.327547)),
        (2, 300, (1.0, -0.7, 0.3), 1.0, (0.855716, 0.0, -0.408697), (0.868303, 0.0, -0.439498)),
        (3, 500, (-1.0, 0.5, 0.0), 1.0, (0.001, 0.26319, -0.044206), (0.001, 0.266635, -0.05601)),
        (4, 40, (0.5, 0.1, -2.0), 1.0, (0.416977, 0.003129, -1.395081), (0.469694, 0.062812, -1.666863)),
        (5, 2_000, (0.8, 0.4, -4.0), 100.0, (0.00739, 0.391311, -3.757475), (0.007454, 0.39736, -3.791555)),
        (6, 2_000, (0.8, 0.4, -1.0), 0.01, (13.82054, 0.23108, -0.557498), (14.548568, 0.232866, -0.563502)),
    ],
)
def test_the_calibration_is_the_same(
    seed: int, pairs: int, drawn: Any, size: float, recorded: Any, from_elsewhere: Any
) -> None:
    random = np.random.default_rng(seed)
    scores, fused = random.normal(0, 3, pairs), random.normal(1, 2, pairs)
    relevant = random.random(pairs) < 1 / (1 + np.exp(-(drawn[0] * scores + drawn[1] * fused + drawn[2])))
    for start, wanted in ((None, recorded), (Calibration(2.0, 0.5, -1.0), from_elsewhere)):
        found = learn_calibration(scores * size, fused, relevant, start)
        assert (found.scale, found.fused, found.bias) == wanted


@pytest.mark.parametrize(
    ("seed", "answers", "queries", "recorded"),
    [
        (0, 1, 300, (-3.059463, 0.0, 1.561197)),
        (1, 12, 300, (-1.293483, 0.344554, 0.094888)),
        (2, 1, 5, (-2.494477, 0.0, 1.115832)),
        (3, 3, 40, (-2.545828, 0.299676, 0.21208)),
    ],
)
def test_the_estimate_of_what_is_left_is_the_same(seed: int, answers: int, queries: int, recorded: Any) -> None:
    random = np.random.default_rng(seed)
    fused, relevant = np.tile(np.linspace(4.0, 0.0, 48), queries), np.zeros((queries, 48), bool)
    likely = np.linspace(3, 1, 48) / np.linspace(3, 1, 48).sum()
    for row in relevant:
        row[random.choice(48, answers, replace=False, p=likely)] = True
    log_odds = np.where(relevant.ravel(), 4.0, -4.0) + random.normal(0, 1, queries * 48)
    found = learn_expected_relevant(log_odds, fused, relevant.ravel(), np.repeat(np.arange(queries), 48), 16)
    assert found is not None
    assert (found.bias, found.fused, found.doubt) == recorded


LINKED_BY = (
    "alias", "translation", "as written", "two words", "more words", "log characters", "prominence", "log rivals",
    "capitals", "no capitals", "common noun", "capitals beside", "function words", "share of text",
    "lower-case acronym", "letters mended", "cosine", "cosine below best",
)  # fmt: skip


@pytest.mark.parametrize(
    ("seed", "candidates", "recorded"),
    [
        (0, 30, {"bias": (0.45, 0.09), "alias": (1.38, 1.38), "log rivals": (-0.56, -0.54), "cosine": (-0.39, 0.0)}),
        (1, 3_000, {"bias": (-0.81, -0.72), "alias": (3.91, 3.91), "cosine": (0.33, 0.0), "capitals": (0.07, 0.06)}),
    ],
)
def test_the_linker_is_the_same(seed: int, candidates: int, recorded: dict[str, tuple[float, float]]) -> None:
    random = np.random.default_rng(seed)
    features = np.zeros((candidates, len(LINK_FEATURES)))
    features[:, 0] = 1.0
    # The features of that time, in the order of that time; later ones are 0.
    features[:, [LINK_FEATURES.index(name) for name in LINKED_BY]] = random.random((candidates, len(LINKED_BY)))
    alias, translation = (features[:, LINK_FEATURES.index(name)] for name in ("alias", "translation"))
    odds = 4 * alias - 3 * translation - 0.5
    meant = random.random(candidates) < 1 / (1 + np.exp(-odds))
    found = fit(Examples(features, meant, np.where(random.random(candidates) < 0.3, 0.15, 1.0)))
    assert {name: found[name] for name in recorded} == recorded
