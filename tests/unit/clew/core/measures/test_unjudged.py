"""What unjudged documents could change: the bounds are those of trying every judgement."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.core.measures.ndcg import ndcg
from clew.core.measures.unjudged import bounds, condensed_ndcg, influence, weights

NAMES = "abcdefgh"


@st.composite
def rankings(draw):
    after, before = (draw(st.permutations(NAMES))[: draw(st.integers(0, 6))] for _ in range(2))
    judged = draw(st.dictionaries(st.sampled_from(NAMES), st.integers(0, 3), max_size=5))
    return after, before, {**judged, "z": draw(st.integers(1, 3))}


def every_value(after, before, gains, k):
    unjudged = sorted({*after[:k], *before[:k]} - gains.keys())
    for chosen in product(range(4), repeat=len(unjudged)):
        complete = {**gains, **dict(zip(unjudged, chosen, strict=True))}
        values = (ndcg([complete[name] for name in each[:k]], list(complete.values()), k) for each in (after, before))
        first, second = values
        yield first - second


@settings(deadline=None, max_examples=200)
@given(rankings(), st.integers(1, 6))
def test_bounds_are_those_of_every_judgement_with_any_grade(ranked, k):
    after, before, gains = ranked
    values = list(every_value(after, before, gains, k))
    low, high = bounds(weights(after, before, k), gains, 3, k)
    assert (low, high) == (pytest.approx(min(values)), pytest.approx(max(values)))


@settings(deadline=None, max_examples=100)
@given(rankings(), st.lists(st.floats(0, 3), min_size=8, max_size=8))
def test_no_gain_between_the_grades_leads_beyond_the_bounds(ranked, chosen):
    after, before, gains = ranked
    low, high = bounds(weights(after, before, 5), gains, 3, 5)
    shown = {*after[:5], *before[:5]}
    complete = {**{name: gain for name, gain in zip(NAMES, chosen, strict=True) if name in shown}, **gains}
    found = [ndcg([complete[name] for name in each[:5]], list(complete.values()), 5) for each in (after, before)]
    assert low - 1e-9 <= found[0] - found[1] <= high + 1e-9


def test_a_grade_between_can_be_the_best():
    # The missing document has grade 1: with grade 3 the other one would make it count less, but itself count more.
    gains = {"a": 1, "missing": 1}
    low, high = bounds(weights(["a", "u"]), gains, 3)
    values = [ndcg([1, gain], [1, 1, gain]) for gain in range(4)]
    assert (low, high) == (pytest.approx(values[0]), pytest.approx(values[1]))
    assert values[1] > max(values[0], values[3]) + 0.05


def test_all_relevant_is_not_always_the_best():
    gains = {"a": 1}
    ranked = ["a", *"bcdefghi", "u"]
    only_last = {**gains, **dict.fromkeys("bcdefghi", 0)}
    low, high = bounds(weights(ranked), only_last, 1)
    assert high == 1.0
    assert low == pytest.approx((1 + 0.289065) / (1 + 0.63093), abs=1e-5)


def test_what_is_judged_leaves_nothing_open():
    assert bounds(weights(["a", "b"]), {"a": 0, "b": 1}, 3) == (pytest.approx(0.63093), pytest.approx(0.63093))
    assert bounds(weights([]), {"a": 1}, 3) == (0.0, 0.0)


def test_a_condensed_list_has_no_unjudged_documents():
    assert condensed_ndcg(["u", "v", "a", "w", "b"], {"a": 2, "b": 1}) == 1.0
    assert condensed_ndcg(["u", "b", "a"], {"a": 2, "b": 0}) == pytest.approx(0.63093)
    assert condensed_ndcg(["u"], {"a": 2}) == 0.0


def test_the_influence_of_a_document_is_its_weight_times_the_highest_gain_over_the_ideal():
    assert influence(-0.5, {"a": 2}, 3) == 0.75
