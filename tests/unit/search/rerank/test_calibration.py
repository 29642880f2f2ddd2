"""Calibration: parts that add up, and what it refuses to be."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clew.core.errors import SpecError
from clew.search.rerank.calibration import Calibration

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
