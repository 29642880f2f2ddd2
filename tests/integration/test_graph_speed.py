"""`clew bench speed` on the graph beside a real Neo4j server."""

import pytest
from neo4j import GraphDatabase

from clew.benchmarks.graph.data import Sizes
from clew.benchmarks.speed.material import Job
from clew.benchmarks.speed.run import measure

pytestmark = pytest.mark.slow
TINY = Sizes(nodes=40, edges=150, relations=5, walks=5)


@pytest.fixture
def found(neo4j_server, tmp_path, monkeypatch):
    monkeypatch.setenv("CLEW_DATA", str(tmp_path / "nowhere"))
    for key, value in (("URI", neo4j_server.uri), ("USER", neo4j_server.user), ("PASSWORD", neo4j_server.password)):
        monkeypatch.setenv(f"NEO4J_{key}", value)
    job = Job(rounds=1, model="hashing-32", graph=TINY)
    return measure(["expand", "graph-load"], tmp_path / "home", job, lambda _text: None)


def labels_of(server):
    with GraphDatabase.driver(server.uri, auth=(server.user, server.password)) as driver:
        asked = "MATCH (n) UNWIND labels(n) AS label RETURN DISTINCT label"
        return {record["label"] for record in driver.execute_query(asked).records}


def test_one_statement_and_one_round_trip_a_query_and_nothing_stays(found, neo4j_server):
    cases = found["expand"]["cases"]
    asked = {case: figures for case, figures in cases.items() if case.startswith("neo4j")}
    assert len(asked) == len(cases) - len(asked) == 4
    for figures in asked.values():
        assert (figures["statements"], figures["round trips"]) == (1, 1)
        assert list(figures)[:4] == ["p50", "p99", "cached p50", "cached p99"]
    assert found["expand"]["about"]["neo4j"].startswith("Neo4j/")
    assert list(found["graph-load"]["cases"]) == [f"synthetic, {step}" for step in ("snapshot", "networkx", "neo4j")]
    assert not {label for label in labels_of(neo4j_server) if label.startswith("Clew_speed_")}
