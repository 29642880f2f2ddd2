"""`clew search`: hits on stdout, what was skipped on stderr, bad input named."""

import dataclasses
import json
import os
import subprocess
import sys

import pytest

import clew
from clew.core.errors import NotFoundError, QueryError, UsageError


@pytest.fixture
def run(clew_shop):
    return lambda *words: clew_shop("search", *words)


def test_hits_are_shown_with_title_id_snippet_and_facts(run, lines):
    result = run("shop", "warm lamp", "-k", "1")
    shown = lines(result)
    assert shown[0] == "  1. Oak desk lamp"
    assert shown[1].startswith("     d1  (fusion ")
    assert "A warm lamp for reading." in result.stdout
    assert "brand: Kvist · price: 40" in result.stdout
    assert "release" in result.stderr


def test_filters_and_facets(run):
    result = run("shop", "lamp", "--filter", "brand=Kvist", "--filter", "price<50", "--facet", "brand", "--json")
    answer = json.loads(result.stdout)
    assert [hit["id"] for hit in answer["hits"]] == ["d1"]
    assert answer["facets"]["brand"] == [{"value": "Kvist", "count": 1}]


def test_json_has_the_shape_of_the_response_and_nothing_else_on_stdout(run, shop_home):
    answer = json.loads(run("shop", "warm lamp", "--explain", "--json").stdout)
    with clew.open("shop", shop_home) as index:
        response = json.loads(json.dumps(dataclasses.asdict(index.search("warm lamp", explain=True))))
    assert answer.keys() == response.keys()
    assert answer["hits"] == response["hits"]


def test_the_receipt_adds_up_as_printed(run, lines):
    shown = lines(run("shop", "warm lamp", "-k", "3", "--explain"))
    stages, current = [], None
    for line in shown:
        words = line.split()
        if len(words) > 2 and words[1] == "=" and words[2] != "no":
            current = [float(words[2].rstrip(",")), 0.0]
            stages.append(current)
        elif words and words[0][0] in "+-" and current is not None:
            current[1] += float(words[0])
    assert len(stages) >= 6
    for score, total in stages:
        assert total == pytest.approx(score, abs=1e-3)


def test_without_a_graph_nothing_is_said_of_it(run):
    result = run("shop", "warm lamp", "--graph", "off")
    assert result.exit_code == 0
    assert "graph" not in result.stdout
    assert json.loads(run("shop", "warm lamp", "--json").stdout)["graph"] is None


def test_one_source_is_used_alone(run):
    answer = json.loads(run("shop", "warm lamp", "--sources", "bm25", "--explain", "--json").stdout)
    assert {stage["stage"] for hit in answer["hits"] for stage in hit["why"]} == {"bm25", "fusion"}


def test_what_was_left_out_is_said_on_stderr(run):
    result = run("shop", "warm lamp", "--budget-ms", "0.000001")
    assert "degraded: dense: the time budget was used up before this stage" in result.stderr


def test_no_hits_are_said(run, lines):
    assert lines(run("shop", "zzzz", "--sources", "bm25")) == ["no hits"]


@pytest.mark.parametrize(
    ("words", "error", "message", "hint"),
    [
        (["shop", "x", "--sort", "prise"], QueryError, "sort: unknown field 'prise'", "did you mean 'price'?"),
        (["shop", "x" * 100_000], QueryError, "query has 100,000 characters", "at most 10,000"),
        (["shop", "x", "-k", "0"], QueryError, "k is 0", "1 to 1,000"),
        (["shop", "x", "-k", "1000000"], QueryError, "k is 1,000,000", "1 to 1,000"),
        (["shpo", "x"], NotFoundError, "'shpo'", "did you mean 'shop'?"),
        (["../shop", "x"], NotFoundError, "shop", ""),
        (["shop", "x", "--filter", "brnd=Sony"], QueryError, "unknown field 'brnd'", "did you mean 'brand'?"),
        (["shop", "x", "--filter", "nonsense"], QueryError, "'nonsense'", "brand=Sony"),
        (["shop", "x", "--facet", "brnd"], UsageError, "brnd", "brand"),
        (["shop", "x", "--profile", "produkt"], UsageError, "'produkt'", "did you mean 'product'?"),
        (["shop", "x", "--sources", "bm52"], UsageError, "'bm52'", "did you mean 'bm25'?"),
        (["shop", "x", "--sources", ","], QueryError, "sources is empty", "bm25,dense"),
        (["shop", "x", "--fusion", "rff"], UsageError, "'rff'", "did you mean 'rrf'?"),
        (["shop", "x", "--graph", "maybe"], QueryError, "is 'maybe'", "off, auto, on"),
        (["shop", "x", "--graph", "on"], QueryError, "the index has no graph", "[graph]"),
        (["shop", "x", "--release", "r9"], NotFoundError, "r9", ""),
    ],
)
def test_bad_input_is_named_with_a_way_out(run, words, error, message, hint):
    result = run(*words)
    assert isinstance(result.exception, error), result.exception
    assert message in result.exception.message
    assert hint in result.exception.hint


def test_without_a_query_documents_are_listed_and_sorted(run):
    listed = json.loads(run("shop", "--filter", "brand=Kvist", "--sort", "price:desc", "--json").stdout)
    assert [hit["id"] for hit in listed["hits"]] == ["d3", "d1"]
    assert [hit["sort_values"] for hit in listed["hits"]] == [{"price": 60}, {"price": 40}]
    words = ("lamp", "--sort", "brand:desc,price:desc", "--json")
    assert [hit["id"] for hit in json.loads(run("shop", *words).stdout)["hits"]] == ["d2", "d1"]
    only = json.loads(run("shop", "lamp", "--fields", "price", "--fields", "brand", "--json").stdout)
    assert {tuple(hit["fields"]) for hit in only["hits"]} == {("brand", "price")}
    result = run("shop", "--sort", "brand", "--sort", "price")
    assert result.stdout.startswith("  1. Oak desk lamp")
    assert "3 of 3 matching documents" in result.stderr


def test_a_process_ends_with_one_line_a_hint_and_code_2(shop_home):
    done = subprocess.run(
        [sys.executable, "-m", "clew", "search", "shop", "x", "-k", "0"],
        capture_output=True, text=True, env=os.environ | {"CLEW_HOME": str(shop_home)},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[0] == "clew: k is 0"
    assert done.stderr.splitlines()[1].startswith("  hint: ")


def test_the_command_line_loads_no_web_framework(shop_home):
    code = (
        "import sys; from clew.cli import main; sys.argv[1:] = ['search', 'shop', 'lamp', '--json']\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "loaded = {'fastapi', 'uvicorn', 'torch', 'transformers'} & set(sys.modules)\n"
        "assert not loaded, loaded"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | {"CLEW_HOME": str(shop_home)}
    )
    assert done.returncode == 0, done.stderr
