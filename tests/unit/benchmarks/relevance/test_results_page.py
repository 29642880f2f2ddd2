"""The page of results: one table for each question, without rows that say nothing."""

from __future__ import annotations

import re
from typing import Any

from clew.benchmarks.relevance.results_page import page

DEFAULT = {"model": "default", "reranker": "default", "judged_only": False}


def figures(ndcg: float, pairs: float = 0.0) -> dict[str, Any]:
    shown = {"nDCG@10": ndcg, "RR@10": 0.5, "R@100": 0.9, "queries": 1_500, "pairs": pairs}
    return {**shown, "ci": {"nDCG@10": [ndcg - 0.1, ndcg + 0.1]}, "p": {"nDCG@10": 0.004}}


def report(results: dict[str, Any], **options: Any) -> dict[str, Any]:
    machine = {"cpu": "An Oven(R)", "cores": 2}
    return {"results": results, "environment": machine, "signature": {"options": DEFAULT | options}}


def table(text: str, question: str) -> list[str]:
    """The rows of the tables below a question."""
    part = text.split(f"## {question}")[1].split("\n## ", maxsplit=1)[0]
    return [line for line in part.splitlines() if line.startswith("|") and not line.startswith(("| ---", "| data"))]


PLAIN = report(
    {
        "tiny": {"bm25": figures(0.4), "dense": figures(0.5), "hybrid": figures(0.61)},
        "chinese": {"bm25": figures(0.3), "dense": figures(0.0), "hybrid": figures(0.3)},
    }
)


def test_a_data_set_in_a_language_that_the_encoder_cannot_read_has_no_row_of_zeros() -> None:
    text = page([PLAIN])
    rows = table(text, "Does hybrid search beat BM25 and dense retrieval?")
    assert rows[0] == "| tiny | 1,500 | 0.400 | 0.500 | **0.610** | 0.510 to 0.710 | 0.004 |"
    assert len(rows) == 3  # one for each measure
    assert "chinese" not in text
    assert "| 0.000 |" not in text


def test_another_encoder_stands_below_the_default_and_a_new_language_last() -> None:
    other = report({"chinese": {"dense": figures(0.7)}, "tiny": {"dense": figures(0.45)}}, model="mine")
    assert table(page([PLAIN, other]), "What does another encoder change?") == [
        "| tiny | default | 0.400 | 0.500 | **0.610** |  |",
        "| tiny | mine |  | **0.450** |  |  |",
        "| chinese | mine |  | **0.700** |  |  |",
    ]


def test_reranking_is_shown_with_its_interval_and_its_significance() -> None:
    rows = {"tiny": {"bm25": figures(0.6), "hybrid-tuned-rerank": figures(0.8, 50), "hybrid-rerank": figures(0.7, 50)}}
    text = page([report(rows), report(rows, judged_only=True)])
    whole = table(text, "What does reranking add?")
    assert whole == ["| tiny | 1,500 | 0.600 |  | 0.700 |  | **0.800** | 0.700 to 0.900 | 0.004 |"]
    lists = table(text, "How well does the reranker order given candidates?")
    assert lists == ["| tiny | 1,500 | 0.600 |  | 0.700 | **0.800** | 0.700 to 0.900 | 0.004 |"]


def reranked(bm25: float, ndcg: float) -> dict[str, Any]:
    return {"bm25": figures(bm25), "hybrid-rerank": figures(ndcg, 50)}


def test_versions_of_the_reranker_stand_side_by_side() -> None:
    ours = report({"tiny": reranked(0.6, 0.8), "alone": reranked(0.5, 0.6)})
    text = page([ours, report({"tiny": reranked(0.6, 0.75)}, reranker="small")])
    assert "| data set | `default` | `small` |" in text
    assert table(text, "How do other versions of the reranker compare?") == ["| tiny | **0.800** | 0.750 |"]


def test_a_version_that_read_other_candidates_is_not_compared() -> None:
    text = page([report({"tiny": reranked(0.6, 0.8)}), report({"tiny": reranked(0.59, 0.75)}, reranker="small")])
    assert "How do other versions of the reranker compare?" not in text


def test_stopping_early_is_shown_with_the_pairs_that_were_read() -> None:
    rows = {"tiny": {"hybrid-tuned-rerank": figures(0.8, 50), "hybrid-tuned-early-stop": figures(0.79, 20.5)}}
    shown = table(page([report(rows)]), "Does early stopping of the reranker lower quality?")
    assert shown == ["| tiny | 0.800 | 0.790 | 50.0 | 20.5 |"]


def test_graphs_have_a_table_for_each_way_they_are_used() -> None:
    rows = {name: figures(at / 10) for at, name in enumerate(("off", "on", "auto"), 1)}
    graph = report({"tiny": rows}) | {"effects": {"tiny": {"auto": {"helped": 0.25, "hurt": 0.004}}}, "graph": ""}
    text = page([PLAIN, graph])
    assert table(text, "What does a knowledge graph add?") == [
        "| tiny | its own | 1,500 | 0.100 | 0.200 | **0.300** | 0.004 | 25% / <1% |"
    ]
    assert "query expansion" not in text  # nobody measured it


def test_the_machine_is_named_once_and_every_row_is_as_wide_as_its_table() -> None:
    text = page([PLAIN, PLAIN, report({"tiny": {"dense": figures(0.45)}}, model="mine")])
    assert text.count("An Oven (2 cores)") == 1
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert len({line.count("|") for line in block.splitlines()}) == 1, block
