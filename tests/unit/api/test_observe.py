import logging

import pytest
from starlette.testclient import TestClient

from clew.api.app import create_app
from clew.api.engine import Engine
from clew.api.observe import decision_of
from clew.api.routes.search import server_timing
from clew.api.settings import Settings
from clew.search.types import GraphUse


@pytest.fixture
def client(tmp_path):
    with TestClient(create_app(Engine(tmp_path), Settings(home=tmp_path))) as client:
        yield client


def test_a_request_id_is_taken_over_or_made(client):
    assert client.get("/livez", headers={"x-request-id": "trace-7"}).headers["x-request-id"] == "trace-7"
    made = {client.get("/livez").headers["x-request-id"] for _ in range(2)}
    assert len(made) == 2


@pytest.mark.parametrize("bad", ["", "two words", "x" * 129, 'a"b'])
def test_a_request_id_that_could_upset_a_log_is_replaced(client, bad):
    assert client.get("/livez", headers={"x-request-id": bad}).headers["x-request-id"] != bad


def test_each_request_has_one_access_line_without_its_query(client, caplog):
    with caplog.at_level(logging.INFO, "clew.access"):
        client.get("/v1/search?q=private&k=0", headers={"x-request-id": "abc"})
        client.get("/a%0Aline")
    first, second = [record.getMessage() for record in caplog.records if record.name == "clew.access"]
    assert first.startswith("method=GET path=/v1/search status=422 ms=")
    assert first.endswith("request_id=abc")
    assert "private" not in first
    assert "path=/a%0Aline status=404" in second


def test_requests_are_counted_by_route_and_status(client):
    client.get("/livez")
    client.get("/nowhere/1")
    client.get("/v1/indexes/nothing")
    text = client.get("/metrics").text
    assert 'clew_requests_total{method="GET",route="/livez",status="200"} 1.0' in text
    assert 'clew_requests_total{method="GET",route="unmatched",status="404"} 1.0' in text
    assert 'clew_requests_total{method="GET",route="/v1/indexes/{name}",status="404"} 1.0' in text
    assert "clew_request_seconds_bucket" in text


def test_two_apps_in_one_process_count_apart(client, tmp_path):
    client.get("/livez")
    with TestClient(create_app(Engine(tmp_path), Settings(home=tmp_path))) as other:
        assert 'route="/livez"' not in other.get("/metrics").text


@pytest.mark.parametrize(
    ("graph", "decision"),
    [
        (GraphUse(used=True, reason="asked for"), "asked"),
        (GraphUse(used=True, reason="the gate", probability=0.7), "opened"),
        (GraphUse(used=False, reason="the gate", probability=0.2), "closed"),
        (GraphUse(used=False, reason="the query names no entity of the graph"), "nothing_named"),
    ],
)
def test_every_decision_about_the_graph_has_a_label(graph, decision):
    assert decision_of(graph) == decision


def test_server_timing_is_a_valid_header():
    assert server_timing({"bm25": 0.81234, "odd stage;": 2.0}) == "bm25;dur=0.812, odd_stage_;dur=2.000"


def test_without_an_index_it_is_alive_but_not_ready(client):
    assert client.get("/livez").json() == {"status": "ok"}
    for path in ("/readyz", "/healthz"):
        response = client.get(path)
        assert response.status_code == 503
        assert response.json()["status"] == "failing"
    assert client.get("/v1/indexes").json() == {"indexes": []}
