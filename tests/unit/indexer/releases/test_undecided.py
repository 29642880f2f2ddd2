"""Whether unjudged documents could change a decision, and which to judge first."""

import pytest

from clew.indexer.releases.undecided import undecided, unjudged_pairs

QRELS = {"q1": {"a": 1}, "q2": {"b": 1}}


def test_a_decision_that_no_judgement_can_change_is_decided():
    judged = {"q1": {"a": 1, "x": 0}, "q2": {"b": 1, "y": 0}}
    ranked = {"q1": ["x", "a"], "q2": ["b", "y"]}
    assert undecided(judged, 0.9, ranked) is None
    assert undecided(judged, 0.1, ranked) is None


def test_a_drop_within_what_the_unjudged_could_change_is_undecided():
    after = {"q1": ["u", "a"], "q2": ["b"]}
    before = {"q1": ["a", "u"], "q2": ["b"]}
    found = undecided(QRELS, -0.01, after, before)
    assert found is not None
    assert found.value == pytest.approx((0.63093 - 1) / 2, abs=1e-5)
    assert (found.low, found.high) == (pytest.approx(found.value), pytest.approx(0))  # both relevant: no difference
    assert [(pair.query, pair.document) for pair in found.pairs] == [("q1", "u")]
    assert found.first == 1
    assert found.said.startswith("cannot tell: judge these 1 pairs first")


def test_a_gain_is_undecided_too():
    after = {"q1": ["a"], "q2": ["b", "u"]}
    before = {"q1": ["v", "a"], "q2": ["u", "b"]}
    found = undecided(QRELS, -0.01, after, before)
    assert found is not None
    assert found.value > 0 > found.low


def test_the_most_influential_pairs_come_first_and_only_as_many_as_are_needed():
    qrels = {f"q{number}": {"a": 1} for number in range(10)}
    after = {name: ["u", "a", *"vwxyz"] for name in qrels}
    before = {name: ["a", "u", *"vwxyz"] for name in qrels}
    found = undecided(qrels, -0.1, after, before)
    assert found is not None
    influences = [pair.influence for pair in found.pairs]
    assert influences == sorted(influences, reverse=True)
    assert {pair.document for pair in found.pairs[:10]} == {"u"}
    assert 0 < found.first < 10
    confirmed = {name: dict(judged) for name, judged in qrels.items()}
    for pair in found.pairs[: found.first]:
        confirmed[pair.query][pair.document] = 0
    assert undecided(confirmed, -0.1, after, before) is None
    last = found.pairs[found.first - 1]
    del confirmed[last.query][last.document]
    assert undecided(confirmed, -0.1, after, before) is not None


def test_a_query_without_results_is_a_zero():
    assert undecided(QRELS, 0.5, {"q1": ["a"]}) is None
    assert undecided(QRELS, 0.51, {"q1": ["a"]}) is None


def test_the_unjudged_of_one_ranking_by_rank():
    pairs = unjudged_pairs(QRELS, {"q1": ["a", "u"], "q2": ["v", "b"]})
    assert [(pair.query, pair.document) for pair in pairs] == [("q2", "v"), ("q1", "u")]
