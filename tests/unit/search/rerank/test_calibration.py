"""Calibration: parts that add up, and coefficients that are learned as another implementation learns them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clew.core.errors import DataError, SpecError
from clew.search.rerank.calibration import LEAST_SCALE, Calibration, learn

NUMBER = st.floats(-1e3, 1e3)


@given(NUMBER, NUMBER, st.floats(1e-3, 50), st.floats(0, 50), NUMBER)
def test_the_parts_add_up_to_the_log_odds(score: float, fused: float, scale: float, beside: float, bias: float) -> None:
    calibration = Calibration(scale, beside, bias)
    parts = calibration.parts(score, fused)
    [odds] = calibration.log_odds(np.array([score], np.float64), np.array([fused]))
    assert [part.what for part in parts] == ["cross-encoder", "fusion", "bias"]
    assert {part.stage for part in parts} == {"rerank"}
    assert sum(part.value for part in parts) == pytest.approx(odds, abs=1e-6)
    assert odds == pytest.approx(scale * score + beside * fused + bias, abs=1e-6)


def test_log_odds_of_float32_scores_are_float64() -> None:
    assert Calibration().log_odds(np.array([1.5], np.float32), np.array([9.0])).tolist() == [1.5]
    assert Calibration().log_odds(np.array([1.5], np.float32), np.array([9.0])).dtype == np.float64


def test_probabilities() -> None:
    found = Calibration.probability(np.array([0.0, np.log(3), -np.log(3), 1e6, -1e6]))
    assert found[:3] == pytest.approx([1 / 2, 3 / 4, 1 / 4])
    assert found[3:] == pytest.approx([1.0, 0.0])


def drawn(scale: float, fused: float, bias: float, pairs: int = 20_000) -> tuple[Any, Any, Any]:
    """Pairs whose relevance is drawn with the probability that these coefficients give it."""
    rng = np.random.default_rng(5)
    scores, beside = rng.normal(0, 3, pairs).astype(np.float32), rng.normal(1, 2, pairs)
    odds = scale * scores + fused * beside + bias
    return scores, beside, rng.random(pairs) < 1 / (1 + np.exp(-odds))


def test_it_recovers_known_coefficients() -> None:
    found = learn(*drawn(0.8, 0.4, -1.5))
    assert (found.scale, found.fused, found.bias) == pytest.approx((0.8, 0.4, -1.5), abs=0.06)


def test_it_agrees_with_another_implementation() -> None:
    from sklearn.linear_model import LogisticRegression

    scores, fused, relevant = drawn(1.3, 0.2, 0.5)
    found = learn(scores, fused, relevant, strength=1e-9)
    oracle = LogisticRegression(C=1e9, tol=1e-10).fit(np.stack([scores, fused], axis=1), relevant)
    assert (found.scale, found.fused) == pytest.approx(tuple(oracle.coef_[0]), rel=0.01)
    assert found.bias == pytest.approx(oracle.intercept_[0], rel=0.01)


def test_a_fused_score_that_speaks_against_relevance_counts_nothing() -> None:
    from sklearn.linear_model import LogisticRegression

    scores, fused, relevant = drawn(1.0, -0.7, 0.3)
    found = learn(scores, fused, relevant, strength=1e-9)
    oracle = LogisticRegression(C=1e9, tol=1e-10).fit(np.asarray(scores, np.float64)[:, None], relevant)
    assert found.fused == 0.0
    assert found.scale == pytest.approx(oracle.coef_[0][0], rel=0.01)


def test_a_model_that_is_wrong_is_not_turned_round() -> None:
    found = learn(*drawn(-1.0, 0.5, 0.0))
    assert found.scale == LEAST_SCALE
    assert found.fused > 0.1


def test_pairs_that_can_be_told_apart_give_no_endless_slope() -> None:
    scores = np.array([-3.0, -2.0, 2.0, 3.0])
    relevant = np.array([False, False, True, True])
    found = learn(scores, np.zeros(4), relevant, strength=1e-6)
    # Two of each kind have the targets 3/4 and 1/4, which the probabilities come near.
    chances = Calibration.probability(found.log_odds(scores, np.zeros(4)))
    assert chances == pytest.approx([1 / 4, 1 / 4, 3 / 4, 3 / 4], abs=0.07)


def test_few_pairs_stay_near_the_start() -> None:
    start = Calibration(2.0, 0.5, -1.0)
    scores, relevant = np.array([0.1, -0.1]), np.array([True, False])
    near = learn(scores, np.zeros(2), relevant, start)
    assert near.scale == pytest.approx(2.0, abs=0.2)
    assert near.fused == pytest.approx(0.5, abs=0.01)
    far = learn(scores, np.zeros(2), relevant, start, strength=1e-6)
    assert abs(far.bias - start.bias) > abs(near.bias - start.bias)


def test_scores_of_another_size_are_learned_too() -> None:
    scores, fused, relevant = drawn(1.0, 0.0, 0.0)
    found = learn(scores / 100, fused, relevant, strength=1e-6)
    assert found.scale == pytest.approx(100, rel=0.05)
    assert learn(scores * 100, fused, relevant).scale == pytest.approx(0.01, rel=0.05)


@pytest.mark.parametrize(
    ("scores", "fused", "relevant", "says"),
    [
        ([1.0, 2.0], [1.0], [True, False], "hold 2, 1 and 2 pairs"),
        ([], [], [], "there is no pair"),
        ([1.0, 2.0], [1.0, 2.0], [True, True], "all 2 pairs are relevant"),
        ([1.0, 2.0], [1.0, 2.0], [False, False], "all 2 pairs are not relevant"),
        ([1.0, float("nan")], [1.0, 2.0], [True, False], "no finite number"),
        ([1.0, 2.0], [1.0, float("inf")], [True, False], "no finite number"),
    ],
)
def test_pairs_that_teach_nothing_are_refused(
    scores: list[float], fused: list[float], relevant: list[bool], says: str
) -> None:
    with pytest.raises(DataError, match=says) as caught:
        learn(np.array(scores), np.array(fused), np.array(relevant, np.bool_))
    assert caught.value.hint


def test_it_is_stored_as_plain_json() -> None:
    calibration = Calibration(0.75, 0.125, -2.5)
    assert Calibration.of_table(json.loads(json.dumps(calibration.as_table()))) == calibration
    assert Calibration.of_table({}) == Calibration(1.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"scale": 0}, "scale is 0"),
        ({"scale": float("inf")}, "scale is inf"),
        ({"fused": -0.1}, "fused is -0.1"),
        ({"bias": float("nan")}, "bias is nan"),
        ({"slope": 1}, "unknown key 'slope'"),
        ({"scale": "much"}, "scale"),
    ],
)
def test_a_table_that_cannot_be_is_named(table: dict[str, Any], says: str) -> None:
    with pytest.raises(SpecError, match=says):
        Calibration.of_table(table)
