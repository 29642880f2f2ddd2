"""`clew bench models`."""

import json

import pytest
from typer.testing import CliRunner

from clew.cli import app
from clew.core.errors import UsageError
from tests.builders import write_beir

ROWS = {"a": "red shoe", "b": "blue shoe", "c": "green hat", "d": "black hat"}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    dev, test = ({f"q-{key}": {key: 1} for key in keys} for keys in ("ab", "cd"))
    write_beir(root / "tiny", ROWS, {f"q-{key}": text for key, text in ROWS.items()}, dev=dev, test=test)
    return root


@pytest.fixture
def run(base):
    def run_models(*words):
        fixed = [base / "tiny", "--rounds", 1, "--home", base / "home"]
        return CliRunner().invoke(app, ["bench", "models", *map(str, [*words, *fixed])])

    return run_models


def test_it_prints_one_json_document_and_progress_on_stderr_only(run):
    found = run("--encoders", "hashing-64,hashing-16", "--budget-ms", 1000, "--json")
    assert found.exit_code == 0, found.output
    figures = json.loads(found.stdout)
    assert [each["model"] for each in figures["models"]] == ["hashing-64", "hashing-16"]
    assert figures["budget"] == {"ms": 1000, "rerank_ms": None, "mb": None}
    assert figures["suggestions"]["encoder"]["model"] in {"hashing-64", "hashing-16"}
    assert "quality: encoder hashing-64" in found.stderr


def test_it_prints_a_table_with_the_suggestion_and_writes_a_folder(run, tmp_path):
    found = run("--rerankers", "overlap", "--rerank-budget-ms", 0.0001, "--out", tmp_path)
    assert found.exit_code == 0, found.output
    assert "nDCG@10" in found.stdout
    assert "overlap" in found.stdout
    assert "reranker: no suggestion: none of 1 fits 0.0001 ms" in found.stdout
    assert {path.name for path in tmp_path.iterdir()} == {"models.json", "models.md"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--encoders", "hashing", "--split", "test"], "models are chosen on dev"),
        ([], "no models to compare"),
        (["--encoders", "hashing", "--budget-mb", "0"], "--budget-mb is 0"),
        (["--encoders", "a+b"], "averages of two models (A+B) were removed"),
    ],
)
def test_wrong_words_are_refused_with_a_hint(run, words, message):
    found = run(*words)
    assert isinstance(found.exception, UsageError)
    assert message in found.exception.message
    assert found.exception.hint
