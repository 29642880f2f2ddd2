"""When a candidate with other models is as good as the release it would replace, and what is said of it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.core.measures.significance import Comparison, compare, non_inferior
from clew.indexer.releases.comparison import FEW_QUERIES, describe_comparison, is_non_inferior


def found(difference, low, queries) -> Comparison:
    return Comparison(difference, low, 0.2, 0.5, wins=0, losses=queries - 1, ties=1, detectable=0.03)


@pytest.mark.parametrize(
    ("difference", "low", "queries", "good"),
    [
        (-0.005, -0.01, 200, True),
        (-0.0051, -0.006, 200, False),
        (-0.005, -0.0101, 200, False),
        (0.02, -0.0101, 5_000, False),
        (-0.01, -0.5, 199, True),
        (-0.0101, -0.0102, 199, False),
        (0.0, -1.0, 1, True),
    ],
)
def test_the_borders(difference, low, queries, good):
    assert is_non_inferior(found(difference, low, queries)) is good


@given(st.floats(-0.1, 0.1), st.floats(-0.2, 0.0), st.integers(1, 400))
def test_with_few_queries_only_the_mean_counts_and_with_many_the_interval_too(difference, below, queries):
    comparison = found(difference, difference + below, queries)
    expected = difference >= -0.01 if queries < FEW_QUERIES else non_inferior(comparison)
    assert is_non_inferior(comparison) is expected


@settings(deadline=None)  # the first call imports scipy
@given(st.dictionaries(st.text("abcdef", min_size=1), st.floats(0, 1), min_size=1, max_size=30))
def test_nothing_is_inferior_to_itself(values):
    assert is_non_inferior(compare(values, values))


RECORD = {
    "release": "r1", "measure": "nDCG@10", "queries": 60, "before": 0.8291, "after": 0.8123, "difference": -0.0168,
    "low": -0.0301, "high": 0.004, "won": 5, "lost": 9, "detectable": 0.0214,
}  # fmt: skip


def test_a_comparison_in_one_line_says_what_so_few_queries_can_detect():
    line = describe_comparison(RECORD)
    assert line == (
        "nDCG@10 is 0.8123, that of release r1 is 0.8291: difference -0.0168, 95 % interval -0.0301 to +0.0040, "
        "5 won and 9 lost of 60 queries, which can detect a difference of 0.0214"
    )
    assert describe_comparison({**RECORD, "queries": 200}).endswith("5 won and 9 lost of 200 queries")
