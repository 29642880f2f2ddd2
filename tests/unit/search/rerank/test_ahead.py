"""What is foretold of documents not read yet, and stopping early on the strength of it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clew.core.errors import DataError, SpecError
from clew.core.types import Deadline
from search.fusion import Found, FusionSpec, Pool
from search.rerank.ahead import LEAST_DEVIATION, Ahead, learn_ahead
from search.rerank.calibration import Calibration
from search.rerank.spec import RerankSpec
from search.rerank.stage import CHUNK, Reranked, Reranker

MODEL = Ahead(-4.0, 1.5, 0.8)
TOTALS = np.linspace(6.0, 0.0, 12 * CHUNK)
SPEC = RerankSpec("drawn", top=200, budget_ms=0.0, settle=0.05)


class Texts:
    """The one thing the stage asks of a store: a passage's text, here its number."""

    def embedded_text(self, passage: int) -> str:
        return str(passage)


class Drawn:
    """Scores that follow the model: each text's is drawn once."""

    runtime, max_length, fingerprint = "python", 512, "0" * 64

    def __init__(self, seed: int) -> None:
        noise = np.random.default_rng(seed).normal(0, MODEL.s, len(TOTALS))
        self.scores = MODEL.a + MODEL.b * TOTALS + noise
        self.asked = 0

    def score(self, query: str, texts: list[str]) -> np.ndarray:
        self.asked += len(texts)
        return np.array([self.scores[int(text)] for text in texts], np.float32)


def reranked(scorer: Drawn, spec: RerankSpec = SPEC, ahead: Ahead | None = MODEL) -> Reranked:
    size = len(TOTALS)
    found = Found(("bm25",), TOTALS[None, :], np.zeros((1, size), np.int64), np.array([[0.0, 1.0]]))
    pool = Pool.fused(np.arange(size), found, np.arange(size)[None, :], FusionSpec())
    return Reranker(scorer, spec, Calibration(ahead=ahead)).rerank("q", pool, Texts(), Deadline())


def test_it_stops_early_and_the_first_ten_are_those_of_the_full_order() -> None:
    same, read = 0, []
    for seed in range(40):
        found, full = reranked(Drawn(seed)), reranked(Drawn(seed), replace(SPEC, settle=0.0))
        assert (found.stopped, full.stopped) == ("settled", "all")
        assert found.order[: found.reached].tolist() == [at for at in full.order.tolist() if at < found.reached]
        assert found.order[found.reached :].tolist() == list(range(found.reached, len(TOTALS)))
        same += found.order[:10].tolist() == full.order[:10].tolist()
        read.append(found.reached)
    # Fewer than .05 are expected to enter, so at most one search in twenty should differ; most by far less.
    assert same >= 38
    assert np.mean(read) < len(TOTALS) / 2


def test_it_is_off_by_default_and_without_what_it_rests_on() -> None:
    assert RerankSpec().settle == 0
    for spec, ahead in ((replace(SPEC, settle=0.0), MODEL), (SPEC, None)):
        scorer = Drawn(0)
        assert reranked(scorer, spec, ahead).stopped == "all"
        assert scorer.asked == len(TOTALS)


def test_never_before_the_first_chunk_nor_before_there_are_as_many_as_are_settled() -> None:
    sure = replace(SPEC, settle=1e9)
    assert reranked(Drawn(0), sure).reached == CHUNK
    assert reranked(Drawn(0), replace(sure, settle_k=CHUNK + 1)).reached == 2 * CHUNK
    assert reranked(Drawn(0), replace(sure, settle_k=1_000)).stopped == "all"


def test_fewer_that_may_enter_means_more_that_are_read() -> None:
    read = [reranked(Drawn(1), replace(SPEC, settle=settle)).reached for settle in (5.0, 0.5, 0.05, 1e-6)]
    assert read == sorted(read)
    assert read[0] < read[-1]


def test_thorough_reads_everything() -> None:
    stage = Reranker(Drawn(0), replace(SPEC, budget_ms=5.0), Calibration(ahead=MODEL))
    assert stage.thorough().spec == replace(SPEC, budget_ms=0.0, settle=0.0)
    assert stage.unhurried().spec == SPEC


def test_how_many_are_above_is_as_by_hand() -> None:
    assert Ahead(0.0, 1.0, 2.0).above(np.array([0.0, 2.0, 100.0]), 0.0) == pytest.approx(0.5 + 0.8413447461 + 1.0)
    assert MODEL.above(np.array([]), 0.0) == 0.0


@given(st.lists(st.floats(-20, 20), max_size=8), st.floats(-50, 50), st.floats(0, 10))
def test_a_higher_bar_is_passed_by_fewer(fused: list[float], bar: float, more: float) -> None:
    values = np.array(fused, np.float64)
    assert 0 <= MODEL.above(values, bar + more) <= MODEL.above(values, bar) + 1e-12 <= len(fused) + 1e-9


def test_the_line_is_learned_back_from_what_follows_it() -> None:
    random = np.random.default_rng(7)
    fused = random.uniform(0, 6, 20_000)
    found = learn_ahead(MODEL.a + MODEL.b * fused + random.normal(0, MODEL.s, len(fused)), fused)
    assert found is not None
    assert (found.a, found.b, found.s) == pytest.approx((MODEL.a, MODEL.b, MODEL.s), abs=0.03)


def test_little_to_learn_from_gives_nothing_or_what_is_sure() -> None:
    assert learn_ahead(np.array([1.0, 2.0]), np.array([1.0, 2.0])) is None
    assert learn_ahead(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 3.0])) == Ahead(0.0, 1.0, LEAST_DEVIATION)
    assert learn_ahead(np.array([1.0, 2.0, 3.0]), np.full(3, 5.0)) == Ahead(2.0, 0.0, 1.414214)
    with pytest.raises(DataError, match="no finite number"):
        learn_ahead(np.array([1.0, float("nan"), 2.0]), np.zeros(3))


def test_it_is_stored_with_the_calibration_where_it_was_learned() -> None:
    calibration = Calibration(0.75, 0.125, -2.5, MODEL)
    table = json.loads(json.dumps(calibration.as_table()))
    assert table["ahead"] == {"a": -4.0, "b": 1.5, "s": 0.8}
    assert Calibration.of_table(table) == calibration
    assert "ahead" not in Calibration().as_table()
    assert Ahead.of_table(MODEL.as_table()) == MODEL


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"s": 0}, "ahead: s is 0"),
        ({"a": float("nan")}, "a is nan"),
        ({"b": float("inf")}, "b is inf"),
        ({"c": 1}, "ahead: unknown key 'c'"),
        ({"b": None}, "ahead: b"),
    ],
)
def test_a_table_that_cannot_be_is_named(change: dict[str, object], says: str) -> None:
    with pytest.raises(SpecError, match=says):
        Calibration.of_table({"ahead": {**MODEL.as_table(), **change}})


@pytest.mark.parametrize(("change", "says"), [({"settle": -0.1}, "settle is -0.1"), ({"settle_k": 0}, "settle_k is 0")])
def test_a_setting_that_cannot_be_is_named(change: dict[str, float], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        replace(SPEC, **change)  # type: ignore[arg-type]
