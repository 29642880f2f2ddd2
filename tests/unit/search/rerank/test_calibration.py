"""Calibration: parts that add up, and what it refuses to be."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clew.core.errors import SpecError
from clew.search.fusion import TITLE_WEIGHT
from clew.search.rerank.calibration import Calibration, leads

NUMBER = st.floats(-1e3, 1e3)
WEIGHT = st.floats(0, 50)
NAN = float("nan")


@given(NUMBER, NUMBER, st.floats(1e-3, 50), WEIGHT, NUMBER)
def test_the_parts_add_up_to_the_log_odds(score: float, fused: float, scale: float, beside: float, bias: float) -> None:
    calibration = Calibration(scale, beside, bias)
    scores, totals = np.array([score]), np.array([fused])
    parts = calibration.parts(scores, totals, 0)
    [odds] = calibration.log_odds(scores, totals)
    assert [part.what for part in parts] == ["cross-encoder", "fusion", "bias"]
    assert {part.stage for part in parts} == {"rerank"}
    assert sum(part.value for part in parts) == pytest.approx(odds, abs=1e-6)
    assert odds == pytest.approx(scale * score + beside * fused + bias, abs=1e-6)


def test_the_lead_is_a_part_too() -> None:
    calibration = Calibration(1.0, 0.0, -1.0, lead=0.5)
    scores, totals = np.array([1.0, 4.0, NAN]), np.zeros(3)
    odds = calibration.log_odds(scores, totals)
    assert odds[:2].tolist() == [0 + 0.5 * (0 - 3), 3 + 0.5 * (3 - 0)]
    assert np.isnan(odds[2])
    parts = calibration.parts(scores, totals, 1)
    assert [(part.what, part.value) for part in parts] == [
        ("cross-encoder", 4.0),
        ("fusion", 0.0),
        ("bias", -1.0),
        ("lead", 1.5),
    ]
    assert parts[-1].detail == {"ahead": 3.0, "weight": 0.5}


def test_the_title_is_a_part_too() -> None:
    calibration = Calibration(2.0, 0.5, 0.0, lead=1.0)
    scores, totals, titles = np.array([1.0, 1.0]), np.array([3.0, 3.0]), np.array([0.5, 0.0])
    odds = calibration.log_odds(scores, totals + TITLE_WEIGHT * titles)
    assert odds[0] > odds[1]
    for at in range(2):
        parts = calibration.parts(scores, totals, at, titles)
        assert [part.what for part in parts] == ["cross-encoder", "fusion", "title", "bias", "lead"]
        assert sum(part.value for part in parts) == pytest.approx(odds[at])
        assert parts[2].detail == {"share": titles[at], "weight": 0.5 * TITLE_WEIGHT}


def test_the_only_candidate_is_compared_with_a_document_of_which_nothing_is_known() -> None:
    calibration = Calibration(1.0, 0.0, -2.0, lead=3.0)
    for score in (4.0, -4.0):
        scores, totals = np.array([NAN, score]), np.zeros(2)
        odds = calibration.log_odds(scores, totals)[1]
        assert odds == score - 2 + 3 * score
        assert sum(part.value for part in calibration.parts(scores, totals, 1)) == pytest.approx(odds)


@given(st.lists(NUMBER, min_size=2, max_size=9), WEIGHT)
def test_the_lead_never_changes_the_order(scores: list[float], lead: float) -> None:
    evidence = Calibration().evidence(np.array(scores), np.zeros(len(scores)))
    odds = Calibration(lead=lead).log_odds(np.array(scores), np.zeros(len(scores)))
    order = np.argsort(evidence, kind="stable")
    assert (np.diff(odds[order]) >= -1e-9).all()


def test_how_far_candidates_are_ahead() -> None:
    assert leads(np.array([1.0, 5.0, 2.0])).tolist() == [-4, 3, -3]
    assert leads(np.array([5.0, 5.0])).tolist() == [0, 0]
    # Nothing competes with the only document that was scored.
    assert leads(np.array([NAN, 7.0]))[1] == 0
    assert np.isnan(leads(np.array([NAN, 7.0]))[0])
    assert leads(np.empty(0)).tolist() == []


def test_a_sentence_is_as_likely_as_its_document_and_more_if_it_alone_scores_higher() -> None:
    calibration = Calibration(scale=2.0, sentence=0.25, sentence_bias=-0.5)
    assert calibration.sentence_log_odds(3.0, 3.0, 1.0) == 1.0 - 0.5
    assert calibration.sentence_log_odds(5.0, 3.0, 1.0) == 1.0 + 0.25 * 2 * 2 - 0.5
    # By default it counts like a passage of its own.
    assert Calibration(bias=-1.0).sentence_log_odds(5.0, 3.0, 3.0 - 1.0) == 5.0 - 1.0


def test_log_odds_of_float32_scores_are_float64() -> None:
    assert Calibration().log_odds(np.array([1.5], np.float32), np.array([9.0])).tolist() == [1.5]
    assert Calibration().log_odds(np.array([1.5], np.float32), np.array([9.0])).dtype == np.float64


def test_probabilities() -> None:
    found = Calibration.probability(np.array([0.0, np.log(3), -np.log(3), 1e6, -1e6]))
    assert found[:3] == pytest.approx([1 / 2, 3 / 4, 1 / 4])
    assert found[3:] == pytest.approx([1.0, 0.0])


def test_it_is_stored_as_plain_json() -> None:
    calibration = Calibration(0.75, 0.125, -2.5, lead=1.5, sentence=0.5, sentence_bias=0.25)
    assert Calibration.of_table(json.loads(json.dumps(calibration.as_table()))) == calibration
    assert Calibration.of_table({}) == Calibration(1.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"scale": 0}, "scale is 0"),
        ({"scale": float("inf")}, "scale is inf"),
        ({"fused": -0.1}, "fused is -0.1"),
        ({"bias": float("nan")}, "bias is nan"),
        ({"lead": -1}, "lead is -1"),
        ({"sentence": float("inf")}, "sentence is inf"),
        ({"sentence_bias": float("nan")}, "sentence_bias is nan"),
        ({"slope": 1}, "unknown key 'slope'"),
        ({"scale": "much"}, "scale"),
    ],
)
def test_a_table_that_cannot_be_is_named(table: dict[str, Any], says: str) -> None:
    with pytest.raises(SpecError, match=says):
        Calibration.of_table(table)
