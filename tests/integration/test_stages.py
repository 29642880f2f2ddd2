"""Every stage proves itself at the first release: measured with and without, and left out if it does harm."""

from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from clew.cli import app
from clew.core.errors import SpecError
from clew.indexer.build import build
from clew.indexer.spec import spec_of
from clew.models.overlap import OverlapScorer
from clew.search.assemble import open_index
from clew.search.versions import IndexFolder
from tests.builders import write_beir

NAMES = ("kettle", "lamp", "sofa", "piano", "garden", "violin")
# Each name is also in the two documents that follow, with less weight.
DOCUMENTS = {
    f"d{at}": f"{name} {name} {name} {NAMES[at - 1]} {NAMES[at - 2]} of steel and glass"
    for at, name in enumerate(NAMES)
}
QUERIES = {f"q{at}": f"{name} steel glass" for at, name in enumerate(NAMES)}
RERANK = {"model": "overlap", "top": 6}


@pytest.fixture
def root(tmp_path):
    write_beir(tmp_path / "corpus", DOCUMENTS, QUERIES, dev={f"q{at}": {f"d{at}": 1} for at in range(len(NAMES))})
    return tmp_path


@pytest.fixture
def harmful(monkeypatch):
    """A cross-encoder that turns every list around."""

    def score(self, query, texts):
        return np.arange(len(texts), dtype=np.float32)

    monkeypatch.setattr(OverlapScorer, "score", score)


def spec(root, **tables):
    table = {"name": "shop", "source": {"path": "corpus", "form": "beir"}, "dense": False,
             "quality": {"queries": "corpus"}, **tables}  # fmt: skip
    return spec_of(table, "shop.toml", root)


def learned(root):
    return IndexFolder.of(root / "home", "shop").read_release().learned


@pytest.mark.usefixtures("harmful")
def test_a_stage_that_does_harm_is_left_out_of_the_first_release(root):
    report = build(spec(root, rerank=RERANK), root / "home")
    (proof,) = report.stages
    assert (proof["stage"], proof["used"], proof["without_stage"]) == ("rerank", False, 1.0)
    assert proof["difference"] == proof["with_stage"] - proof["without_stage"] < -0.4
    assert report.relevance["nDCG@10"] == 1.0
    assert any("[rerank] lowers nDCG@10 on the judged queries from 1.0000 to 0." in text for text in report.notices)
    assert learned(root) == {"stages": {"off": ["rerank"]}}
    searcher = open_index(root / "home", "shop")
    try:
        assert searcher.reranker is None
        assert searcher.rank("piano steel glass", 1)[0] == ["d3"]
        assert searcher.version.report["stages"] == report.stages
    finally:
        searcher.close()
    again = build(spec(root, rerank=RERANK), root / "home")
    assert (again.status, again.stages) == ("unchanged", report.stages)


@pytest.mark.usefixtures("harmful")
def test_a_stage_that_is_enabled_stays_with_a_notice_and_the_figure(root):
    report = build(spec(root, rerank={**RERANK, "enabled": True}), root / "home")
    assert report.stages[0]["used"] is True
    assert report.relevance["nDCG@10"] == report.stages[0]["with_stage"] < 0.6
    assert any("stays on, because enabled = true" in text for text in report.notices)
    assert learned(root) == {}


def test_a_stage_that_helps_or_changes_nothing_stays(root):
    report = build(spec(root, rerank=RERANK, dense={"model": "hashing-64"}), root / "home")
    assert [(each["stage"], each["used"]) for each in report.stages] == [("rerank", True), ("dense", True)]
    assert learned(root) == {}


def test_without_judged_queries_nothing_is_measured_and_every_stage_is_used(root):
    report = build(spec(root, rerank=RERANK, quality={}), root / "home")
    assert report.stages == []
    searcher = open_index(root / "home", "shop")
    assert searcher.reranker is not None
    searcher.close()


def test_a_stage_that_is_not_enabled_is_not_built(root):
    off = {"enabled": False}
    found = spec(root, rerank=off, dense=off, graph={"name": "g", **off}).search
    assert (found.rerank, found.dense, found.graph) == (None, None, None)
    with pytest.raises(SpecError, match="enabled"):
        spec(root, rerank={"enabled": "never"})


@pytest.mark.usefixtures("harmful")
def test_a_stage_that_was_left_out_is_measured_again_by_the_next_build(root, monkeypatch):
    build(spec(root, rerank=RERANK), root / "home")
    monkeypatch.undo()
    with (root / "corpus" / "corpus.jsonl").open("a") as file:
        file.write(json.dumps({"_id": "new", "text": "zeppelin"}) + "\n")
    report = build(spec(root, rerank=RERANK), root / "home")
    assert (report.stages[0]["used"], learned(root)) == (True, {})


@pytest.mark.usefixtures("harmful")
def test_the_table_is_printed_and_says_what_is_left_out(root):
    (root / "shop.toml").write_text(
        'name = "shop"\ndense = false\n[source]\npath = "corpus"\nform = "beir"\n[quality]\nqueries = "corpus"\n'
        '[rerank]\nmodel = "overlap"\n'
    )
    words = ["build", str(root / "shop.toml"), "--home", str(root / "home")]
    shown = CliRunner().invoke(app, words, catch_exceptions=False).stdout
    row = next(line for line in shown.splitlines() if line.startswith("  rerank "))
    assert "1.0000" in row
    assert "left out" in row
    shown = CliRunner().invoke(app, ["indexes", "show", "shop", "--home", str(root / "home")]).stdout
    assert row in shown


def test_a_reranker_that_reads_none_of_the_judged_queries_is_said_to(root, monkeypatch):
    monkeypatch.setattr(OverlapScorer, "unread_share", lambda self, query: 1.0, raising=False)
    report = build(spec(root, rerank=RERANK), root / "home")
    assert any("[rerank] reads none of the judged queries" in text for text in report.notices)
    assert (report.stages[0]["difference"], report.relevance["nDCG@10"]) == (0.0, 1.0)
