"""Snapshots that are swept leave the Neo4j server they were loaded into, and nothing else does."""

import secrets

import pytest
from neo4j import GraphDatabase

from clew.core.errors import StageUnavailable, UsageError
from clew.indexer.graphs.gc import gc
from clew.indexer.graphs.load import load
from clew.kg.neo4j_store import Neo4jStore
from clew.kg.snapshot import list_snapshots
from clew.kg.spec import Neo4jSpec
from tests.builders import write_rows

pytestmark = pytest.mark.slow


@pytest.fixture
def spec(neo4j_server, monkeypatch):
    monkeypatch.setenv("NEO4J_PASSWORD", neo4j_server.password)
    return Neo4jSpec(neo4j_server.uri, user=neo4j_server.user)


@pytest.fixture
def ask(neo4j_server):
    """Runs a statement as whoever owns the database; gives its rows."""
    with GraphDatabase.driver(neo4j_server.uri, auth=(neo4j_server.user, neo4j_server.password)) as driver:
        yield lambda text, **parameters: [record.values() for record in driver.execute_query(text, parameters).records]


@pytest.fixture
def home(tmp_path, spec):
    """A home with a graph of two snapshots, both in the server; the older one has a hub with many edges."""
    word = secrets.token_hex(6)  # so that no other test's snapshot is the same
    for count in (12_000, 3):
        nodes = [{"id": f"{word}{at}", "name": "Lamp"} for at in range(count)]
        edges = [{"source": f"{word}0", "relation": "r", "target": f"{word}{at}"} for at in range(min(count, 300))]
        write_rows(tmp_path, nodes=nodes, edges=edges)
        load(tmp_path / "home", "g", str(tmp_path / "nodes.jsonl"), str(tmp_path / "edges.jsonl"), neo4j=spec)
    return tmp_path / "home"


def labels(home):
    return [f"Clew_{manifest.id}" for manifest in list_snapshots(home, "g")]


def in_server(ask, label):
    """How many nodes and constraints a label has."""
    constraints = "SHOW CONSTRAINTS YIELD labelsOrTypes WHERE $label IN labelsOrTypes RETURN count(*)"
    return ask(f"MATCH (n:`{label}`) RETURN count(n)")[0][0], ask(constraints, label=label)[0][0]


def test_a_swept_snapshot_leaves_the_server(home, spec, ask):
    new, old = labels(home)
    assert (in_server(ask, new), in_server(ask, old)) == ((3, 1), (12_000, 1))
    assert gc(home, "g", neo4j=spec, dry_run=True).labels == (old,)
    assert in_server(ask, old) == (12_000, 1)
    assert gc(home, "g", neo4j=spec).labels == (old,)
    assert (in_server(ask, new), in_server(ask, old)) == ((3, 1), (0, 0))
    assert labels(home) == [new]


def test_without_a_server_its_labels_stay(home, ask):
    _, old = labels(home)
    assert gc(home, "g").labels == ()
    assert in_server(ask, old) == (12_000, 1)


def test_forgetting_what_is_not_there_changes_nothing(home, spec, ask):
    new, old = labels(home)
    before = in_server(ask, new), in_server(ask, old)
    absent = f"Clew_{secrets.token_hex(8)}"
    store = Neo4jStore(spec, absent)
    store.forget()
    store.forget()
    store.close()
    assert (in_server(ask, absent), in_server(ask, new), in_server(ask, old)) == ((0, 0), *before)


def test_an_existing_database_is_never_forgotten(spec):
    store = Neo4jStore(Neo4jSpec(spec.uri, user=spec.user, labels=["Person"]))
    with pytest.raises(UsageError, match="only reads"):
        store.forget()
    store.close()


def test_a_server_out_of_reach_leaves_the_snapshots(home):
    before = labels(home)
    with pytest.raises(StageUnavailable, match="cannot reach"):
        gc(home, "g", neo4j=Neo4jSpec("bolt://127.0.0.1:1"))
    assert labels(home) == before
