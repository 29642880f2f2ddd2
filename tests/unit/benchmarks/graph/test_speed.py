"""`clew bench speed` on the graph, at sizes that take a moment."""

import json

import pytest

from clew.benchmarks.graph.data import NO_SERVER, Sizes
from clew.benchmarks.graph.speed import GRAPH_ITEMS, percentiles
from clew.benchmarks.speed.items import ITEMS
from clew.benchmarks.speed.material import Job
from clew.benchmarks.speed.run import full, measure, table
from clew.core.errors import UnknownNameError
from tests.builders import write_lines

TINY = Sizes(link_names=200, dictionary_names=300, nodes=40, edges=150, relations=5, questions=12, walks=6)
JOB = Job(rounds=2, model="hashing-32", graph=TINY)
WALKS = [f"{seeds}, {hops}" for seeds in ("1 seed", "3 seeds") for hops in ("1 hop", "2 hops")]


def quiet(_text):
    """Says nothing."""


@pytest.fixture(autouse=True)
def bare(tmp_path, monkeypatch):
    """No data sets, no Neo4j."""
    monkeypatch.setenv("CLEW_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("NEO4J_URI", raising=False)


def test_names_are_those_that_are_documented_and_differ_from_the_other_items():
    assert list(GRAPH_ITEMS) == ["link", "expand", "dictionary", "graph-load"]
    assert not GRAPH_ITEMS.keys() & ITEMS.keys()
    with pytest.raises(UnknownNameError, match="expnd"):
        measure(["expnd"], "unused", JOB, quiet)


def test_every_item_has_figures_for_each_round_and_its_sizes(tmp_path):
    found = measure(["graph-load", *GRAPH_ITEMS], tmp_path / "home", JOB, quiet)
    assert list(found) == ["graph-load", "link", "expand", "dictionary"]
    for name, figures in found.items():
        first = next(iter(figures["cases"].values()))
        assert figures["ours"] == first[GRAPH_ITEMS[name].figure] > 0
        assert figures["unit"] == GRAPH_ITEMS[name].unit
        assert figures["peers"] == figures["ratio"] == {}
        assert {case: len(rounds) for case, rounds in figures["rounds"].items()} == dict.fromkeys(figures["cases"], 2)
        for case, rounds in figures["rounds"].items():
            for key, value in figures["cases"][case].items():
                # The median of two is their mean.
                assert value == pytest.approx((rounds[0][key] + rounds[1][key]) / 2, abs=1e-4)
    # Every name has a record, and so have the last names of some people.
    assert 200 <= found["link"]["sizes"]["synthetic"]["records"] < 240
    assert 300 <= found["dictionary"]["sizes"]["synthetic"]["records"] < 360
    assert found["expand"]["sizes"]["synthetic"] == {"nodes": 40, "edges": 150}
    assert found["graph-load"]["sizes"] == {"synthetic": {"nodes": 40, "edges": 150}}
    assert list(found["expand"]["cases"]) == [f"networkx, {walk}" for walk in WALKS]
    assert found["expand"]["missing"]["neo4j"] == found["graph-load"]["missing"]["neo4j"] == NO_SERVER
    assert table(found).row_count == len(found) + sum(len(figures["cases"]) for figures in found.values())
    written = json.loads(full(found, JOB))
    assert set(written["signature"]["graph"]) == {"code", "libraries"}
    assert written["signature"]["options"]["graph"]["dictionary_names"] == 300
    # Whatever was made on the way is gone.
    assert list((tmp_path / "home").iterdir()) == []


def test_what_a_dictionary_costs(tmp_path):
    [figures] = measure(["dictionary"], tmp_path, JOB, quiet)["dictionary"]["cases"].values()
    assert list(figures) == ["build s", "names/s", "peak MiB", "peak before MiB", "open ms", "disk MiB"]
    assert figures["peak MiB"] >= figures["peak before MiB"] > 1
    assert all(value > 0 for value in figures.values())


def test_questions_of_the_data_are_linked_with_its_graph(tmp_path):
    """Two test questions and three entities, where the sets have the names of the real ones."""
    questions, graph = tmp_path / "data" / "mintaka-dev", tmp_path / "data" / "fb15k237-simpleqa" / "graph"
    asked = [{"_id": name, "text": "Is Paris big?", "split": "test", "mentions": []} for name in ("q1", "q2")]
    asked[0]["mentions"] = [{"start": 3, "end": 8, "entity": "Q90"}]
    write_lines(questions / "questions.jsonl", [*asked, {**asked[1], "_id": "q3", "split": "dev"}])
    cities = [("a", "Paris", "Q90"), ("b", "Berlin", "Q64"), ("c", "Vienna", "Q1741")]
    write_lines(graph / "nodes.jsonl", [{"id": id_, "name": name, "wikidata": key} for id_, name, key in cities])
    write_lines(graph / "edges.jsonl", [{"source": "a", "relation": "near", "target": "b"}])
    found = measure(["link"], tmp_path / "home", JOB, quiet)["link"]
    assert list(found["cases"]) == ["synthetic", "fb15k237-simpleqa"]
    assert found["sizes"]["fb15k237-simpleqa"] == {"entities": 3, "records": 3, "questions": 2}
    assert found["missing"] == {}
    assert set(found["files"]) == {"mintaka-dev/questions.jsonl", "graph/nodes.jsonl", "graph/edges.jsonl"}


def test_percentiles_are_in_milliseconds():
    assert percentiles([0.001, 0.002, 0.003]) == pytest.approx({"p50": 2.0, "p99": 2.98})
