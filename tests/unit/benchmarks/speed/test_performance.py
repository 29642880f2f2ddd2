"""The tables of docs/performance.md."""

import json

import pytest

from clew.benchmarks.relevance.tables import END
from clew.benchmarks.speed.performance import START, exactness_section, ratio_plot, ratio_range, refreshed, section
from clew.core.errors import DataError


def report(docs=100_000, **results):
    options = {"docs": docs, "data": ["squad11"], "rounds": 2, "seed": 0}
    return {
        "file": "speed.json",
        "results": results,
        "signature": {"options": options, "code": {"commit": "0123456789abcdef"}},
        "environment": {"cpu": "a processor", "cores": 2, "memory_gib": 24, "time": "2026-11-28T10:00:00+00:00"},
    }


def figures(ours, theirs, rounds, peer="bm25s", higher=True):
    ratio = None if theirs is None else (ours / theirs if higher else theirs / ours)
    missing = {peer: "no wheel"} if theirs is None else {}
    return {"ours": ours, "peers": {peer: theirs}, "ratio": {peer: ratio}, "missing": missing, "rounds": rounds}


FASTER = figures(3000.0, 1000.0, {"ours": [3000, 3000], "bm25s": [1000, 1500]})
SLOWER = figures(4.0, 40.0, {"ours": [4, 4], "txtai": [40, 60]}, "txtai", higher=False)


def test_a_ratio_has_its_spread_and_its_goal():
    rows = section([report(**{"bm25-terms": FASTER, "hybrid": SLOWER})]).splitlines()
    assert "squad11; a processor, 2 cores" in rows[2]
    terms = next(row for row in rows if row.startswith("| `bm25-terms`"))
    assert "| 3,000 queries/s | bm25s | 1,000 | 3.0x (2.0 to 3.0) | 1.5x bm25s: reached |" in terms
    hybrid = next(row for row in rows if row.startswith("| `hybrid`"))
    assert "| 4 ms p50 | txtai | 40 | 10.0x (10.0 to 15.0) | at most 3 ms p50: **missed** |" in hybrid


def test_a_goal_for_many_texts_is_not_held_against_few():
    few, many = report(bm25=FASTER), report(800_000, **{"bm25-terms": FASTER})
    assert "1.5x bm25s: reached" in section([few])
    assert "2x bm25s: reached" in section([many])
    assert "1.5x" not in section([many])


def test_a_missing_peer_says_why():
    assert "| bm25s | missing: no wheel |  | 1.5x bm25s: not measured |" in section(
        [report(bm25=figures(3000.0, None, {"ours": [3000.0, 3000.0]}))]
    )


def test_the_spread_is_that_of_rounds_beside_each_other():
    assert ratio_range(FASTER, "bm25s", True) == (2.0, 3.0)
    assert ratio_range(SLOWER, "txtai", False) == (10.0, 15.0)


def test_the_page_is_made_again():
    text = f"before\n{START}\nold\n{END}\nafter\n"
    again = refreshed(text, [report(bm25=FASTER)])
    assert again.startswith("before\n")
    assert again.endswith(f"{END}\nafter\n")
    assert "old" not in again
    assert refreshed(again, [report(bm25=FASTER)]) == again
    with pytest.raises(DataError, match="no markers"):
        refreshed("nothing here", [])


def test_the_plot_is_a_picture():
    assert ratio_plot([report(bm25=FASTER, hybrid=SLOWER)]).startswith(b"\x89PNG")


def test_facts_are_told_and_held_against_goals():
    told = {"version": "1", "disk, MB a million": 45.6}
    rows = section([report(**{"bm25-build": {**FASTER, "facts": {"ours": told, "bm25s": {"version": "2"}}}})])
    assert "disk, MB a million: at most 50: reached" in rows
    assert "- `bm25-build`. Clew: disk, MB a million: 45.6." in rows
    kept = {"share of its pace that the encoder keeps": 0.8}
    alone = {"ours": 9.0, "peers": {}, "ratio": {}, "missing": {}, "rounds": {"ours": [9, 9]}, "facts": {"ours": kept}}
    assert "encoder keeps: at least 0.9: **missed**" in section([report(**{"build-rest": alone})])


def test_fast_beside_exact_is_a_row_a_data_set(tmp_path):
    row = {"fast": 0.5, "exact": 0.6, "recall@100": 0.99, "same first 10": 0.75}
    found = {
        "results": {"tiny": {"queries": 4, "systems": dict.fromkeys(("bm25", "dense", "hybrid"), row),
                             "index": {"passages": 9}}},
        "signature": {"options": {"sample": 500}, "code": {"commit": "abc"}},
        "environment": {"seed": 0},
    }  # fmt: skip
    assert exactness_section(tmp_path) == ""
    (tmp_path / "exactness.json").write_text(json.dumps(found))
    pairs = " | ".join(["0.5000 / 0.6000"] * 3)
    assert f"| tiny | 9 | 4 | {pairs} | 0.9900 | 75.0% |" in exactness_section(tmp_path)
