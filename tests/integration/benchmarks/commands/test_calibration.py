"""`clew bench calibration`."""

import json

import pytest
from typer.testing import CliRunner

from clew.cli import app
from clew.core.errors import NotFoundError, UsageError
from tests.builders import write_beir

ROWS = {"a": "red shoe", "b": "blue shoe", "c": "green hat", "d": "black hat"}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    root = tmp_path_factory.mktemp("calibration")
    dev, test = ({f"q-{key}": {key: 1} for key in keys} for keys in ("ab", "cd"))
    write_beir(root / "tiny", ROWS, {f"q-{key}": text for key, text in ROWS.items()}, dev=dev, test=test)
    return root


@pytest.fixture
def run(base):
    def run_calibration(*words):
        fixed = ["--model", "hashing-32", "--reranker", "overlap", "--home", str(base / "home")]
        return CliRunner().invoke(app, ["bench", "calibration", *map(str, words), *fixed])

    return run_calibration


def test_it_prints_one_json_document_and_nothing_else(run, base):
    found = run(base / "tiny", "--json")
    assert found.exit_code == 0, found.output
    figures = json.loads(found.stdout)["tiny"]
    assert (figures["split"], figures["queries"], figures["relevant"]) == ("test", 2, 2)
    assert figures["learned"]["queries"] == 2
    assert 0 <= figures["error"]["equal-width"] <= 1


def test_it_prints_a_table_and_writes_a_folder(run, base, tmp_path):
    found = run(base / "tiny", "--out", tmp_path)
    assert found.exit_code == 0, found.output
    assert "expected calibration error" in found.stdout
    assert "min_probability" in found.stdout
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {"results.json", "report.md", "tiny.png"}


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        (["{tiny}", "--split", "dev"], UsageError, "learning calibrations"),
        (["{tiny}", "--split", "tset"], NotFoundError, "no qrels for split 'tset'"),
        (["{tiny}", "{tiny}/../tiny"], UsageError, "two targets are named 'tiny'"),
        (["nowhere"], NotFoundError, "there is no index of that name under"),
    ],
)
def test_wrong_words_are_refused_with_a_hint(run, base, words, error, message):
    found = run(*(word.format(tiny=base / "tiny") for word in words))
    assert isinstance(found.exception, error)
    assert message in found.exception.message
    assert found.exception.hint
