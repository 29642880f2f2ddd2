"""The table of results in the README."""

from __future__ import annotations

from typing import Any

import pytest

from clew.benchmarks.relevance.tables import END, START, refreshed, section
from clew.core.errors import DataError

PAGE = f"before\n{START}\nold\n{END}\nafter\n"


def report() -> dict[str, Any]:
    def figures(ndcg: float) -> dict[str, Any]:
        return {"nDCG@10": ndcg, "RR@10": 0.5, "R@100": 0.9}

    return {
        "results": {"tiny": {"bm25": figures(0.4), "hybrid": figures(0.61)}, "small": {"bm25": figures(0.3)}},
        "environment": {"cpu": "An Oven", "cores": 2},
    }


def test_the_best_of_each_row_is_bold_and_gaps_stay_empty() -> None:
    lines = section([report()]).splitlines()
    assert "| tiny | 0.400 / 0.500 / 0.900 | **0.610** / 0.500 / 0.900 |" in lines
    assert "| small | **0.300** / 0.500 / 0.900 |  |" in lines
    assert "An Oven, 2 cores" in "\n".join(lines)


def test_models_that_do_not_come_with_clew_are_named() -> None:
    other = {**report(), "signature": {"options": {"model": "mine", "reranker": None}}}
    usual = {**report(), "signature": {"options": {"model": "default", "reranker": "default"}}}
    lines = section([usual, other]).splitlines()
    assert [line.split(" | ")[0] for line in lines if line.startswith("| tiny")] == ["| tiny", "| tiny, mine"]


def test_graphs_have_a_table_of_their_own() -> None:
    rows = {
        name: {"nDCG@10": at / 10, "p": {"nDCG@10": 0.04}, "queries": 1_200}
        for at, name in enumerate(("never", "always", "gated"))
    }
    effects = {"tiny": {"gated": {"helped": 0.25, "hurt": 0.05}}}
    graph = {"results": {"tiny": rows}, "effects": effects, "graph": "", "environment": {"cpu": "An Oven", "cores": 2}}
    lines = section([report(), graph]).splitlines()
    assert "| tiny, its own | 1,200 | 0.000 |  | 0.100 | 0.200 |  |  |  | 0.04 | 25% / 5% |" in lines
    assert "| tiny | 0.400 / 0.500 / 0.900 | **0.610** / 0.500 / 0.900 |" in lines


def test_rerankers_have_a_table_of_their_own_with_intervals() -> None:
    def figures(ndcg: float, pairs: float = 0.0) -> dict[str, Any]:
        found = {"nDCG@10": ndcg, "RR@10": 0.5, "ci": {"nDCG@10": [ndcg - 0.1, ndcg + 0.1]}, "queries": 500}
        return {**found, "pairs": pairs, "p": {"nDCG@10": 0.004}}

    rows = {
        "bm25": figures(0.6),
        "hybrid-tuned-rerank": figures(0.8, 50.0),
        "hybrid-tuned-settled": figures(0.79, 20.5),
    }
    options = {"baseline": "bm25", "judged_only": True}
    reranked = {**report(), "results": {"tiny": rows}, "signature": {"options": options}}
    lines = section([report(), reranked]).splitlines()
    ours = "0.800 [0.700, 0.900] / 0.500 | 0.790 [0.690, 0.890] / 0.500 | 0.004 | 20.5 |"
    assert f"| tiny, judged lists | 500 | 0.600 [0.500, 0.700] / 0.500 \\* |  |  |  | {ours}" in lines
    assert "| tiny | 0.400 / 0.500 / 0.900 | **0.610** / 0.500 / 0.900 |" in lines


def test_only_what_lies_between_the_markers_changes() -> None:
    assert refreshed(PAGE, []) == f"before\n{START}\n{END}\nafter\n"
    again = refreshed(PAGE, [report()])
    assert again.startswith("before\n")
    assert again.endswith(f"{END}\nafter\n")
    assert refreshed(again, [report()]) == again


def test_a_page_without_markers_is_refused() -> None:
    with pytest.raises(DataError, match="markers"):
        refreshed("nothing here", [])
