"""`clew bench link`."""

import json

import pytest
from typer.testing import CliRunner

from clew.cli import app
from clew.core.errors import NotFoundError, UsageError
from tests.builders import write_rows


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    root = tmp_path_factory.mktemp("link")
    nodes = [{"id": f"n{at}", "name": name} for at, name in enumerate(("Paris", "Vienna", "Life"))]
    write_rows(root / "towns" / "graph", nodes=nodes, edges=[{"source": "n0", "relation": "near", "target": "n1"}])
    rows = [
        {
            "_id": f"{split}{at}",
            "text": f"how is life in {name}?",
            "split": split,
            "mentions": [{"start": 15, "end": 15 + len(name), "entity": f"n{at}"}],
        }
        for split in ("train", "dev", "test")
        for at, name in enumerate(("Paris", "Vienna"))
    ]
    write_rows(root / "towns", questions=rows)
    return root


@pytest.fixture
def run(base):
    def run_link(*words):
        home = ["--model", "hashing-32", "--home", str(base / "home")]
        return CliRunner().invoke(app, ["bench", "link", *map(str, words), *home])

    return run_link


def test_it_prints_one_json_document_and_nothing_else(run, base):
    found = run(base / "towns", "--json")
    assert found.exit_code == 0, found.output
    figures = json.loads(found.stdout)
    assert (figures["set"], figures["split"], figures["questions"]) == ("towns", "test", 2)
    assert figures["systems"]["capitals"]["as written"]["f1"] == 1.0
    assert set(figures["systems"]["linker"]["typing error"]) == {
        "precision", "recall", "f1", "ci", "right", "wrong", "missed"
    }  # fmt: skip


def test_it_prints_a_table_and_writes_a_file(run, base, tmp_path):
    found = run(base / "towns", "--split", "dev", "--out", tmp_path / "linking.json")
    assert found.exit_code == 0, found.output
    assert "towns, split dev: 2 questions, 2 mentions" in found.stdout
    assert "linker without vectors  lower-cased" in found.stdout
    report = json.loads((tmp_path / "linking.json").read_text())
    assert set(report) == {"results", "signature", "environment"}
    assert report["results"]["split"] == "dev"
    assert set(report["signature"]["files"]) == {
        "towns/questions.jsonl", "graph/nodes.jsonl", "graph/edges.jsonl"
    }  # fmt: skip


def test_it_prints_what_it_learned(run, base):
    found = run(base / "towns", "--learn")
    assert found.exit_code == 0, found.output
    assert found.stdout.startswith("WEIGHTS: Mapping")
    assert "threshold: float = " in found.stdout
    figures = json.loads(run(base / "towns", "--learn", "--json").stdout)
    assert set(figures) == {"weights", "threshold", "dev", "examples"}
    twice = json.loads(run(base / "towns", "--learn", "--also", base / "towns", "--json").stdout)
    assert twice["examples"] == 2 * figures["examples"]


def test_wrong_words_are_refused_with_a_hint(run, base, tmp_path):
    for words, error, message in (
        (["towns-that-are-not"], NotFoundError, "no such folder"),
        ([base / "towns", "--split", "tset"], UsageError, "is in split 'tset'"),
        ([base / "towns", "--key", "wikidata"], UsageError, "no node has the property"),
        ([base / "towns", "--learn", "--out", tmp_path / "x"], UsageError, "--learn and --out"),
        ([base / "towns", "--also", base / "towns"], UsageError, "--also needs --learn"),
        ([base / "towns", "--graph", tmp_path], NotFoundError, "contains no nodes.jsonl"),
    ):
        found = run(*words)
        assert isinstance(found.exception, error), found.output
        assert message in found.exception.message
        assert found.exception.hint
