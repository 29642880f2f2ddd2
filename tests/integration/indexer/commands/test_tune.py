"""`clew tune`."""

import json

import pytest
from typer.testing import CliRunner

from clew.cli import app
from clew.core.errors import UsageError
from tests.builders import build_home, write_beir

ROWS = {"a": "steel kettle boils water", "b": "warm lamp for reading", "c": "tent for a hike", "d": "wool rug"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A BEIR folder of four documents and three dev queries."""
    queries = {f"q-{key}": text.split()[1] for key, text in ROWS.items()}
    dev = {f"q-{key}": {key: 1} for key in "abd"}
    return write_beir(tmp_path_factory.mktemp("cli") / "tiny", ROWS, queries, dev=dev)


def test_a_folder_gives_weights_and_cannot_be_published_to(folder, tmp_path):
    words = ["tune", str(folder), "--model", "hashing-32", "--home", str(tmp_path)]
    found = CliRunner().invoke(app, [*words, "--json"], catch_exceptions=False)
    figures = json.loads(found.stdout)
    assert set(figures["after"]["weights"]) == {"bm25", "dense"}
    assert figures["release"] is None
    refused = CliRunner().invoke(app, [*words, "--publish"])
    assert isinstance(refused.exception, UsageError)
    assert "--publish needs an index" in refused.exception.message


def test_what_a_graph_learned_is_shown_and_published(folder, tmp_path):
    nodes = [{"id": key, "name": text.split()[1]} for key, text in ROWS.items()]
    table = {
        "name": "tiny",
        "dense": False,
        "source": {"path": str(folder), "form": "beir"},
        "graph": {"nodes": "nodes.jsonl", "edges": "edges.jsonl", "link": {"threshold": 0.01}},
    }
    build_home(tmp_path, table, nodes=nodes, edges=[{"source": "a", "relation": "beside", "target": "b"}])
    words = ["tune", "tiny", "--judged", str(folder), "--home", str(tmp_path / "home")]
    lines = CliRunner().invoke(app, [*words, "--publish"], catch_exceptions=False).stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["weights", "relations:", "gate:", "nDCG@10", "published"]
    assert "'graph': " in lines[0]
    assert lines[4] == "published as release r2"
    figures = json.loads(CliRunner().invoke(app, [*words, "--json"], catch_exceptions=False).stdout)
    assert set(figures["graph"]) == {"questions", "steps", "decided", "gate"}
