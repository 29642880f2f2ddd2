"""`clew indexes`: what is shown of an index with a graph."""

import json
import shutil

import pytest
from typer.testing import CliRunner

from clew.cli import app
from clew.indexer.build import build
from clew.indexer.spec import spec_of

SPEC = {
    "dense": False,
    "source": {"path": "items.jsonl"},
    "fields": {"title": {"type": "text"}},
}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Two indexes of the same two documents, "with" a graph and "without"."""
    root = tmp_path_factory.mktemp("indexes")
    rows = {
        "items": [{"id": "1", "title": "Lamp"}, {"id": "2", "title": "Radio"}],
        "nodes": [{"id": "b1", "name": "Sony"}, {"id": "p1", "name": "Radio"}],
        "edges": [{"source": "p1", "relation": "has_brand", "target": "b1"}],
    }
    for name, listed in rows.items():
        (root / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in listed))
    graph = {"nodes": "nodes.jsonl", "edges": "edges.jsonl", "name": "g"}
    build(spec_of({**SPEC, "name": "with", "graph": graph}, "with.toml", root), root / "home")
    build(spec_of({**SPEC, "name": "without"}, "without.toml", root), root / "home")
    return root / "home"


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
