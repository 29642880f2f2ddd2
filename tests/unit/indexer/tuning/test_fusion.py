"""Learning fusion weights: they move only for a clear gain."""

import numpy as np
import pytest

from clew.indexer.tuning.fusion import Judged, learn, ndcg
from clew.search.fusion import FusedCandidates, FusionSpec


def found(bm25, dense):
    scores = np.array([bm25, dense], float)
    ranks = np.tile(np.arange(scores.shape[1]), (2, 1))
    documents, score_statistics = np.arange(scores.shape[1]), np.array([[0.0, 1.0], [0.0, 1.0]])
    return FusedCandidates(documents, ("bm25", "dense"), scores, ranks, score_statistics, best=ranks)


def test_ndcg_by_hand():
    judged = Judged(found([1, 2, 3], [0, 0, 0]), np.array([3.0, 0, 1]), [3, 1])
    # Ranking by totals: gains 1, 0, 3 at ranks 1, 2, 3; ideal 3, 1.
    assert ndcg(np.array([1.0, 2, 3]), judged) == pytest.approx((1 + 3 / 2) / (3 + 1 / np.log2(3)))


def judged(right_source, n, noise=0):
    rng = np.random.default_rng(noise)
    queries = []
    for _ in range(n):
        scores = rng.normal(size=(2, 20))
        gains = (np.argsort(np.argsort(-scores[right_source])) < 3).astype(float)
        queries.append(Judged(found(*scores), gains, [1, 1, 1]))
    return queries


def test_learning_trusts_the_source_that_is_right():
    spec = FusionSpec(weights={"bm25": 1, "dense": 1})
    good_dense = learn(judged(1, 60), spec)
    good_bm25 = learn(judged(0, 60), spec)
    assert good_dense.weight("dense") / good_dense.weight("bm25") > 4
    assert good_bm25.weight("dense") / good_bm25.weight("bm25") < 1 / 4


def test_one_query_moves_a_weight_less_than_many():
    spec = FusionSpec(weights={"bm25": 1, "dense": 1})
    few, many = learn(judged(1, 1), spec, shrinkage=1.0), learn(judged(1, 80), spec, shrinkage=1.0)
    assert few.weight("dense") <= many.weight("dense")


def test_nothing_to_learn_from_changes_nothing():
    spec = FusionSpec()
    assert learn([], spec) is spec
