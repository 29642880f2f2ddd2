"""Reranking on the command line: the options, what hits show, and the spec that `clew init` writes."""

import json

import pytest
from typer.testing import CliRunner

from clew.cli import app
from clew.core.errors import QueryError
from clew.search.commands.hits import Page
from clew.search.fields import FieldSpec
from clew.search.types import Hit, RerankUse, SearchResponse
from tests.builders import spec_table

FIELDS = {"title": {"type": "text", "weight": 2.0}, "text": {"type": "text"}}
RERANK = {"model": "overlap", "top": 2, "budget_ms": 0}
DOCUMENTS = [
    {"id": "d1", "title": "Oak desk lamp", "text": "A warm lamp for reading."},
    {"id": "d2", "title": "Steel floor lamp", "text": "Bright and tall."},
    {"id": "d3", "title": "Quiet kettle", "text": "Boils quietly, keeps tea warm."},
]


@pytest.fixture(scope="module")
def home(built_home):
    tables = [spec_table("shop", fields=FIELDS, rerank=RERANK), spec_table("plain", fields=FIELDS)]
    return built_home(*tables, docs=DOCUMENTS)


@pytest.fixture
def run(home):
    def run_command(*words):
        return CliRunner().invoke(app, [*words, "--home", str(home)])

    return run_command


def lines(result):
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


def test_hits_show_how_likely_they_are_and_a_line_what_was_done(run):
    shown = lines(run("search", "shop", "warm lamp"))
    assert shown[0] == "  1. Oak desk lamp"
    assert shown[1].startswith("     d1  (rerank 3.99")
    assert shown[1].endswith(", probability 0.98)")
    assert sum("probability" in line for line in shown) == 2
    assert sum("(fusion " in line for line in shown) == 1
    assert shown[-1] == "reranked 2 of 2 by overlap; 1 of the hits shown were not scored"


def test_the_explained_view_has_the_stage(run):
    shown = [line.strip() for line in lines(run("search", "shop", "warm lamp", "--explain"))]
    heads = [line.split(" = ")[0] for line in shown if " = " in line]
    assert heads == ["bm25", "dense", "fusion", "rerank"] * 3
    at = next(place for place, line in enumerate(shown) if line.startswith("rerank = "))
    total = float(shown[at].split()[2].rstrip(","))
    parts = shown[at + 1 : at + 5]
    assert [line.split()[1] for line in parts] == ["cross-encoder", "fusion", "title", "bias"]
    assert sum(float(line.split()[0]) for line in parts) == pytest.approx(total, abs=1e-3)
    assert "rerank = no score, not among its candidates" in shown


def test_no_rerank_shows_the_fused_order(run):
    result = run("search", "shop", "warm lamp", "--no-rerank")
    assert "rerank" not in result.stdout
    assert lines(result)[1].startswith("     d1  (fusion ")
    answer = json.loads(run("search", "shop", "warm lamp", "--no-rerank", "--json").stdout)
    assert answer["rerank"] is None


def test_hits_that_are_not_likely_enough_are_dropped(run):
    answer = json.loads(run("search", "shop", "warm lamp", "--rerank", "--min-probability", "0.9", "--json").stdout)
    assert [(hit["id"], hit["scored_by"]) for hit in answer["hits"]] == [("d1", "rerank"), ("d2", "fusion")]
    assert (answer["rerank"]["dropped"], answer["rerank"]["unjudged"]) == (1, 1)
    result = run("search", "shop", "warm lamp", "-k", "2", "--sources", "bm25", "--min-probability", "1")
    assert "note: nothing good: none of 2 documents reaches min_probability 1" in result.stderr


def test_why_not_knows_the_stage(run):
    result = run("why-not", "shop", "warm lamp", "d3", "-k", "2", "--min-probability", "0.9")
    assert lines(result)[0].startswith("d3 was lost at: rerank (its probability 0.5 is below min_probability 0.9")


def test_a_run_is_what_is_served(run, tmp_path):
    (tmp_path / "queries.tsv").write_text("q1\twarm lamp\n")
    for option, wanted in (("--rerank", "rerank"), ("--no-rerank", "fusion")):
        rows = lines(run("run", "shop", str(tmp_path / "queries.tsv"), "--out", "-", option))
        answer = json.loads(run("search", "shop", "warm lamp", option, "--json").stdout)
        assert [row.split()[2] for row in rows] == [hit["id"] for hit in answer["hits"]]
        assert answer["hits"][0]["scored_by"] == wanted
        assert float(rows[0].split()[4]) == pytest.approx(answer["hits"][0]["score"], abs=1e-4)


@pytest.mark.parametrize(
    ("words", "error", "message", "hint"),
    [
        (["plain", "x", "--rerank"], QueryError, "the index has no reranker", "[rerank]"),
        (["plain", "x", "--min-probability", "0.5"], QueryError, "min_probability is 0.5", "[rerank]"),
        (["shop", "x", "--min-probability", "2"], QueryError, "min_probability is 2", "0 to 1"),
        (["shop", "x", "--no-rerank", "--min-probability", "0"], QueryError, "nothing is reranked", "leave rerank out"),
    ],
)
def test_bad_input_is_named_with_a_way_out(run, words, error, message, hint):
    result = run("search", *words)
    assert isinstance(result.exception, error), result.exception
    assert message in result.exception.message
    assert hint in result.exception.hint


def test_an_index_shows_its_reranker(run):
    assert "  reranker overlap (python)" in lines(run("indexes", "show", "shop"))
    assert "reranker" not in run("indexes", "show", "plain").stdout
    assert json.loads(run("indexes", "show", "shop", "--json").stdout)["release"]["reranker"]["model"] == "overlap"


@pytest.mark.parametrize(
    ("use", "line"),
    [
        (
            RerankUse(model="default", reranked=50, of=50, dropped=0, unjudged=0, stopped="all"),
            "reranked 50 of 50 by default",
        ),
        (
            RerankUse(model="m\x1b", reranked=16, of=50, dropped=3, unjudged=2, stopped="budget"),
            "reranked 16 of 50 by m ; its time budget was used up; 3 dropped as less likely than min_probability; "
            "2 of the hits shown were not scored",
        ),
        (
            RerankUse(model="default", reranked=32, of=50, dropped=0, unjudged=0, stopped="early_stop"),
            "reranked 32 of 50 by default; hardly anything relevant is expected among the others",
        ),
        (
            RerankUse(model="default", reranked=0, of=50, dropped=0, unjudged=10, stopped="unavailable"),
            "reranked 0 of 50 by default; 10 of the hits shown were not scored",
        ),
    ],
)
def test_what_reranking_did_is_one_line_below_the_hits(use, line):
    response = SearchResponse(
        query="q",
        hits=(Hit(id="P-1", rank=1, score=1.0986, scored_by="rerank", fields={}, probability=0.75),),
        considered=1,
        release="r1",
        index="s",
        rerank=use,
    )
    shown = list(Page({"title": FieldSpec("text")}).answer(response))
    assert shown[1] == "     P-1  (rerank 1.0986, probability 0.75)"
    assert shown[-1] == line
