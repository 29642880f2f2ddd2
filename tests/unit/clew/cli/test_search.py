import dataclasses
import gzip
import json
import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

import clew
from clew.cli import app
from clew.core.errors import DataError, NotFoundError, QueryError, UsageError

SPEC = """
name = "shop"
dense = { model = "hashing-32" }
[source]
path = "docs.jsonl"
id = "id"
[fields]
title = { type = "text", weight = 2.0 }
text = { type = "text" }
brand = { type = "keyword", facet = true }
price = { type = "number" }
"""
DOCUMENTS = [
    {"id": "d1", "title": "Oak desk lamp", "text": "A warm lamp for reading.", "brand": "Kvist", "price": 40},
    {"id": "d2", "title": "Steel floor lamp", "text": "Bright and tall.", "brand": "Norra", "price": 90},
    {"id": "d3", "title": "Quiet kettle", "text": "Boils quietly, keeps tea warm.", "brand": "Kvist", "price": 60},
]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    root = tmp_path_factory.mktemp("cli")
    (root / "docs.jsonl").write_text("".join(json.dumps(document) + "\n" for document in DOCUMENTS))
    (root / "shop.toml").write_text(SPEC)
    clew.build(root / "shop.toml", root / "home")
    return root / "home"


@pytest.fixture
def run(home):
    def run_search(*words):
        return CliRunner().invoke(app, ["search", *words, "--home", str(home)])

    return run_search


def lines(result):
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


def test_hits_are_shown_with_title_id_snippet_and_facts(run):
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


def test_json_has_the_shape_of_the_response_and_nothing_else_on_stdout(run, home):
    answer = json.loads(run("shop", "warm lamp", "--explain", "--json").stdout)
    with clew.open("shop", home) as index:
        response = json.loads(json.dumps(dataclasses.asdict(index.search("warm lamp", explain=True))))
    assert answer.keys() == response.keys()
    assert answer["hits"] == response["hits"]


def test_the_receipt_adds_up_as_printed(run):
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
    result = run("shop", "warm lamp", "--expand", "off")
    assert result.exit_code == 0
    assert "graph" not in result.stdout
    assert json.loads(run("shop", "warm lamp", "--json").stdout)["graph"] is None


def test_one_source_is_used_alone(run):
    answer = json.loads(run("shop", "warm lamp", "--sources", "bm25", "--explain", "--json").stdout)
    assert {stage["stage"] for hit in answer["hits"] for stage in hit["why"]} == {"bm25", "fusion"}


def test_what_was_left_out_is_said_on_stderr(run):
    result = run("shop", "warm lamp", "--budget-ms", "0.000001")
    assert "degraded: dense was left out" in result.stderr


def test_no_hits_are_said(run):
    assert lines(run("shop", "zzzz", "--sources", "bm25")) == ["no hits"]


def test_why_not_says_which_stage_lost_a_document(run):
    lost = lines(run("shop", "lamp", "--why-not", "d3", "--filter", "price<50"))
    assert lost == ["d3 was lost at: filter (a filter leaves it out)"]
    assert json.loads(run("shop", "lamp", "--why-not", "d1", "--json").stdout)["found"]


@pytest.mark.parametrize("name", ["out.run", "deep/er/out.run.gz"])
def test_a_file_of_queries_becomes_a_trec_run(run, home, tmp_path, name):
    queries = tmp_path / "queries.jsonl"
    queries.write_text('{"_id": "q1", "text": "warm lamp"}\n{"_id": "q2", "text": "kettle"}\n')
    target = tmp_path / name
    result = run("shop", "--queries", str(queries), "--run", str(target), "-k", "2")
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    raw = target.read_bytes()
    rows = [line.split() for line in (gzip.decompress(raw) if name.endswith(".gz") else raw).decode().splitlines()]
    with clew.open("shop", home) as index:
        wanted = index.searcher.rank("warm lamp", 2)[0]
    assert [row[2] for row in rows if row[0] == "q1"] == wanted
    assert [(row[1], row[3], row[5]) for row in rows[:2]] == [("Q0", "1", "clew-shop"), ("Q0", "2", "clew-shop")]
    assert len(list(target.parent.iterdir())) == len({target, queries} & set(target.parent.iterdir()))


def test_a_run_can_go_to_stdout(run, tmp_path):
    queries = tmp_path / "queries.tsv"
    queries.write_text("q1\tkettle\n")
    shown = lines(run("shop", "--queries", str(queries), "--run", "-", "--sources", "bm25"))
    assert [line.split()[:4] for line in shown] == [["q1", "Q0", "d3", "1"]]


def test_a_bad_query_names_its_line_and_leaves_no_run(run, tmp_path):
    queries, target = tmp_path / "queries.tsv", tmp_path / "out.run"
    queries.write_text(f"q1\tkettle\nq2\t{'x' * 100_000}\n")
    result = run("shop", "--queries", str(queries), "--run", str(target))
    assert isinstance(result.exception, DataError)
    assert result.exception.message == f"{queries}:2: query has 100,000 characters"
    assert list(tmp_path.iterdir()) == [queries]


@pytest.mark.parametrize(
    ("words", "error", "message", "hint"),
    [
        (["shop"], UsageError, "QUERY is missing", "clew search shop"),
        (["shop", ""], QueryError, "query is empty", "1 to 10,000"),
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
        (["shop", "x", "--expand", "maybe"], QueryError, "graph is 'maybe'", "off, auto, on"),
        (["shop", "x", "--expand", "on"], QueryError, "the index has no graph", "[graph]"),
        (["shop", "x", "--release", "r9"], NotFoundError, "r9", ""),
        (["shop", "--queries", "q.tsv"], UsageError, "--queries and --run go together", "--run OUT"),
        (["shop", "--run", "o.run"], UsageError, "--queries and --run go together", "--queries FILE"),
        (["shop", "x", "--queries", "q", "--run", "o"], UsageError, "QUERY cannot be used with --queries", "QUERY"),
        (["shop", "--queries", "q", "--run", "o", "--explain"], UsageError, "--explain cannot be used", "leave out"),
        (["shop", "--queries", "nothing.tsv", "--run", "o"], NotFoundError, "nothing.tsv", ""),
    ],
)
def test_bad_input_is_named_with_a_way_out(run, words, error, message, hint):
    result = run(*words)
    assert isinstance(result.exception, error), result.exception
    assert message in result.exception.message
    assert hint in result.exception.hint


def test_a_run_that_cannot_be_written_is_said_before_any_work(run, tmp_path):
    queries = tmp_path / "queries.tsv"
    queries.write_text("q1\tkettle\n")
    for target in (tmp_path, queries / "out.run"):
        result = run("shop", "--queries", str(queries), "--run", str(target))
        assert isinstance(result.exception, UsageError)
        assert str(target) in result.exception.message


def test_a_process_ends_with_one_line_a_hint_and_code_2(home):
    done = subprocess.run(
        [sys.executable, "-m", "clew", "search", "shop", "x", "-k", "0"],
        capture_output=True, text=True, env=os.environ | {"CLEW_HOME": str(home)},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[0] == "clew: k is 0"
    assert done.stderr.splitlines()[1].startswith("  hint: ")


def test_the_command_line_loads_no_web_framework(home):
    code = (
        "import sys; from clew.cli import main; sys.argv[1:] = ['search', 'shop', 'lamp', '--json']\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "loaded = {'fastapi', 'uvicorn', 'torch', 'transformers'} & set(sys.modules)\n"
        "assert not loaded, loaded"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | {"CLEW_HOME": str(home)}
    )
    assert done.returncode == 0, done.stderr
