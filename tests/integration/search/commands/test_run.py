"""`clew run`: a file of queries becomes a TREC run or JSON lines, whole or not at all."""

import gzip
import json

import pytest

import clew
from clew.core.errors import DataError, NotFoundError, QueryError, UsageError


@pytest.fixture
def run(clew_shop):
    return lambda *words: clew_shop("run", "shop", *words)


@pytest.fixture
def queries(tmp_path):
    path = tmp_path / "queries.tsv"
    path.write_text("q1\tkettle\n")
    return path


@pytest.mark.parametrize("name", ["out.run", "deep/er/out.run.gz"])
def test_a_file_of_queries_becomes_a_trec_run(run, shop_home, tmp_path, name):
    queries = tmp_path / "queries.jsonl"
    queries.write_text('{"_id": "q1", "text": "warm lamp"}\n{"_id": "q2", "text": "kettle"}\n')
    target = tmp_path / name
    result = run(str(queries), "--out", str(target), "-k", "2")
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("2 queries in ")
    raw = target.read_bytes()
    rows = [line.split() for line in (gzip.decompress(raw) if name.endswith(".gz") else raw).decode().splitlines()]
    with clew.open("shop", shop_home) as index:
        wanted = index.searcher.rank("warm lamp", 2)[0]
    assert [row[2] for row in rows if row[0] == "q1"] == wanted
    assert [(row[1], row[3], row[5]) for row in rows[:2]] == [("Q0", "1", "clew-shop"), ("Q0", "2", "clew-shop")]
    assert len(list(target.parent.iterdir())) == len({target, queries} & set(target.parent.iterdir()))


def test_a_run_can_go_to_stdout(run, queries, lines):
    shown = lines(run(str(queries), "--out", "-", "--sources", "bm25"))
    assert [line.split()[:4] for line in shown] == [["q1", "Q0", "d3", "1"]]


def test_a_run_without_hits_is_empty(run, queries, lines):
    queries.write_text("q1\tzzzz\n")
    result = run(str(queries), "--out", "-", "--sources", "bm25")
    assert lines(result) == []
    assert ", 1 without hits: -" in result.stderr


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz"])
def test_json_lines_hold_the_same_documents_and_scores(run, shop_home, queries, tmp_path, name):
    target = tmp_path / name
    assert run(str(queries), "--out", str(target), "--format", "jsonl", "-k", "2").exit_code == 0
    raw = target.read_bytes()
    [line] = (gzip.decompress(raw) if name.endswith(".gz") else raw).decode().splitlines()
    with clew.open("shop", shop_home) as index:
        ids, scores = index.searcher.rank("kettle", 2)
    hits = [{"id": name, "score": score} for name, score in zip(ids, scores.tolist(), strict=True)]
    assert json.loads(line) == {"id": "q1", "query": "kettle", "hits": hits}


def test_a_bad_query_names_its_line_and_leaves_no_run(run, queries, tmp_path):
    queries.write_text(f"q1\tkettle\nq2\t{'x' * 100_000}\n")
    result = run(str(queries), "--out", str(tmp_path / "out.run"))
    assert isinstance(result.exception, DataError)
    assert result.exception.message == f"{queries}:2: query has 100,000 characters"
    assert list(tmp_path.iterdir()) == [queries]


def test_a_run_that_cannot_be_written_is_said_before_any_work(run, queries, tmp_path):
    for target in (tmp_path, queries / "out.run"):
        result = run(str(queries), "--out", str(target))
        assert isinstance(result.exception, UsageError)
        assert str(target) in result.exception.message


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        (["nothing.tsv", "--out", "-"], NotFoundError, "nothing.tsv"),
        (["nothing.tsv", "--out", "-", "-k", "0"], QueryError, "k is 0"),
        (["nothing.tsv", "--out", "-", "--sources", ","], QueryError, "sources is empty"),
    ],
)
def test_bad_input_is_named(run, words, error, message):
    result = run(*words)
    assert isinstance(result.exception, error), result.exception
    assert message in result.exception.message


@pytest.mark.parametrize("words", [["q.tsv"], ["--out", "o.run"], ["q.tsv", "--out", "o.run", "--explain"]])
def test_a_line_that_is_not_complete_or_has_other_options_is_refused(run, words):
    assert run(*words).exit_code == 2


def test_a_document_with_the_id_of_the_query_is_left_out_as_asked(run, tmp_path, lines):
    queries = tmp_path / "own.tsv"
    queries.write_text("d3\tkettle\n")
    kept = lines(run(str(queries), "--out", "-", "--sources", "bm25"))
    assert [line.split()[2] for line in kept] == ["d3"]
    assert lines(run(str(queries), "--out", "-", "--sources", "bm25", "--identical-ids", "ignore")) == []
    assert "rule for identical ids" in str(run(str(queries), "--out", "-", "--identical-ids", "no").exception)
