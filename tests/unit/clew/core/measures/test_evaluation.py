"""Golden values, written as the arithmetic they come from (trec_eval's definitions)."""

import itertools
from math import log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clew.core.errors import DataError, UnknownNameError
from clew.core.measures import evaluate
from clew.core.measures.evaluation import by_rank


def ranked(*docs):
    return {doc: float(-place) for place, doc in enumerate(docs)}


def test_ndcg_with_graded_gains():
    # Gains of Exact, Substitute, Complement: 1, .1, .01, scaled by 100. The run shows Substitute, nothing, Exact.
    qrels = {"q": {"e": 100, "s": 10, "c": 1, "i": 0}}
    found = evaluate(qrels, {"q": ranked("s", "x", "e")}, ["nDCG@10"])
    shown = 10 / log2(2) + 0 / log2(3) + 100 / log2(4)
    ideal = 100 / log2(2) + 10 / log2(3) + 1 / log2(4)
    assert found.means["nDCG@10"] == pytest.approx(shown / ideal)


def test_ndcg_looks_at_ten_results_and_an_ideal_of_ten():
    qrels = {"q": {f"d{place}": 1 for place in range(12)}}
    run = {"q": ranked(*(f"x{place}" for place in range(9)), "d0", "d1")}
    found = evaluate(qrels, run, ["nDCG@10"])
    assert found.means["nDCG@10"] == pytest.approx((1 / log2(11)) / sum(1 / log2(rank + 1) for rank in range(1, 11)))


def test_reciprocal_rank_recall_precision_and_judged():
    qrels = {"q": {"a": 1, "b": 2, "c": 1, "no": 0}}
    found = evaluate(qrels, {"q": ranked("no", "b", "x", "a")})
    assert found.means["RR@10"] == pytest.approx(1 / 2)
    assert found.means["R@100"] == pytest.approx(2 / 3)
    # Precision at the ranks of the relevant ones found (2 and 4), over all three that there are.
    assert found.means["AP"] == pytest.approx((1 / 2 + 2 / 4) / 3)
    assert found.means["judged@10"] == pytest.approx(3 / 4)


def test_reciprocal_rank_ends_at_ten():
    listed = ranked(*(f"x{place}" for place in range(10)), "a")
    assert evaluate({"q": {"a": 1}}, {"q": listed}, ["RR@10"]).means["RR@10"] == 0


def test_a_query_without_results_counts_zero_and_is_reported():
    qrels = {"q1": {"a": 1}, "q2": {"a": 1}, "q3": {"a": 1}}
    found = evaluate(qrels, {"q1": ranked("a"), "q2": {}})
    assert found.means["nDCG@10"] == pytest.approx(1 / 3)
    assert found.per_query["nDCG@10"] == {"q1": 1.0, "q2": 0.0, "q3": 0.0}
    assert (found.queries, found.missing) == (3, 2)


def test_only_queries_with_a_relevant_document_count():
    qrels = {"q1": {"a": 1}, "none": {"a": 0}}
    found = evaluate(qrels, {"q1": ranked("a"), "none": ranked("a"), "unjudged": ranked("a")})
    assert found.means["AP"] == 1.0
    assert list(found.per_query["AP"]) == ["q1"]


def test_ties_are_measured_in_the_order_of_the_run():
    # trec_eval would put "z" first (ties by id, descending); the run's own order is what a user sees.
    qrels = {"q": {"a": 1}}
    assert evaluate(qrels, {"q": {"a": 1.0, "z": 1.0}}, ["RR@10"]).means["RR@10"] == 1.0
    assert evaluate(qrels, {"q": {"z": 1.0, "a": 1.0}}, ["RR@10"]).means["RR@10"] == 0.5


def test_scores_that_differ_only_beyond_float32_keep_their_order():
    qrels = {"q": {"a": 1}}
    assert evaluate(qrels, {"q": {"z": 1.0, "a": 1.0 + 1e-12}}, ["AP"]).means["AP"] == 1.0


@given(st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.floats(-1e9, 1e9), max_size=20))
def test_by_rank_gives_strictly_descending_scores_in_score_order(scored):
    result = by_rank(scored)
    values = list(result.values())
    assert values == [float(n) for n in range(len(scored), 0, -1)]
    docs = list(result)
    assert all(scored[a] >= scored[b] for a, b in itertools.pairwise(docs))


def test_qrels_without_a_relevant_document_are_refused():
    with pytest.raises(DataError, match="no query of the qrels has a relevant document"):
        evaluate({"q": {"a": 0}}, {"q": ranked("a")})


@pytest.mark.parametrize("name", ["Foo@10", "nDCG@x"])
def test_an_unknown_measure_lists_the_known_ones(name):
    with pytest.raises(UnknownNameError) as caught:
        evaluate({"q": {"a": 1}}, {}, [name])
    assert "nDCG@10" in caught.value.hint
