"""Fusion: parts add up, and the published formulas hold."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from clew.search.fusion import FUSIONS, OUTMATCHED, FusedCandidates, FusionSpec


def found(bm25, dense, bm25_ranks=None, dense_ranks=None, score_statistics=((0.0, 1.0), (0.0, 1.0)), documents=None):
    scores = np.array([bm25, dense], float)
    ranks = np.array([bm25_ranks or range(scores.shape[1]), dense_ranks or range(scores.shape[1])])
    documents = np.arange(scores.shape[1]) if documents is None else documents
    best = np.zeros(scores.shape, np.int64)
    return FusedCandidates(
        documents, ("bm25", "dense"), scores, ranks.astype(np.int64), np.array(score_statistics, float), best
    )


def test_rrf_is_a_sum_of_inverse_ranks():
    parts = FUSIONS["rrf"](found([3, 2], [0.1, 0.9], [0, 1], [1, 0]), FusionSpec("rrf"))
    assert parts[:, 0] == pytest.approx([1 / 61, 1 / 62])
    assert parts[:, 1] == pytest.approx([1 / 62, 1 / 61])


def test_rrf_gives_nothing_outside_a_sources_list():
    parts = FUSIONS["rrf"](found([3, 2], [0.1, 0.9], [0, -1], [1, 0]), FusionSpec("rrf"))
    assert parts[0, 1] == 0


def test_min_max_spans_each_source_from_0_to_its_weight():
    spec = FusionSpec("sum", {"bm25": 3, "dense": 1})
    parts = FUSIONS["sum"](found([10, 20, 15], [0.2, 0.4, np.nan]), spec)
    assert parts[0] == pytest.approx([0, 3 / 4, 3 / 8])
    assert parts[1] == pytest.approx([0, 1 / 4, 0])


def test_hybrid_counts_deviations_above_the_collection():
    spec = FusionSpec("hybrid", {"bm25": 1, "dense": 3})
    parts = FUSIONS["hybrid"](found([5, 1], [0.5, np.nan], score_statistics=((1, 2), (0.1, 0.2))), spec)
    assert parts[0] == pytest.approx([(5 - 1) / 2 / 4, 0])
    assert parts[1] == pytest.approx([3 * (0.5 - 0.1) / 0.2 / 4, 0])


def with_graph(pool, graph, **changes):
    """Return the pool with a third source; its mean is 0 and its deviation 1."""
    return replace(
        pool,
        sources=(*pool.sources, "graph"),
        scores=np.vstack([pool.scores, np.array(graph, float)]),
        ranks=np.vstack([pool.ranks, np.arange(len(graph))]),
        score_statistics=np.vstack([pool.score_statistics, [0.0, 1.0]]),
        best=np.vstack([pool.best, pool.best[0]]),
        **changes,
    )


def test_the_graph_takes_nothing_from_documents_that_it_does_not_lead_to():
    without = found([5, 1], [0.5, 0.2])
    fused = with_graph(without, [0, 4]).fused(FusionSpec())
    assert fused.totals[0] == pytest.approx(without.fused(FusionSpec()).totals[0])
    assert fused.totals[1] == pytest.approx(without.fused(FusionSpec()).totals[1] + 4 / 1.35)


def test_the_graph_alone_counts_by_itself():
    only = FusionSpec(weights={"bm25": 0, "dense": 0, "graph": 2})
    assert with_graph(found([5, 1], [0.5, 0.2]), [3, 4]).fused(only).totals == pytest.approx([3, 4])


def test_the_part_of_a_document_whose_graph_score_does_not_count_says_why():
    pool = with_graph(found([5, 1], [0.5, 0.2]), [0, 4], outmatched=np.array([True, False])).fused(FusionSpec())
    reasons = [[part.detail.get("reason") for part in pool.parts_of(at)] for at in (0, 1)]
    assert reasons == [[None, None, OUTMATCHED], [None, None, None]]
    first, second = pool.take(np.array([0])), pool.take(np.array([1]))
    assert second.merge(first).outmatched.tolist() == [True, False]


def test_a_source_that_says_the_same_of_everything_decides_nothing():
    pool = found([1, 2, 3], [0.5, 0.5, 0.5], score_statistics=((0, 1), (0.5, 0))).fused(FusionSpec())
    assert pool.order().tolist() == [2, 1, 0]


@given(arrays(float, (2, 7), elements=st.floats(-50, 50)), st.sampled_from(sorted(FUSIONS)))
def test_parts_add_up_and_order_is_by_score_then_ordinal(scores, method):
    pool = found(*scores, documents=np.arange(7) * 3).fused(FusionSpec(method))
    order = pool.order()
    for at in range(7):
        assert sum(part.value for part in pool.parts_of(at)) == pytest.approx(pool.totals[at], abs=1e-9)
    keys = [(-pool.totals[at], pool.documents[at]) for at in order]
    assert keys == sorted(keys)


def test_the_parts_of_a_document_show_the_weight_of_each_source():
    pool = found([5, 1], [0.5, np.nan], score_statistics=((1, 2), (0.1, 0.2))).fused(FusionSpec(weights={"dense": 3}))
    for part in pool.parts_of(0):
        detail = part.detail
        standardised = (detail["score"] - detail["mean"]) / detail["deviation"]
        assert part.value == pytest.approx(detail["weight"] * standardised / 3.35)
    assert [part.detail["weight"] for part in pool.parts_of(1)] == [0.35, 3.0]


def test_place_of_a_document_that_no_source_found():
    pool = found([1, 2], [1, 2], documents=np.array([3, 9])).fused(FusionSpec())
    assert (pool.index_of(9), pool.index_of(4), pool.index_of(10)) == (1, None, None)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"method": "hybird"}, "hybird"),
        ({"weights": {"bm25": -1.0}}, "weights.bm25 is -1.0"),
        ({"rrf_k": 0}, "rrf_k is 0"),
    ],
)
def test_a_wrong_spec_is_named(wrong, says):
    with pytest.raises(ValueError, match=says):
        FusionSpec(**wrong)


@given(
    arrays(float, (2, 7), elements=st.integers(-50, 50).map(float)), arrays(bool, 7), st.sampled_from(sorted(FUSIONS))
)
def test_documents_that_the_query_names_come_first_and_their_parts_add_up(scores, named, method):
    pool = replace(found(*scores), identified=named).fused(FusionSpec(method))
    order = pool.order()
    assert named[order].tolist() == sorted(named, reverse=True)
    plain = found(*scores).fused(FusionSpec(method)).order()
    assert [at for at in order if named[at]] == [at for at in plain if named[at]]
    for at in range(7):
        assert sum(part.value for part in pool.parts_of(at)) == pytest.approx(pool.totals[at], abs=1e-9)


def test_nothing_is_added_to_a_named_document_that_is_first_already():
    pool = replace(found([9, 1], [0.9, 0.1]), identified=np.array([True, False])).fused(FusionSpec())
    assert [part.what for part in pool.parts_of(0)] == ["bm25", "dense"]


def test_the_parts_of_candidates_from_two_pools_add_up():
    # In the first pool nothing had to be lifted, in the second the named document was.
    first = replace(found([9, 1], [0.9, 0.1]), identified=np.array([True, False])).fused(FusionSpec())
    rest = replace(found([8, 2], [0.8, 0.2]), identified=np.array([False, True])).fused(FusionSpec())
    rest = replace(rest, documents=rest.documents + 10)
    joined = first.merge(rest)
    for at in range(4):
        assert sum(part.value for part in joined.parts_of(at)) == pytest.approx(joined.totals[at])
    named = ["identifier" in [part.what for part in joined.parts_of(at)] for at in range(4)]
    assert named == [False, False, False, True]


def test_taking_and_merging_candidates_keeps_which_ones_are_identified():
    pool = replace(found([3, 2, 1], [0.5, 0.4, 0.3]), identified=np.array([False, True, False])).fused(FusionSpec())
    first, rest = pool.take(np.array([1])), pool.take(np.array([0, 2]))
    assert first.identified.tolist() == [True]
    joined = first.merge(rest)
    assert joined.documents.tolist() == pool.documents.tolist()
    assert joined.identified.tolist() == [False, True, False]
    assert joined.totals == pytest.approx(pool.totals)
    assert first.merge(replace(rest, identified=None)).identified.tolist() == [False, True, False]
