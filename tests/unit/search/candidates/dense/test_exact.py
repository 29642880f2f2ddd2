from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clew.search.candidates.dense.exact import cosines, exact_scores, exact_top
from clew.search.candidates.dense.int16 import STEPS, to_float32, to_int16

DIM = 48


def unit(n: int, seed: int = 0, dim: int = DIM) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(n, dim)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


FLOATS = unit(500)
VECTORS = to_int16(FLOATS)
QUERY = unit(1, seed=1)[0]


def test_a_score_is_the_inner_product_of_whole_numbers() -> None:
    expected = [sum(int(a) * int(b) for a, b in zip(row, to_int16(QUERY), strict=True)) for row in VECTORS]
    assert (cosines(VECTORS, QUERY, np.arange(500)) * STEPS**2).tolist() == expected


def test_a_score_is_near_the_cosine() -> None:
    cosine = FLOATS.astype(np.float64) @ QUERY.astype(np.float64)
    np.testing.assert_allclose(cosines(VECTORS, QUERY, np.arange(500)), cosine, atol=1e-4)
    np.testing.assert_allclose(to_float32(VECTORS), FLOATS, atol=0.5 / STEPS * 1.01)


@pytest.mark.parametrize("dim", [1, 2, 384, 4096])
def test_no_sum_leaves_its_range(dim: int) -> None:
    even, first = np.full((1, dim), dim**-0.5, np.float32), np.eye(1, dim, dtype=np.float32)
    for vector in (even, first):
        assert cosines(to_int16(vector), vector[0], np.array([0]))[0] == pytest.approx(1, abs=1e-3)
        assert cosines(to_int16(vector), -vector[0], np.array([0]))[0] == pytest.approx(-1, abs=1e-3)


def test_a_vector_that_is_a_little_too_long_keeps_its_sign() -> None:
    long = np.array([[1.0009, 0.0], [-1.0009, 0.0]], np.float32)
    assert cosines(to_int16(long), long[0], np.arange(2)).tolist() == [1, -1]


def test_a_row_that_is_not_there_is_refused() -> None:
    with pytest.raises(IndexError, match="500"):
        cosines(VECTORS, QUERY, np.array([0, 500]))
    with pytest.raises(IndexError, match="-1"):
        cosines(VECTORS, QUERY, np.array([-1]))


@given(st.lists(st.integers(0, 499), min_size=1, max_size=70))
def test_a_score_has_the_same_bits_whatever_is_scored_with_it(rows: list[int]) -> None:
    global_statistics = cosines(VECTORS, QUERY, np.arange(500))
    assert np.array_equal(cosines(VECTORS, QUERY, np.array(rows)), global_statistics[rows])
    assert cosines(VECTORS[rows[0] : rows[0] + 1], QUERY, np.array([0]))[0] == global_statistics[rows[0]]


@pytest.mark.parametrize("dim", [1, 7, 8, 384, 1000])
def test_bits_at_other_widths(dim: int) -> None:
    vectors, query = to_int16(unit(40, dim=dim)), unit(1, seed=2, dim=dim)[0]
    global_statistics = cosines(vectors, query, np.arange(40))
    assert all(cosines(vectors, query, np.array([row]))[0] == global_statistics[row] for row in range(40))


@pytest.mark.parametrize("share", [None, 1.0, 0.5, 0.1, 0.01])
@pytest.mark.parametrize("k", [1, 10, 499, 500, 2000])
def test_the_best_are_found(share: float | None, k: int) -> None:
    allowed = None if share is None else np.random.default_rng(3).random(500) < share
    rows = np.arange(500) if allowed is None else np.flatnonzero(allowed)
    scores = cosines(VECTORS, QUERY, rows)
    order = np.lexsort((rows, -scores))[:k]
    found = exact_top(VECTORS, QUERY, k, allowed)
    assert found.ordinals.tolist() == rows[order].tolist()
    assert np.array_equal(found.scores, scores[order])


def test_ties_go_to_the_first_passages() -> None:
    same = np.repeat(VECTORS[:1], 300, axis=0)
    assert exact_top(same, QUERY, 5).ordinals.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("k", [0, -1])
def test_nothing_wanted(k: int) -> None:
    assert len(exact_top(VECTORS, QUERY, k)) == 0


def test_nothing_there() -> None:
    assert len(exact_top(VECTORS[:0], QUERY, 5)) == 0
    assert len(exact_top(VECTORS, QUERY, 5, np.zeros(500, bool))) == 0


def test_reference_scores_for_measuring() -> None:
    scores = exact_scores(VECTORS, FLOATS[:3], 4)
    assert scores.shape == (3, 4)
    np.testing.assert_allclose(scores[2], exact_top(VECTORS, FLOATS[2], 4).scores, atol=1e-6)
    assert exact_scores(VECTORS[:2], FLOATS[:3], 4).shape == (3, 2)
