"""`clew tune`."""

import json

import pytest
from typer.testing import CliRunner

from clew.cli import app
from clew.core.errors import UsageError
from clew.indexer.build import build
from clew.indexer.commands.tune import _weights
from clew.indexer.spec import spec_of
from clew.indexer.tuning.tune import Tuned
from clew.search.fusion import FusionSpec
from clew.search.versions import IndexFolder
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
    assert [line.split()[0] for line in lines] == [
        "weight", "weight", "relations:", "gate:", "nDCG@10", "published",
    ]  # fmt: skip
    assert lines[0] == "weight of bm25: 0.350 (default)"
    assert lines[1].startswith("weight of graph: 1.000 (default)")
    assert lines[5] == "published as release r2"
    figures = json.loads(CliRunner().invoke(app, [*words, "--json"], catch_exceptions=False).stdout)
    assert set(figures["graph"]) == {"questions", "steps", "decided", "gate", "learned", "paths"}


def test_nothing_is_published_if_nothing_was_learned(folder, tmp_path):
    table = {"name": "words", "dense": False, "source": {"path": str(folder), "form": "beir"}}
    build(spec_of(table, "words.toml", tmp_path), tmp_path)
    words = ["tune", "words", "--judged", str(folder), "--home", str(tmp_path)]
    lines = CliRunner().invoke(app, words, catch_exceptions=False).stdout.splitlines()
    assert lines[0] == "weight of bm25: 0.350 (default)"
    assert lines[-1] == "nothing to learn: the current parameters are the best found"
    done = CliRunner().invoke(app, [*words, "--publish"], catch_exceptions=False)
    assert done.exit_code == 0
    assert done.stdout.splitlines()[-1] == f"{lines[-1]}; no release was published"
    figures = json.loads(CliRunner().invoke(app, [*words, "--publish", "--json"], catch_exceptions=False).stdout)
    assert figures["release"] is None
    assert IndexFolder.of(tmp_path, "words").read_release().id == "r1"


def test_the_old_and_the_new_weight_of_each_source_are_shown():
    weights = {"bm25": 0.35, "dense": 2**0.5}
    first = Tuned(FusionSpec(), FusionSpec(weights=weights), 0.5, 0.6, 3)
    assert list(_weights(first)) == ["weight of bm25: 0.350 (default)", "weight of dense: 1.000 (default) → 1.414"]
    again = Tuned(first.after, FusionSpec(weights={**weights, "dense": 2.0}), 0.6, 0.7, 3)
    assert list(_weights(again)) == ["weight of bm25: 0.350 (unchanged)", "weight of dense: 1.414 → 2.000"]
    assert again.changed
    assert not Tuned(FusionSpec(), FusionSpec(weights={"bm25": 0.35}), 0.5, 0.5, 3).changed
