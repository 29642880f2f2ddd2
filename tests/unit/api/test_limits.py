import asyncio

import pytest
from starlette.testclient import TestClient

from clew.api.app import create_app
from clew.api.engine import Engine
from clew.api.settings import Settings


@pytest.fixture
def client(tmp_path):
    with TestClient(create_app(Engine(tmp_path), Settings(home=tmp_path, max_body_bytes=2048))) as client:
        yield client


def test_a_body_of_just_the_limit_is_read(client):
    body = b'{"query": "x"}'.ljust(2048)
    response = client.post("/v1/search", content=body, headers={"content-type": "application/json"})
    assert response.status_code == 404, "read and understood: there is only no index"


def test_a_longer_declared_body_is_refused_before_it_is_read(client):
    response = client.post("/v1/search", content=b" " * 2049, headers={"content-type": "application/json"})
    assert response.status_code == 413
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["connection"] == "close"
    assert "2,048 bytes" in response.json()["detail"]


def test_chunks_are_read_only_until_they_pass_the_limit(tmp_path):
    app = create_app(Engine(tmp_path), Settings(home=tmp_path, max_body_bytes=2048))
    scope = {
        "type": "http", "method": "POST", "path": "/v1/search", "raw_path": b"/v1/search", "query_string": b"",
        "headers": [(b"content-type", b"application/json")], "http_version": "1.1", "scheme": "http",
        "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1), "root_path": "",
    }  # fmt: skip
    read, sent = 0, []

    async def receive():
        nonlocal read
        read += 1000
        return {"type": "http.request", "body": b" " * 1000, "more_body": True}

    async def send(message):
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    assert sent[0]["status"] == 413
    assert read == 3000
