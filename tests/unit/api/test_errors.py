import inspect

import pytest
from starlette.testclient import TestClient

from clew.api.app import create_app
from clew.api.engine import Engine
from clew.api.errors import STATUS, of_error, status_of
from clew.api.settings import Settings
from clew.core import errors as tree
from clew.core.errors import ClewError, CorruptError, NotFoundError, QueryError, UnknownNameError


@pytest.fixture
def client(tmp_path):
    app = create_app(Engine(tmp_path), Settings(home=tmp_path, max_body_bytes=4096))

    @app.get("/bug")
    async def bug() -> None:
        raise ZeroDivisionError("a secret")

    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


ALL = [c for _, c in inspect.getmembers(tree, inspect.isclass) if issubclass(c, ClewError)]


@pytest.mark.parametrize("cls", ALL)
def test_every_error_has_a_status_and_keeps_its_code_and_hint(cls):
    problem = of_error(cls("what", "mend"))
    assert 400 <= problem.status < 600
    assert (problem.code, problem.detail, problem.hint) == (cls.code, "what", "mend")
    assert problem.type == f"urn:clew:problem:{cls.code}"


def test_a_subclass_has_the_status_of_its_parent():
    assert status_of(UnknownNameError("x")) == STATUS[tree.UsageError]
    assert [status_of(cls("x"))[0] for cls in (QueryError, NotFoundError, CorruptError)] == [422, 404, 503]


def check(response, status, parameter=None):
    """The problem in a response, its general shape checked."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == status
    assert problem["request_id"] == response.headers["x-request-id"]
    assert {"type", "title", "detail", "code"} <= problem.keys()
    assert problem.get("parameter") == parameter
    return problem


def search(client, **body):
    return client.post("/v1/search", json=body)


@pytest.mark.parametrize("k", [0, -1, 1_000_000])
def test_a_k_outside_its_range_is_named(client, k):
    problem = check(search(client, query="x", k=k), 422, "k")
    assert problem["detail"].startswith(f"k is {k}: ")
    assert problem["code"] == "query"
    check(client.get("/v1/search", params={"q": "x", "k": k}), 422, "k")


@pytest.mark.parametrize("query", ["", " \t\n"])
def test_an_empty_and_a_blank_question_are_named(client, query):
    assert "query" in check(client.post("/v1/answer", json={"query": query}), 422, "query")["detail"]
    assert "query" in check(client.post("/v1/why-not", json={"query": query, "id": "d"}), 422, "query")["detail"]


def test_a_query_of_100_000_characters_is_named_and_not_sent_back(tmp_path):
    with TestClient(create_app(Engine(tmp_path), Settings(home=tmp_path))) as client:
        response = search(client, query="x" * 100_000)
        problem = check(response, 422, "query")
        assert problem["detail"].startswith("query has 100,000 characters")
        assert len(response.content) < 2000
        check(client.get("/v1/search", params={"q": "x" * 50_000}), 422, "q")


def test_unknown_keys_get_the_nearest_known_one(client):
    problem = check(search(client, querry="x"), 422)
    assert problem["detail"] == "unknown key 'querry'"
    assert problem["hint"].startswith("did you mean 'query'?")
    problem = check(client.get("/v1/search", params={"query": "x", "q": "x"}), 422)
    assert problem["detail"] == "unknown key 'query'"
    assert problem["hint"].startswith("use q;")


def test_a_key_of_the_other_method_is_explained(client):
    problem = check(client.get("/v1/search", params={"q": "x", "filters": "brand"}), 422)
    assert problem["detail"] == "unknown key 'filters'"
    assert problem["hint"] == "filters needs POST /v1/search"
    for path in ("/v1/search", "/v1/why-not", "/v1/answer"):
        problem = check(client.post(path, json={"q": "x"}), 422)
        assert problem["hint"].startswith("use query")


def test_the_deprecated_name_of_graph_is_not_listed(client):
    hint = check(search(client, query="x", zzz=1), 422)["hint"]
    assert "graph" in hint
    assert "expand" not in hint


def test_several_faults_are_all_listed(client):
    problem = check(search(client, query=5, k=0), 422, "query")
    assert [fault["parameter"] for fault in problem["errors"]] == ["query", "k"]


@pytest.mark.parametrize(
    ("body", "parameter"),
    [
        ({"query": 5}, "query"),
        ({"query": "x", "k": "10"}, "k"),
        ({"query": "x", "k": True}, "k"),
        ({"query": "x", "budget_ms": 0}, "budget_ms"),
        ({"query": "x", "offset": -1}, "offset"),
        ({"query": "x", "sources": []}, "sources"),
        ({"query": "x", "filters": ["brand"]}, "filters"),
        ({"query": "x", "profile": "../../secret"}, "profile"),
        ({"query": "x", "facets": [1]}, "facets.0"),
        ({"sort": 5}, "sort"),
        ({"sort": ["price", 5]}, "sort.1"),
    ],
)
def test_a_wrong_type_or_value_names_the_parameter(client, body, parameter):
    problem = check(search(client, **body), 422, parameter)
    assert parameter in problem["detail"]


@pytest.mark.parametrize(
    "raw", [b'{"query": "x"', b"\xff\xfe", b'{"query": "x", "budget_ms": 1e999}', b"[" * 3000, b'{"query": "\\ud800"}']
)
def test_broken_bodies_are_the_callers_fault(client, raw):
    response = client.post("/v1/search", content=raw, headers={"content-type": "application/json"})
    assert response.status_code in {400, 422}
    assert response.headers["content-type"] == "application/problem+json"
    response.json()


@pytest.mark.parametrize(
    ("raw", "says"), [(b'{"query": "x"', "body: "), (b'{"query": "\xff"}', "utf-8"), (b"[" * 3000, "recursion")]
)
def test_a_body_that_no_parser_reads_is_bad_json_with_the_reason(client, raw, says):
    problem = check(client.post("/v1/search", content=raw, headers={"content-type": "application/json"}), 400)
    assert problem["code"] == "bad_json"
    assert says in problem["detail"]


def test_a_value_of_many_digits_is_not_sent_back(client):
    response = client.post(
        "/v1/search", content=b'{"query": "x", "k": %s}' % (b"9" * 4000), headers={"content-type": "application/json"}
    )
    assert check(response, 422, "k")["detail"].startswith("k has 4,000 characters")


def test_a_body_that_is_not_declared_json_is_told_so(client):
    response = client.post("/v1/search", content=b'{"query": "x"}', headers={"content-type": "text/plain"})
    problem = check(response, 415)
    assert "content-type: application/json" in problem["hint"]


def test_a_body_without_anything_or_of_another_shape(client):
    check(client.post("/v1/search"), 422)
    check(client.post("/v1/search", json=["x"]), 422)


def test_unknown_paths_and_methods_are_problems_too(client):
    assert check(client.get("/v1/serch"), 404)["code"] == "not_found"
    response = client.delete("/v1/search")
    assert check(response, 405)["code"] == "method_not_allowed"
    assert response.headers["allow"]


def test_an_index_that_is_not_there(client):
    assert "clew build" in check(search(client, query="x"), 404)["hint"]
    check(search(client, query="x", index="../../etc"), 404)
    check(client.get("/v1/indexes/%2e%2e"), 404)


def test_a_bug_says_nothing_of_the_inside(client):
    response = client.get("/bug", headers={"x-request-id": "abc"})
    problem = check(response, 500)
    assert problem["code"] == "internal"
    assert problem["request_id"] == "abc"
    assert "secret" not in response.text
