"""`clew bench calibration`."""

import json

import pytest
from typer.testing import CliRunner

from clew.cli import app
from clew.core.errors import NotFoundError, UsageError
from tests.builders import write_beir, write_lines

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


def collection(folder, splits=("train", "dev")):
    """Two judged splits of questions with one answer each, which is a sentence of a longer text."""
    names = [f"{split}{at}" for split in splits for at in range(6)]
    documents = {name: f"Much is said here. The word of {name} is {name}. No more is said." for name in names}
    rows = [
        {"_id": f"q-{name}", "text": f"what is the word of {name}", "metadata": {"answers": [f"is {name}"]}}
        for name in names
    ]
    write_beir(folder, documents, {})
    write_lines(folder / "queries.jsonl", rows)
    for split in splits:
        lines = [f"q-{name}\t{name}\t1" for name in names if name.startswith(split)]
        (folder / "qrels").mkdir(exist_ok=True)
        (folder / "qrels" / f"{split}.tsv").write_text("query-id\tcorpus-id\tscore\n" + "\n".join(lines) + "\n")
    return folder


def test_default_probabilities_are_learned_on_some_collections_and_checked_on_another(run, tmp_path):
    folders = [collection(tmp_path / name) for name in ("one", "two")]
    found = run(*folders, "--learn", "--json")
    assert found.exit_code == 0, found.output
    figures = json.loads(found.stdout)
    assert set(figures["calibration"]) == {"scale", "fused", "bias", "lead", "sentence", "sentence_bias"}
    assert set(figures["words"]) == {"coverage", "lead", "bias"}
    for name in ("one", "two"):
        assert set(figures["held_out"][name]) == {"documents", "answers", "words"}
        answers = figures["held_out"][name]["answers"]
        assert (answers["queries"], answers["right"]) == (6, 1.0)
        assert answers["probability"] > 0.8
        assert answers["nothing_good"] >= answers["wrong"] == 0
    shown = run(*folders, "--learn")
    assert shown.exit_code == 0
    assert "of the mean" in shown.stdout
    assert "calibration: {" in shown.stdout


def test_learning_defaults_needs_folders_with_train_queries(run, base, tmp_path):
    folders = [collection(tmp_path / name) for name in ("one", "two")]
    for words, error, message in (
        ([folders[0], "--learn"], UsageError, "at least two folders"),
        ([*folders, "--learn", "--out", tmp_path], UsageError, "cannot be used together"),
        ([folders[0], base / "tiny", "--learn"], NotFoundError, "no qrels for split 'train'"),
    ):
        found = run(*words)
        assert isinstance(found.exception, error)
        assert message in found.exception.message
