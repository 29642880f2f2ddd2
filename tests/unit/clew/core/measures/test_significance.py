"""Golden values by hand or from published examples."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clew.core.measures.significance import (
    Comparison,
    compare,
    holm,
    interval,
    interval_of_means,
    non_inferior,
    randomisation_p,
)


def test_exact_p_of_three_queries_that_all_gain():
    # 2^3 sign patterns; only +++ and --- reach a sum of 6 in size.
    assert randomisation_p(np.array([1.0, 2.0, 3.0])) == pytest.approx(2 / 8)


def test_exact_p_counts_patterns_that_are_as_extreme():
    # Sums of ±1 ±2 ±3 ±4 that are at least 1+2+3-4 = 2 in size: 14 of 16 (all but 1+4-2-3 = 0 and its opposite).
    assert randomisation_p(np.array([1.0, 2.0, 3.0, -4.0])) == pytest.approx(14 / 16)


def test_queries_without_a_difference_do_not_change_p():
    moved = np.array([0.5, 0.25, -0.125, 0.75])
    assert randomisation_p(np.concatenate([moved, np.zeros(50)])) == randomisation_p(moved)
    assert randomisation_p(np.zeros(20)) == 1.0


def test_one_query_that_differs_shows_nothing():
    assert randomisation_p(np.array([0.0, 0.9, 0.0])) == 1.0
    assert randomisation_p(np.array([0.9])) == 1.0


def test_sampled_p_agrees_with_the_normal_approximation_and_is_seeded():
    # 100 signs of size 1 with a surplus of 20: z = 20 / sqrt(100) = 2 → two-sided .0455, and .0569 with the steps of
    # a sum that only takes even values (continuity corrected: z = 19 / 10).
    differences = np.array([1.0] * 60 + [-1.0] * 40)
    p = randomisation_p(differences, seed=3)
    assert p == pytest.approx(0.0569, abs=0.01)
    assert p == randomisation_p(differences, seed=3)


def test_p_is_symmetric_and_never_zero():
    differences = np.full(200, 0.3)
    assert 0 < randomisation_p(differences) < 1e-3
    mixed = np.array([0.1, -0.3, 0.2, 0.05, 0.4])
    assert randomisation_p(mixed) == pytest.approx(randomisation_p(-mixed))


def test_holm_against_a_published_example():
    # R: p.adjust(c(0.01, 0.02, 0.03, 0.04, 0.05), "holm") = 0.05 0.08 0.09 0.09 0.09 (its last two raised to .09).
    found = holm({"a": 0.01, "b": 0.02, "c": 0.03, "d": 0.04, "e": 0.05})
    assert list(found.values()) == pytest.approx([0.01 * 5, 0.02 * 4, 0.03 * 3, 0.03 * 3, 0.03 * 3])


def test_holm_against_wikipedia():
    # "Holm-Bonferroni method", worked example: H1..H4 with .01, .04, .03, .005 → .03, .06, .06, .02.
    found = holm({"H1": 0.01, "H2": 0.04, "H3": 0.03, "H4": 0.005})
    assert found == pytest.approx({"H1": 0.03, "H2": 0.06, "H3": 0.06, "H4": 0.02})


@given(st.dictionaries(st.text("abc", max_size=2), st.floats(0, 1), max_size=8))
def test_holm_never_lowers_a_p_and_keeps_the_order(p_values):
    found = holm(p_values)
    assert list(found) == list(p_values)
    assert all(p_values[name] <= found[name] <= 1 for name in p_values)
    names = sorted(p_values, key=p_values.__getitem__)
    assert all(found[a] <= found[b] for a, b in itertools.pairwise(names))


def test_the_interval_is_near_the_normal_one_and_seeded():
    values = np.random.default_rng(5).normal(0.5, 0.2, 400)
    low, high = interval(values, seed=1)
    spread = 1.96 * values.std() / np.sqrt(400)
    assert low == pytest.approx(values.mean() - spread, abs=0.002)
    assert high == pytest.approx(values.mean() + spread, abs=0.002)
    assert interval(values, seed=1) == (low, high)


def test_values_without_spread_have_a_point_for_an_interval():
    assert interval([0.25]) == (0.25, 0.25)
    assert interval([1.0, 1.0, 1.0]) == (1.0, 1.0)


def test_the_interval_of_one_sample_is_the_bootstrap_of_scipy():
    values = np.random.default_rng(5).normal(0.5, 0.2, 300)
    assert interval_of_means([values], seed=1) == pytest.approx(interval(values, seed=2), abs=0.002)
    assert interval_of_means([values], seed=1) == interval_of_means([values], seed=1)
    assert interval_of_means([np.array([0.25])]) == (0.25, 0.25)


def test_every_sample_has_the_same_say_in_the_interval_of_means():
    random = np.random.default_rng(6)
    large, small = random.normal(0.8, 0.2, 900), random.normal(0.2, 0.2, 100)
    low, high = interval_of_means([large, small], seed=1)
    # The standard error of (a + b) / 2 is half the root of the summed squares of both.
    spread = 1.96 * np.sqrt(large.var() / 900 + small.var() / 100) / 2
    middle = (large.mean() + small.mean()) / 2
    assert (low, high) == pytest.approx((middle - spread, middle + spread), abs=0.002)


def test_compare_counts_wins_and_pairs_by_query():
    baseline = {"q1": 0.5, "q2": 0.5, "q3": 1.0, "q4": 0.0}
    system = {"q4": 0.0, "q3": 0.75, "q2": 1.0, "q1": 0.75}
    found = compare(system, baseline)
    assert (found.wins, found.losses, found.ties) == (2, 1, 1)
    assert found.difference == pytest.approx((0.25 + 0.5 - 0.25 + 0) / 4)
    assert found.low <= found.difference <= found.high
    # Differences .25 .5 -.25 0: mean .125, squared errors .015625 + .140625 + .140625 + .015625 over 3.
    assert found.detectable == pytest.approx(2.80 * (0.3125 / 3) ** 0.5 / 2)


def test_compare_refuses_different_queries():
    with pytest.raises(ValueError, match="same queries"):
        compare({"q1": 1.0}, {"q2": 1.0})


@pytest.mark.parametrize(
    ("difference", "low", "good"),
    [(-0.005, -0.01, True), (-0.006, -0.009, False), (0.0, -0.011, False), (0.1, 0.0, True)],
)
def test_non_inferior_is_mean_and_lower_end(difference, low, good):
    assert non_inferior(Comparison(difference, low, 0.2, 0.5, 1, 1, 1, 0.1)) is good
