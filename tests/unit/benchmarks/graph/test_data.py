"""The seeded material that the graph's speed is measured on."""

import json
import logging
from collections import Counter

import numpy as np
import pytest

from clew.benchmarks.graph import data as material
from clew.benchmarks.graph.data import DriverTraffic, Sizes
from clew.core.errors import StageUnavailable, UsageError
from clew.kg.types import Edge


@pytest.fixture
def no_data(tmp_path, monkeypatch):
    monkeypatch.setenv("CLEW_DATA", str(tmp_path / "nowhere"))


def names_of(entities):
    return [name for entity in entities for name in (entity.name, *entity.aliases)]


def test_there_are_as_many_names_as_asked_for_and_the_seed_decides_them():
    found = list(material.entities(1_000, 3))
    assert len(names_of(found)) == 1_000
    assert found == list(material.entities(1_000, 3))
    assert found != list(material.entities(1_000, 4))
    assert len({entity.id for entity in found}) == len(found)
    assert all(1 <= len(name.split()) <= 4 for name in names_of(found))
    # An entity's names differ, and some names have several bearers.
    assert all(len(set(names_of([entity]))) == len(names_of([entity])) for entity in found)
    assert max(Counter(names_of(found)).values()) > 1


def test_questions_name_entities_and_every_tenth_has_a_typing_error():
    named = list(material.entities(200, 0))
    found = material.questions(named, 40, 0)
    assert found == material.questions(named, 40, 0)
    by_id = {entity.id: names_of([entity]) for entity in named}
    right = [q.text[q.mentions[0].start : q.mentions[0].end] in by_id[q.mentions[0].entity] for q in found]
    assert [at for at, fine in enumerate(right) if not fine] == [0, 10, 20, 30]


def test_vectors_have_length_one():
    found = material.unit_vectors(5, 8, 0)
    assert np.allclose((found * found).sum(axis=1), 1)
    assert found.dtype == np.float32


def test_edges_are_seeded_and_different():
    ids = [f"n{at:02}" for at in range(30)]
    found = material.edges(ids, 200, 4, 1)
    assert found == material.edges(ids, 200, 4, 1)
    assert found != material.edges(ids, 200, 4, 2)
    assert len(set(found)) == 200
    assert {edge.relation for edge in found} == {f"relation_{at:03}" for at in range(4)}
    assert all(isinstance(edge, Edge) and {edge.source, edge.target} <= set(ids) for edge in found)


def test_no_more_edges_than_there_can_be():
    assert len(material.edges(["a", "b"], 500, 1, 0)) == 4


def test_the_synthetic_graph_stands_in_where_there_is_no_data(tmp_path, no_data):
    sizes = Sizes(nodes=20, edges=50, relations=3)
    [found], missing = material.graphs(["shopify-taxonomy"], tmp_path, sizes, 0)
    assert (found.name, list(missing)) == ("synthetic", ["shopify-taxonomy"])
    rows = [json.loads(line) for line in found.nodes.read_text().splitlines()]
    assert len({row["id"] for row in rows}) == 20
    assert len(found.edges.read_text().splitlines()) == 50


def test_a_graph_of_the_data_is_taken_and_hashed(tmp_path, monkeypatch):
    monkeypatch.setenv("CLEW_DATA", str(tmp_path))
    folder = tmp_path / "films" / "graph"
    folder.mkdir(parents=True)
    for kind in ("nodes", "edges"):
        (folder / f"{kind}.jsonl").write_text("")
    found, missing = material.graphs(["films", "books"], tmp_path, Sizes(), 0)
    assert ([graph.name for graph in found], list(missing)) == (["films"], ["books"])
    assert set(material.hashes(found)) == {"films/nodes.jsonl", "films/edges.jsonl"}


def test_seeds_are_different_sets_of_nodes_that_have_edges():
    ids, degrees = ["a", "b", "c", "d"], np.array([5, 0, 1, 2])
    found = material.seed_sets(ids, degrees, 100, 2, 0)
    assert found == material.seed_sets(ids, degrees, 100, 2, 0)
    assert len(set(found)) == len(found)
    assert {frozenset(each) for each in found} == {frozenset(pair) for pair in ("ac", "ad", "cd")}
    # Three of them have edges, so no set holds more.
    assert {len(each) for each in material.seed_sets(ids, degrees, 3, 9, 0)} == {3}


def test_messages_to_the_server_are_counted():
    log = logging.getLogger("neo4j.io")
    before = log.level
    with DriverTraffic() as wire:
        assert wire.server == "unknown"
        for line in ("C: RUN 'RETURN 1'", "C: PULL {'n': -1}", "S: SUCCESS {}", "_: state", "S: RECORD * 1"):
            log.debug("[#E700]  %s", line)
        assert (wire.statements, wire.round_trips) == (1, 1)
        for line in ("C: RESET", "S: SUCCESS {'server': 'Neo4j/5.26.30'}", "C: RUN 'RETURN 2'", "S: SUCCESS {}"):
            log.debug("[#E700]  %s", line)
    log.warning("[#E700]  C: RUN 'RETURN 3'")
    assert (wire.statements, wire.round_trips) == (2, 3)
    assert wire.server == "Neo4j/5.26.30"
    assert log.level == before


def test_without_a_server_the_reason_says_how_to_get_one(monkeypatch):
    monkeypatch.delenv("NEO4J_URI", raising=False)
    missing, about = {}, {}
    assert material.configured_server(missing, about) is None
    assert about == {}
    assert "NEO4J_URI is not set" in missing["neo4j"]
    assert "make neo4j" in missing["neo4j"]


def test_an_address_that_cannot_be_used_is_not_quoted(monkeypatch):
    monkeypatch.setenv("NEO4J_URI", "bolt://neo4j:hush@127.0.0.1:1")
    with pytest.raises(UsageError, match="NEO4J_URI is not a valid server address") as caught:
        material.configured_server({}, {})
    assert "hush" not in f"{caught.value} {caught.value.hint}"


def test_a_server_that_does_not_answer_is_an_error(monkeypatch):
    monkeypatch.setenv("NEO4J_URI", "bolt://127.0.0.1:1")
    monkeypatch.setenv("NEO4J_PASSWORD", "secret")
    with pytest.raises(StageUnavailable, match=r"127\.0\.0\.1:1"):
        material.configured_server({}, {})
