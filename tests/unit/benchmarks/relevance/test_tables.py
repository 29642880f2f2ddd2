"""The small table of results in the README."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from clew.benchmarks.relevance.tables import END, START, refreshed, reports, section
from clew.core.errors import DataError

PAGE = f"before\n{START}\nold\n{END}\nafter\n"


def report(**options: Any) -> dict[str, Any]:
    def figures(ndcg: float) -> dict[str, Any]:
        return {"nDCG@10": ndcg, "RR@10": 0.5, "R@100": 0.9}

    return {
        "results": {
            "tiny": {"bm25": figures(0.4), "rrf": figures(0.5), "hybrid": figures(0.61)},
            "chinese": {"bm25": figures(0.3), "dense": figures(0.0), "hybrid": figures(0.3)},
        },
        "environment": {"cpu": "An Oven", "cores": 2},
        "signature": {"options": {"model": "default", "reranker": "default", "judged_only": False} | options},
    }


def test_four_systems_are_shown_the_best_in_bold() -> None:
    assert section([report()]).splitlines() == [
        "| nDCG@10 | `bm25` | `dense` | `hybrid` | `hybrid-tuned` |",
        "| --- | --- | --- | --- | --- |",
        "| tiny | 0.400 |  | **0.610** |  |",
    ]


def test_only_whole_collections_and_the_models_that_come_with_clew_are_shown() -> None:
    assert section([report(model="mine"), report(reranker="mine"), report(judged_only=True)]) == ""


def test_only_what_is_between_the_markers_changes() -> None:
    assert refreshed(PAGE, []) == f"before\n{START}\n{END}\nafter\n"
    again = refreshed(PAGE, [report()])
    assert again.startswith("before\n")
    assert again.endswith(f"{END}\nafter\n")
    assert refreshed(again, [report()]) == again


def test_stored_results_with_old_names_of_systems_are_read_with_the_present_ones(tmp_path: Path) -> None:
    stored = {"results": {"tiny": {"never": {"nDCG@10": 0.4}}}, "effects": {"tiny": {"gated": {"helped": 0.2}}}}
    (tmp_path / "results.json").write_text(json.dumps({**stored, "against_baseline": {"tiny": {"always-terms": {}}}}))
    (read,) = reports(tmp_path)
    assert read["results"] == {"tiny": {"off": {"nDCG@10": 0.4}}}
    assert read["effects"] == {"tiny": {"auto": {"helped": 0.2}}}
    assert read["against_baseline"] == {"tiny": {"on-terms": {}}}


def test_a_page_without_markers_is_refused() -> None:
    with pytest.raises(DataError, match="markers"):
        refreshed("nothing here", [])
