"""`clew indexes`: what is shown of an index with a graph."""

import json
import shutil

import pytest
from typer.testing import CliRunner

from clew.cli import app
from tests.builders import spec_table

FIELDS = {"title": {"type": "text"}}


@pytest.fixture(scope="module")
def home(built_home):
    """Two indexes of the same two documents, "with" a graph and "without"."""
    graph = {"nodes": "nodes.jsonl", "edges": "edges.jsonl", "name": "g"}
    tables = {"with": graph, "without": None}
    return built_home(
        *(spec_table(name, dense=False, fields=FIELDS, graph=graph) for name, graph in tables.items()),
        docs=[{"id": "1", "title": "Lamp"}, {"id": "2", "title": "Radio"}],
        nodes=[{"id": "b1", "name": "Sony"}, {"id": "p1", "name": "Radio"}],
        edges=[{"source": "p1", "relation": "has_brand", "target": "b1"}],
    )


def show(home, *words):
    found = CliRunner().invoke(app, ["indexes", "show", *words, "--home", str(home)], catch_exceptions=False)
    assert found.exit_code == 0
    return found.stdout


def test_show_names_the_graph(home):
    (snapshot,) = {path.parent.name for path in home.glob("graphs/g/*/manifest.json")}
    assert f"  graph g, snapshot {snapshot} in networkx: 2 entities, 1 edges\n" in show(home, "with")
    assert json.loads(show(home, "with", "--json"))["graph"] == {
        "name": "g", "snapshot": snapshot, "store": "networkx", "entities": 2, "edges": 1,
    }  # fmt: skip


def test_show_says_where_there_is_none(home):
    assert "graph" not in show(home, "without")
    assert json.loads(show(home, "without", "--json"))["graph"] is None


def test_show_says_that_the_snapshot_is_gone(home, tmp_path):
    shutil.copytree(home, tmp_path / "home")
    shutil.rmtree(tmp_path / "home" / "graphs")
    assert "in networkx: missing\n" in show(tmp_path / "home", "with")
