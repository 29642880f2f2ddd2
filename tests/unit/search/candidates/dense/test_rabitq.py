"""The scan of RaBitQ codes proposes passages by its estimates, which are close to the true inner products."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clew.search.candidates.dense.int16 import to_float32, to_int16
from clew.search.candidates.dense.kernel import QUERY_BITS
from clew.search.candidates.dense.rabitq import RaBitQScan


def unit(n: int, dim: int, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(0.1, 1, size=(n, dim)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def estimates(vectors: np.ndarray, query: np.ndarray) -> np.ndarray:
    """What the paper's estimate is of the rounded query, up to what all vectors share, spelt out."""
    kept = to_float32(to_int16(vectors))
    away = kept - kept.mean(axis=0, dtype=np.float64).astype(np.float32)
    levels, widest = 2**QUERY_BITS - 1, np.abs(query).max()
    rounded = 2 * np.rint((query / widest + 1) * levels / 2) - levels
    signs = np.where(away > 0, 1.0, -1.0)
    return (away**2).sum(axis=1) / np.abs(away).sum(axis=1) * (signs @ rounded)


@pytest.mark.parametrize("dim", [2, 8, 30, 64, 65, 384])
@pytest.mark.parametrize("n", [3, 64, 700])
def test_the_likeliest_by_the_estimate_are_proposed(n: int, dim: int) -> None:
    vectors = unit(n, dim)
    scan = RaBitQScan.make(to_int16(vectors))
    for query in unit(5, dim, seed=1):
        expected = estimates(vectors, query)
        for effort in (1, n // 2, n - 1):
            kth = np.sort(expected)[-effort]
            margin = 1e-5 * np.abs(expected).max()  # of float32
            found = scan.search(query, 1, effort)
            assert set(np.flatnonzero(expected > kth + margin)) <= set(found)
            assert (expected[found] >= kth - margin).all()
            assert (np.diff(found) > 0).all()


@given(st.integers(1, 300), st.floats(0, 1), st.integers(0, 5))
def test_only_what_is_allowed_is_proposed(effort: int, share: float, seed: int) -> None:
    vectors = unit(200, 40)
    allowed = np.random.default_rng(seed).random(200) < share
    found = RaBitQScan.make(to_int16(vectors)).search(vectors[seed], 1, effort, allowed)
    assert allowed[found].all()
    assert len(found) == 0 or len(found) >= min(effort, allowed.sum())


@pytest.mark.parametrize("hidden", [0, 5, 400])
def test_a_filter_that_hides_what_is_near_is_not_answered(hidden: int) -> None:
    vectors = unit(1000, 40)
    order = np.argsort(-(vectors @ vectors[0]))
    allowed = np.ones(1000, bool)
    allowed[order[:hidden]] = False
    found = RaBitQScan.make(to_int16(vectors)).search(vectors[0], 1, 100, allowed)
    assert (len(found) == 0) is (hidden == 400)


def test_it_is_found_again_in_its_files(tmp_path: Path) -> None:
    vectors = unit(500, 70)
    made = RaBitQScan.make(to_int16(vectors))
    made.write(tmp_path)
    read = RaBitQScan.read(tmp_path, 500, 70)
    for query in unit(5, 70, seed=2):
        assert np.array_equal(made.search(query, 1, 50), read.search(query, 1, 50))


def test_vectors_that_are_all_the_same_or_zero() -> None:
    same = RaBitQScan.make(to_int16(np.repeat(unit(1, 16), 100, axis=0)))
    assert len(same.search(unit(1, 16)[0], 1, 10)) >= 10
    zero = RaBitQScan.make(np.zeros((100, 16), np.int16))
    assert len(zero.search(np.zeros(16, np.float32), 1, 10)) >= 10
