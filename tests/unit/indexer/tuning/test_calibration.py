"""Fitting a reranker's calibration, and the estimate of how many relevant candidates it has not scored."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from clew.core.errors import DataError
from clew.indexer.tuning.calibration import LEAST_SCALE, learn, learn_expected_relevant
from clew.search.rerank.calibration import Calibration
from clew.search.rerank.stage import CHUNK


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


def test_how_far_a_document_is_ahead_is_learned_from_lists_with_one_answer() -> None:
    random = np.random.default_rng(1)
    # The best of each list answers, however high its score is: only the lead says so.
    base = np.repeat(random.normal(0, 3, 400), 10)
    scores = base + random.normal(0, 1, 4_000)
    query = np.repeat(np.arange(400), 10)
    relevant = scores == np.maximum.reduceat(scores, np.arange(0, 4_000, 10)).repeat(10)
    found = learn(scores, np.zeros(4_000), relevant, query=query)
    assert found.lead > 5
    assert learn(scores, np.zeros(4_000), relevant).lead == 0

    def brier(calibration: Calibration) -> float:
        odds = [calibration.log_odds(scores[query == at], np.zeros(10)) for at in range(400)]
        return float(np.mean((Calibration.probability(np.concatenate(odds)) - relevant) ** 2))

    assert brier(found) < 0.5 * brier(replace(found, lead=0.0))
    assert brier(found) < 0.5 * brier(learn(scores, np.zeros(4_000), relevant))


def test_learning_the_lead_does_not_change_the_order() -> None:
    scores, fused, relevant = drawn(0.8, 0.4, -1.5, 2_000)
    query = np.repeat(np.arange(100), 20)
    found, without = learn(scores, fused, relevant, query=query), learn(scores, fused, relevant)
    assert found.fused / found.scale == pytest.approx(without.fused / without.scale, rel=1e-3)


def test_the_parameters_of_sentences_stay() -> None:
    start = Calibration(sentence=0.25, sentence_bias=-0.5)
    found = learn(*drawn(1.0, 0.0, 0.0), start)
    assert (found.sentence, found.sentence_bias) == (0.25, -0.5)


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
        ([1.0, 2.0], [1.0], [True, False], "have the lengths 2, 1 and 2"),
        ([], [], [], "there are no judged pairs"),
        ([1.0, 2.0], [1.0, 2.0], [True, True], "all 2 judged pairs are relevant"),
        ([1.0, 2.0], [1.0, 2.0], [False, False], "all 2 judged pairs are not relevant"),
        ([1.0, float("nan")], [1.0, 2.0], [True, False], "not finite"),
        ([1.0, 2.0], [1.0, float("inf")], [True, False], "not finite"),
    ],
)
def test_pairs_that_teach_nothing_are_refused(
    scores: list[float], fused: list[float], relevant: list[bool], says: str
) -> None:
    with pytest.raises(DataError, match=says) as caught:
        learn(np.array(scores), np.array(fused), np.array(relevant, np.bool_))
    assert caught.value.hint


def lists(seed: int, answers: int, queries: int = 300) -> tuple[np.ndarray, ...]:
    """(log-odds, fused, relevant, query) of lists of 48, in which so many are relevant; sooner at their head."""
    random = np.random.default_rng(seed)
    fused = np.tile(np.linspace(4.0, 0.0, 48), queries)
    relevant = np.zeros((queries, 48), bool)
    for row in relevant:
        row[random.choice(48, answers, replace=False, p=np.linspace(3, 1, 48) / np.linspace(3, 1, 48).sum())] = True
    log_odds = np.where(relevant.ravel(), 4.0, -4.0) + random.normal(0, 1.0, queries * 48)
    return log_odds, fused, relevant.ravel(), np.repeat(np.arange(queries), 48)


def test_what_is_expected_is_what_is_there() -> None:
    log_odds, fused, relevant, query = lists(3, 1)
    found = learn_expected_relevant(log_odds, fused, relevant, query, CHUNK)
    assert found is not None
    assert found.doubt > 0.5
    log_odds, fused, relevant, query = (part.reshape(300, 48) for part in lists(4, 1))
    expected = [found.remaining(fused[at, CHUNK:], log_odds[at, :CHUNK].max()) for at in range(300)]
    there = relevant[:, CHUNK:].sum(axis=1)
    assert np.mean(expected) == pytest.approx(there.mean(), abs=0.2)
    sure = np.array(expected) < 0.05
    assert sure.sum() > 100
    assert there[sure].mean() < 0.05


def test_a_better_fused_score_never_makes_a_candidate_less_likely() -> None:
    log_odds, fused, relevant, query = lists(8, 1, 50)
    found = learn_expected_relevant(log_odds, -fused, relevant, query, CHUNK)
    assert found is not None
    assert found.fused >= 0


def test_many_answers_are_not_taken_for_one() -> None:
    found = learn_expected_relevant(*lists(5, 12), CHUNK)
    assert found is not None
    assert found.remaining(np.linspace(2.7, 0.0, 32), 4.0) > 4


def test_the_order_of_the_candidates_says_nothing() -> None:
    parts = lists(6, 1, 40)
    mixed = np.random.default_rng(0).permutation(len(parts[0]))
    assert learn_expected_relevant(*parts, CHUNK) == learn_expected_relevant(*(part[mixed] for part in parts), CHUNK)


def test_where_nothing_is_ever_left_nothing_is_learned() -> None:
    short = tuple(part[:CHUNK] for part in lists(7, 1, 1))
    assert learn_expected_relevant(*short, CHUNK) is None
    with pytest.raises(DataError, match="not finite"):
        learn_expected_relevant(np.array([float("nan")]), np.zeros(1), np.zeros(1, bool), np.zeros(1, np.int64), CHUNK)
