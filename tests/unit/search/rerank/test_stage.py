"""The rerank stage by itself: which documents it reads, in what order they come, and when it stops."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from clew.core.errors import StageUnavailable
from clew.core.types import Deadline
from clew.models.unread import UNKNOWN_LIMIT
from clew.search.fusion import FusedCandidates, FusionSpec
from clew.search.rerank.calibration import Calibration
from clew.search.rerank.expected_relevant import ExpectedRelevant
from clew.search.rerank.spec import RerankSpec
from clew.search.rerank.stage import CHUNK, FIRST, Reranker


class Texts:
    """The one thing the stage asks of a store: a passage's text, here its number."""

    def embedded_text(self, passage: int) -> str:
        return str(passage)


class RoundWithFacts:
    """Scores texts, which are numbers, by a rule; keeps what it was asked."""

    runtime, max_length, fingerprint = "python", 512, "0" * 64

    def __init__(self, rule=float, seconds: float = 0.0) -> None:
        self.rule, self.seconds = rule, seconds
        self.asked: list[list[int]] = []

    def score(self, query: str, texts: Sequence[str]) -> np.ndarray:
        self.asked.append([int(text) for text in texts])
        time.sleep(self.seconds * len(texts))
        return np.array([self.rule(int(text)) for text in texts], np.float32)


def pool(totals: Sequence[float], passages: Sequence[int] | None = None) -> FusedCandidates:
    """Documents 10, 20, … with these fused scores; the best passage of the n-th is n unless said otherwise."""
    m = len(totals)
    scores, ranks = np.array([totals], np.float64), np.zeros((1, m), np.int64)
    best = np.array([range(m) if passages is None else passages], np.int64)
    documents = np.arange(1, m + 1, dtype=np.int64) * 10
    return FusedCandidates(documents, ("bm25",), scores, ranks, np.array([[0.0, 1.0]]), best).fused(FusionSpec())


def rerank(scorer, of: FusedCandidates, *, top=50, budget_ms=0.0, calibration=None, deadline=None):
    stage = Reranker(scorer, RerankSpec("told", top, budget_ms), calibration or Calibration())
    return stage.rerank("q", of, Texts(), deadline or Deadline())


def test_the_first_of_the_fused_order_are_read_in_that_order_in_chunks() -> None:
    totals = np.random.default_rng(3).permutation(60).astype(float).tolist()
    scorer = RoundWithFacts()
    found = rerank(scorer, pool(totals), top=40)
    fused = np.argsort(-np.array(totals)).tolist()
    assert [at for chunk in scorer.asked for at in chunk] == fused[:40]
    assert [len(chunk) for chunk in scorer.asked] == [CHUNK, CHUNK, 40 - 2 * CHUNK]
    assert (found.reached, found.wanted, found.stopped) == (40, 40, "all")


def test_the_best_passage_of_a_document_is_what_is_read() -> None:
    scorer = RoundWithFacts()
    rerank(scorer, pool([3.0, 2.0, 1.0], passages=[7, 5, 9]))
    assert scorer.asked == [[7, 5, 9]]


def test_reached_documents_come_first_by_log_odds_the_others_as_fused() -> None:
    # Fused order 4, 0, 2, 1, 3; the first three are read and score as their number.
    found = rerank(RoundWithFacts(), pool([4.0, 2.0, 3.0, 1.0, 5.0]), top=3)
    assert found.order.tolist() == [4, 2, 0, 1, 3]
    assert found.scores[[4, 2, 0]].tolist() == [4.0, 2.0, 0.0]
    assert np.isnan(found.scores[[1, 3]]).all()
    assert np.isnan(found.log_odds[[1, 3]]).all()


def test_equals_keep_their_fused_order_and_of_those_the_ordinal_decides() -> None:
    # 1 and 3 are equal in fusion too, so their ordinal decides.
    found = rerank(RoundWithFacts(lambda text: 0.0 if text else -1.0), pool([9.0, 1.0, 2.0, 1.0]))
    assert found.order.tolist() == [2, 1, 3, 0]


def test_the_calibration_brings_the_fused_score_in() -> None:
    of = pool([0.0, 10.0, 5.0])
    assert rerank(RoundWithFacts(), of).order.tolist() == [2, 1, 0]
    both = rerank(RoundWithFacts(), of, calibration=Calibration(2.0, 1.0, -3.0))
    assert both.log_odds.tolist() == [2 * 0 + 0 - 3, 2 * 1 + 10 - 3, 2 * 2 + 5 - 3]
    assert both.order.tolist() == [1, 2, 0]


def test_a_top_above_the_pool_reads_all() -> None:
    found = rerank(RoundWithFacts(), pool([1.0, 2.0]), top=1000)
    assert (found.reached, found.wanted, found.order.tolist()) == (2, 2, [1, 0])


def test_without_candidates_nothing_is_asked_also_without_time() -> None:
    scorer = RoundWithFacts()
    found = rerank(scorer, pool([]), deadline=Deadline(0.0))
    assert (found.order.tolist(), found.reached, found.stopped, scorer.asked) == ([], 0, "all", [])


class Clock:
    """A clock that only the scorer moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_000.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)

    def scorer(self, *paces: float) -> RoundWithFacts:
        """A pair takes so many seconds, in each call the next of these, at last the last."""
        left = list(paces)
        told = RoundWithFacts()
        plain = told.score

        def score(query: str, texts: Sequence[str]) -> np.ndarray:
            self.now += len(texts) * (left.pop(0) if len(left) > 1 else left[0])
            return plain(query, texts)

        told.score = score
        return told


PACE = 1 / 128


@pytest.mark.parametrize(
    ("budget_ms", "asked", "stopped"),
    [
        (500, [FIRST, CHUNK - FIRST, CHUNK, CHUNK, CHUNK], "all"),  # ends at the last moment
        (499, [FIRST], "budget"),
        (1, [FIRST], "budget"),  # the first always run, to measure the time of one
        (0, [CHUNK] * 4, "all"),  # 0: no budget
    ],
)
def test_it_reads_all_or_the_fused_order_stays(monkeypatch, budget_ms, asked, stopped) -> None:
    scorer = Clock(monkeypatch).scorer(PACE)
    found = rerank(scorer, pool(np.arange(64, 0, -1)), top=100, budget_ms=budget_ms)
    assert [len(texts) for texts in scorer.asked] == asked
    assert (found.reached, found.wanted, found.stopped) == (64 if stopped == "all" else 0, 64, stopped)
    assert found.order.tolist() == list(range(64))[:: -1 if stopped == "all" else 1]


def test_what_fits_is_decided_by_all_that_was_read(monkeypatch) -> None:
    scorer = Clock(monkeypatch).scorer(PACE, PACE, 4 * PACE, PACE)
    found = rerank(scorer, pool(np.arange(64, 0, -1)), top=100, budget_ms=600)
    # After 32 documents .625 s are gone.
    assert [len(texts) for texts in scorer.asked] == [FIRST, CHUNK - FIRST, CHUNK]
    assert (found.reached, found.stopped) == (0, "budget")


def test_the_deadline_of_the_request_counts_where_it_is_nearer(monkeypatch) -> None:
    clock = Clock(monkeypatch)
    of = pool(np.arange(64, 0, -1))
    assert rerank(clock.scorer(PACE), of, budget_ms=900, deadline=Deadline(clock.now + 0.25)).stopped == "budget"
    assert rerank(clock.scorer(PACE), of, budget_ms=250, deadline=Deadline(clock.now + 9)).stopped == "budget"
    assert rerank(clock.scorer(PACE), of, budget_ms=900, deadline=Deadline(clock.now + 9)).stopped == "all"


def test_a_slow_model_is_stopped() -> None:
    scorer = RoundWithFacts(seconds=0.002)
    found = rerank(scorer, pool(np.arange(20 * CHUNK, 0, -1)), top=1000, budget_ms=100)
    assert (found.stopped, found.reached) == ("budget", 0)
    assert found.order.tolist() == list(range(20 * CHUNK))


def test_an_early_stop_comes_at_the_same_document_with_and_without_a_time_limit() -> None:
    learned = Calibration(expected_relevant=ExpectedRelevant(0.0, 0.0, 1.0))
    of = pool(np.arange(64, 0, -1))
    # The best document is found among the first 16, which makes the others unlikely.
    reached = [
        Reranker(RoundWithFacts(lambda text: 30.0 if text == 9 else -30.0), RerankSpec("told", 64, ms, 0.1), learned)
        .rerank("q", of, Texts(), Deadline())
        .reached
        for ms in (0.0, 60_000.0)
    ]
    assert reached == [CHUNK, CHUNK]


def test_without_time_left_it_is_unavailable() -> None:
    scorer = RoundWithFacts()
    with pytest.raises(StageUnavailable, match="time budget"):
        rerank(scorer, pool([1.0]), deadline=Deadline.after_ms(0))
    assert scorer.asked == []


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_a_score_that_is_no_number_makes_it_unavailable(score: float) -> None:
    with pytest.raises(StageUnavailable, match="not a finite number"):
        rerank(RoundWithFacts(lambda _: score), pool([1.0]))


def test_unhurried_is_the_same_without_a_budget() -> None:
    stage = Reranker(RoundWithFacts(), RerankSpec("told", 7, 20.0), Calibration(2.0))
    assert stage.without_budget() == Reranker(stage.scorer, RerankSpec("told", 7, 0.0), Calibration(2.0))


def test_a_document_that_the_query_names_stays_first_and_its_parts_add_up() -> None:
    named = replace(pool([3.0, 2.0, 1.0]), identified=np.array([False, False, True])).fused(FusionSpec())
    found = rerank(RoundWithFacts(lambda text: -text), named)
    assert found.order.tolist() == [2, 0, 1]
    for at in range(3):
        stage = found.stages(at)[-1]
        assert sum(part.value for part in stage.parts) == pytest.approx(stage.score)
    assert [part.what for part in found.stages(2)[-1].parts] == ["cross-encoder", "fusion", "bias", "identifier"]
    assert found.first(3)[1].tolist() == sorted(found.first(3)[1], reverse=True)


class Reads(RoundWithFacts):
    """Reads the share of a query that it is told to."""

    def __init__(self, unread: float) -> None:
        super().__init__()
        self.unread = unread

    def unread_share(self, query: str) -> float:
        return self.unread


def test_a_query_that_the_cross_encoder_does_not_read_keeps_its_fused_order_and_has_no_probabilities() -> None:
    scorer = Reads(UNKNOWN_LIMIT + 0.01)
    found = rerank(scorer, pool([0.0, 10.0, 5.0]))
    assert (scorer.asked, found.order.tolist()) == ([], [1, 2, 0])
    assert (found.reached, found.wanted, found.stopped) == (0, 3, "unread")
    assert [found.score(at) for at in (1, 2)] == [(10.0, "fusion", None), (5.0, "fusion", None)]
    [note] = found.note(None)
    assert note == "not reranked, and no probabilities: the cross-encoder does not read 21% of the query's tokens"
    # min_probability drops nothing, because nothing is known.
    assert found.filter_by_probability(0.9).shown.tolist() == [1, 2, 0]
    assert found.filter_by_probability(0.9).note(0.9) == (note,)
    assert rerank(Reads(UNKNOWN_LIMIT), pool([0.0, 10.0, 5.0])).stopped == "all"
