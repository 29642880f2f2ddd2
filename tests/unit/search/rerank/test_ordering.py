"""The order of a search's candidates: what is shown, what is dropped, what is said of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from clew.search.fusion import FusedCandidates, FusionSpec
from clew.search.rerank.calibration import Calibration
from clew.search.rerank.ordering import Ordering, rank_in
from clew.search.rerank.spec import RerankSpec
from clew.search.types import RerankUse, StageScore

NAN = float("nan")
# Fused order 0, 1, 2, 3, 4.
TOTALS = [5.0, 4.0, 3.0, 2.0, 1.0]


def pool(totals: Sequence[float] = TOTALS) -> FusedCandidates:
    m = len(totals)
    zeros = np.zeros((1, m), np.int64)
    documents = np.arange(m, dtype=np.int64)
    return FusedCandidates(documents, ("bm25",), np.array([totals]), zeros, np.array([[0.0, 1.0]]), zeros).fused(
        FusionSpec()
    )


def reranked(
    totals: Sequence[float],
    scores: Sequence[float],
    odds: Sequence[float],
    order: Sequence[int],
    calibration: Calibration | None = None,
) -> Ordering:
    places = np.array(order, np.int64)
    reached = int(np.count_nonzero(~np.isnan(odds)))
    return replace(
        Ordering.as_fused(pool(totals)),
        order=places,
        shown=places,
        scores=np.array(scores),
        log_odds=np.array(odds),
        calibration=calibration or Calibration(),
        reached=reached,
        wanted=reached,
        stopped="all",
    )


def with_identified(ordering: Ordering, *named: int) -> Ordering:
    identified = np.isin(np.arange(len(ordering.pool.documents)), named)
    return replace(ordering, pool=replace(ordering.pool, identified=identified))


# Three are reached, with probabilities of 1/2, 1/4 and 3/4.
ODDS = [0.0, -np.log(3), np.log(3), NAN, NAN]
THREE = reranked(TOTALS, ODDS, ODDS, [2, 0, 1, 3, 4])


def test_without_reranking_the_fused_order_is_shown() -> None:
    ordering = Ordering.as_fused(pool()).filter_by_probability(0.9)
    assert ordering.shown.tolist() == ordering.fused.tolist() == [0, 1, 2, 3, 4]
    assert ordering.score(0) == (5.0, "fusion", None)
    assert [stage.stage for stage in ordering.stages(0)] == ["fusion"]
    assert (ordering.dropped, ordering.note(0.9)) == (0, ())


def test_a_reranked_document_has_log_odds_and_a_probability_the_others_their_fused_score() -> None:
    ordering = THREE
    assert ordering.shown.tolist() == [2, 0, 1, 3, 4]
    assert ordering.score(2) == (pytest.approx(np.log(3)), "rerank", pytest.approx(3 / 4))
    assert ordering.score(3) == (2.0, "fusion", None)


@pytest.mark.parametrize(
    ("least", "shown"),
    [(0.0, [2, 0, 1, 3, 4]), (0.3, [2, 0, 3, 4]), (0.5, [2, 0, 3, 4]), (0.6, [2, 3, 4])],
)
def test_only_reranked_documents_below_the_least_probability_are_dropped(least: float, shown: list[int]) -> None:
    ordering = THREE.filter_by_probability(least)
    assert ordering.shown.tolist() == shown
    assert ordering.dropped == 5 - len(shown)


def test_it_says_when_no_judged_document_is_likely_enough() -> None:
    assert THREE.filter_by_probability(0.6).note(0.6) == ()
    assert THREE.note(None) == ()
    [said] = THREE.filter_by_probability(1.0).note(1.0)
    assert said == "nothing good: none of 3 documents reaches min_probability 1, the best has 0.75"


def test_nothing_is_shown_behind_documents_that_were_all_found_wanting() -> None:
    ordering = THREE.filter_by_probability(1.0)
    assert (ordering.shown.tolist(), ordering.dropped) == ([], 3)


def test_the_receipt_has_the_rank_of_each_stage_and_parts_that_add_up() -> None:
    calibration = Calibration(2.0, 0.5, -1.0)
    scores = np.array([1.0, 3.0, NAN])
    odds = calibration.log_odds(scores, np.array([5.0, 4.0, 3.0]))
    ordering = reranked([5.0, 4.0, 3.0], scores, odds, [1, 0, 2], calibration)
    fused, stage = ordering.stages(1)
    assert (fused.stage, fused.score, fused.rank) == ("fusion", 4.0, 2)
    assert (stage.stage, stage.score, stage.rank) == ("rerank", 2 * 3 + 0.5 * 4 - 1, 1)
    assert [part.value for part in stage.parts] == [2 * 3, 0.5 * 4, -1]
    assert stage.parts[0].detail == {"score": 3.0, "weight": 2.0}
    assert ordering.stages(2)[1] == StageScore("rerank", None, None)


def test_what_it_did_is_counted() -> None:
    stage = RerankSpec("told", 3)
    ordering = THREE.filter_by_probability(0.3)
    assert ordering.use(stage, ordering.shown[:3]) == RerankUse(
        model="told", reranked=3, of=3, dropped=1, unjudged=1, stopped="all"
    )
    lost = Ordering.as_fused(pool()).filter_by_probability(0.3)
    assert lost.use(stage, lost.shown[:2]) == RerankUse(
        model="told", reranked=0, of=3, dropped=0, unjudged=2, stopped="unavailable"
    )
    assert Ordering.as_fused(pool([1.0])).use(stage, np.array([0])).of == 1


def test_scores_of_a_run_descend_over_the_border() -> None:
    places, scores = THREE.first(5)
    assert places.tolist() == [2, 0, 1, 3, 4]
    assert scores[:3] == pytest.approx([np.log(3), 0.0, -np.log(3)])
    # What was not reached keeps its distances: 2.0 and 1.0, moved below the least log-odds.
    assert scores[3:] == pytest.approx([-np.log(3) - 1, -np.log(3) - 2])
    assert THREE.first(2)[1] == pytest.approx([np.log(3), 0.0])
    assert Ordering.as_fused(pool()).first(2)[1].tolist() == [5.0, 4.0]
    assert reranked([], [], [], []).first(3)[1].tolist() == []


def test_ranks() -> None:
    assert rank_in(np.array([4, 2, 0]), 2) == 2
    assert rank_in(np.array([4, 2, 0]), 3) is None


@pytest.mark.parametrize("log_odds", [-3.0, 0.0, 9.0])
def test_a_document_that_was_not_reached_stays_below_those_that_the_query_names(log_odds) -> None:
    assert THREE.as_ranked(3, log_odds) == log_odds
    # All documents that were reached are named, so nothing had to be lifted above others.
    named = with_identified(THREE, 0, 1, 2)
    assert named.as_ranked(3, log_odds) == pytest.approx(min(log_odds, -np.log(3) - 0.1))
    # A named one that was not reached is lifted as those that were.
    assert replace(with_identified(THREE, 0, 3), lift=1.5).as_ranked(3, log_odds) == log_odds + 1.5
