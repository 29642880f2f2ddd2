"""The background of a dense score is what a scan of all cosines would find, however the passages are sharded."""

import numpy as np
import pytest

from clew.search.candidates.dense.vector_statistics import VectorStatistics


def unit(n, dim=24, seed=0):
    vectors = np.random.default_rng(seed).normal(0.3, 1, (n, dim)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_background_is_mean_and_deviation_of_all_cosines():
    vectors, query = unit(500), unit(1, seed=9)[0]
    cosines = vectors.astype(float) @ query.astype(float)
    mean, deviation = VectorStatistics.of(vectors).score_statistics(query)
    assert mean == pytest.approx(cosines.mean(), abs=1e-5)
    assert deviation == pytest.approx(cosines.std(), abs=1e-5)


def test_a_zero_vector_does_not_count():
    vectors, query = unit(50), unit(1, seed=9)[0]
    with_zeros = np.vstack([vectors, np.zeros((50, 24), np.float32)])
    assert VectorStatistics.of(with_zeros).score_statistics(query) == VectorStatistics.of(vectors).score_statistics(
        query
    )


def test_sums_do_not_depend_on_shards_and_subtract_exactly():
    vectors = unit(300)
    global_statistics = VectorStatistics.of(vectors)
    parts = [VectorStatistics.of(vectors[a:b]) for a, b in ((0, 7), (7, 120), (120, 300))]
    assert np.array_equal((parts[0] + parts[1] + parts[2]).product, global_statistics.product)
    assert np.array_equal((global_statistics - parts[1]).total, (parts[0] + parts[2]).total)


def test_no_vectors_have_no_background():
    assert VectorStatistics.of(np.empty((0, 4), np.float32)).score_statistics(unit(1, 4)[0]) == (0.0, 0.0)
