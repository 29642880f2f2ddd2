"""What is foretold of documents not read yet, and stopping early on the strength of it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from clew.core.errors import SpecError
from clew.core.types import Deadline
from clew.search.fusion import FusedCandidates, FusionSpec
from clew.search.rerank.calibration import Calibration
from clew.search.rerank.expected_relevant import ExpectedRelevant
from clew.search.rerank.ordering import Ordering
from clew.search.rerank.spec import RerankSpec
from clew.search.rerank.stage import CHUNK, Reranker

# One document answers a query, and sooner the higher it is in the fused order.
MODEL = ExpectedRelevant(-5.0, 0.6, 1.0)
TOTALS = np.linspace(6.0, 0.0, 12 * CHUNK)
SPEC = RerankSpec("drawn", top=200, budget_ms=0.0, early_stop=0.05)


class Texts:
    """The one thing the stage asks of a store: a passage's text, here its number."""

    def embedded_text(self, passage: int) -> str:
        return str(passage)


class Drawn:
    """Sure of one document, at a place of the fused order (None: of none)."""

    runtime, max_length, fingerprint = "python", 512, "0" * 64

    def __init__(self, place: int | None) -> None:
        self.scores = np.full(len(TOTALS), -4.0)
        if place is not None:
            self.scores[place] = 6.0
        self.asked = 0

    def score(self, query: str, texts: list[str]) -> np.ndarray:
        self.asked += len(texts)
        return np.array([self.scores[int(text)] for text in texts], np.float32)


def reranked(scorer: Drawn, spec: RerankSpec = SPEC, expected_relevant: ExpectedRelevant | None = MODEL) -> Ordering:
    size = len(TOTALS)
    ranks, score_statistics = np.zeros((1, size), np.int64), np.array([[0.0, 1.0]])
    best = np.arange(size)[None, :]
    pool = FusedCandidates(np.arange(size), ("bm25",), TOTALS[None, :], ranks, score_statistics, best).fused(
        FusionSpec()
    )
    return Reranker(scorer, spec, Calibration(expected_relevant=expected_relevant)).rerank(
        "q", pool, Texts(), Deadline()
    )


@pytest.mark.parametrize("place", [0, 5, CHUNK, 3 * CHUNK + 2])
def test_it_reads_on_until_the_answer_was_read_and_stops_there(place: int) -> None:
    found = reranked(Drawn(place))
    assert (found.stopped, found.reached) == ("early_stop", (place // CHUNK + 1) * CHUNK)
    assert found.order[0] == place
    assert found.order[found.reached :].tolist() == list(range(found.reached, len(TOTALS)))


def test_without_an_answer_it_reads_on_while_one_is_expected() -> None:
    assert reranked(Drawn(None)).stopped == "all"
    hopeless = replace(MODEL, bias=-14.0)
    assert reranked(Drawn(None), expected_relevant=hopeless).stopped == "early_stop"


def test_it_is_off_by_default_and_without_what_it_rests_on() -> None:
    assert RerankSpec().early_stop == 0
    for spec, expected_relevant in ((replace(SPEC, early_stop=0.0), MODEL), (SPEC, None)):
        scorer = Drawn(0)
        assert reranked(scorer, spec, expected_relevant).stopped == "all"
        assert scorer.asked == len(TOTALS)


def test_never_before_the_first_chunk() -> None:
    assert reranked(Drawn(None), replace(SPEC, early_stop=1e9)).reached == CHUNK


def test_fewer_that_may_be_left_means_more_that_are_read() -> None:
    read = [reranked(Drawn(3), replace(SPEC, early_stop=early_stop)).reached for early_stop in (5.0, 0.05, 0.02, 1e-6)]
    assert read == sorted(read)
    assert read[0] < read[-1]


def test_thorough_reads_everything() -> None:
    stage = Reranker(Drawn(0), replace(SPEC, budget_ms=5.0), Calibration(expected_relevant=MODEL))
    assert stage.exhaustive().spec == replace(SPEC, budget_ms=0.0, early_stop=0.0)
    assert stage.without_budget().spec == SPEC


def test_how_many_are_left_is_as_by_hand() -> None:
    # The best one read has a probability of 1 / 2, whose logarithm is -.693147;
    log_odds = (1.0 - 0.693147, 2.0 - 0.693147)
    wanted = sum(1 / (1 + np.exp(-value)) for value in log_odds)
    assert ExpectedRelevant(1.0, 0.5, 1.0).remaining(np.array([0.0, 2.0]), 0.0) == pytest.approx(wanted)
    assert MODEL.remaining(np.array([]), 0.0) == 0.0


def test_it_is_stored_with_the_calibration_where_it_was_learned() -> None:
    calibration = Calibration(0.75, 0.125, -2.5, MODEL)
    table = json.loads(json.dumps(calibration.as_table()))
    assert table["ahead"] == {"bias": -5.0, "fused": 0.6, "doubt": 1.0}
    assert Calibration.of_table(table) == calibration
    assert "ahead" not in Calibration().as_table()
    assert ExpectedRelevant.of_table(MODEL.as_table()) == MODEL


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"bias": float("nan")}, "bias is nan"),
        ({"doubt": float("inf")}, "doubt is inf"),
        ({"c": 1}, "ahead: unknown key 'c'"),
        ({"fused": None}, "ahead: fused"),
        ({"doubt": -0.5}, "doubt is -0.5, expected 0 or more"),
    ],
)
def test_a_table_that_cannot_be_is_named(change: dict[str, object], says: str) -> None:
    with pytest.raises(SpecError, match=says):
        Calibration.of_table({"ahead": {**MODEL.as_table(), **change}})


def test_a_setting_that_cannot_be_is_named() -> None:
    with pytest.raises(ValueError, match=r"early_stop is -0\.1"):
        replace(SPEC, early_stop=-0.1)
