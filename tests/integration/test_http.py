"""HTTP over a really built index: the same answers as in process, complete documentation, one shape of error."""

import dataclasses
import json

import pytest
from starlette.testclient import TestClient

import clew
from clew.api import requests, schemas
from clew.api.app import create_app
from clew.api.engine import Engine
from clew.api.settings import Settings
from clew.core.types import Contribution
from clew.search import types
from tests.builders import spec_table
from tests.eventually import eventually

FIELDS = {
    "title": {"type": "text", "weight": 2.0},
    "text": {"type": "text"},
    "brand": {"type": "keyword", "facet": True},
    "price": {"type": "number"},
}
DOCUMENTS = [
    {"id": "a/1", "title": "Oak desk lamp", "text": "A warm lamp for reading.", "brand": "Kvist", "price": 40},
    {"id": "a/2", "title": "Steel floor lamp", "text": "Bright and tall.", "brand": "Norra", "price": 90},
    {"id": "b 3", "title": "Quiet kettle", "text": "Boils quietly, keeps tea warm.", "brand": "Kvist", "price": 60},
    {"id": "灯", "title": "台灯", "text": "一盏温暖的阅读灯。", "brand": "Kvist", "price": 30},
]


@pytest.fixture(scope="module")
def home(built_home):
    return built_home(spec_table(fields=FIELDS, rerank={"model": "overlap", "budget_ms": 0}), docs=DOCUMENTS)


@pytest.fixture(scope="module")
def client(home):
    with TestClient(create_app(Engine(home), Settings(home=home))) as client:
        yield client


def search(client, **body):
    response = client.post("/v1/search", json={"query": "warm lamp"} | body)
    assert response.status_code == 200, response.text
    return response


def test_http_answers_what_the_searcher_answers(client, home):
    wanted = {"k": 3, "filters": {"brand": "Kvist"}, "facets": ["brand"], "explain": True}
    answer = search(client, **wanted).json()
    with clew.open("shop", home) as index:
        response = json.loads(json.dumps(dataclasses.asdict(index.search("warm lamp", **wanted))))
    assert answer.pop("request_id")
    assert answer.keys() == response.keys()
    for differing in (answer, response):
        assert differing.pop("timings_ms")["total"] > 0
    assert answer == response
    assert answer["hits"][0]["id"] == "a/1"
    for stage in answer["hits"][0]["why"]:
        assert sum(part["value"] for part in stage["parts"]) == pytest.approx(stage["score"], abs=1e-6)


@pytest.mark.parametrize(
    ("model", "mirrored"),
    [
        (schemas.SearchResult, types.SearchResponse),
        (schemas.Hit, types.Hit),
        (schemas.Highlight, types.Highlight),
        (schemas.StageScore, types.StageScore),
        (schemas.Contribution, Contribution),
        (schemas.Group, types.Group),
        (schemas.FacetValue, types.FacetValue),
        (schemas.Degradation, types.Degradation),
        (schemas.RerankUse, types.RerankUse),
        (schemas.WhyNotResult, types.WhyNot),
    ],
)
def test_the_wire_has_every_field_of_search(model, mirrored):
    added = {"request_id"} | ({"notes"} if mirrored is types.WhyNot else set())
    assert set(model.model_fields) - added == {field.name for field in dataclasses.fields(mirrored)}


def test_the_body_of_a_search_has_every_field_of_a_request():
    known = {field.name for field in dataclasses.fields(types.SearchRequest)}
    assert set(requests.SearchBody.model_fields) - {"index", "expand"} == known
    assert set(requests.SearchParameters.model_fields) - {"index", "expand"} <= known


def test_get_is_post_for_simple_use(client):
    simple = client.get("/v1/search", params={"index": "shop", "q": "warm lamp", "k": 2}).json()
    full = search(client, index="shop", k=2).json()
    assert simple["hits"] == full["hits"]
    for wanted in ({"rerank": False}, {"min_probability": 0.6}):
        simple = client.get("/v1/search", params={"q": "warm lamp", **wanted}).json()
        full = search(client, **wanted).json()
        assert simple["hits"] == full["hits"] != []
        assert simple["rerank"] == full["rerank"]


def test_an_empty_query_lists_and_sort_is_a_list_or_a_string(client):
    listed = client.post("/v1/search", json={"filters": {"brand": "Kvist"}, "sort": ["price:desc"]}).json()
    prices = [hit["sort_values"]["price"] for hit in listed["hits"]]
    assert prices == sorted(prices, reverse=True)
    assert listed["total"] == {"value": len(prices), "relation": "eq"}
    assert len(prices) > 1
    every = [client.post("/v1/search", json={"query": text, "sort": "brand, price"}).json() for text in ("", "*")]
    every.append(client.get("/v1/search", params={"sort": "brand,price"}).json())
    assert every[0]["hits"] == every[1]["hits"] == every[2]["hits"] != []
    problem = client.post("/v1/search", json={"sort": "prise"}).json()
    assert (problem["code"], problem["detail"]) == ("query", "sort: unknown field 'prise'")
    assert "sort" in client.post("/v1/search", json={"sort_by": "price"}).json()["hint"]


def test_hits_have_the_fields_that_are_asked_for(client):
    for names in (["brand", "pr*"], "brand,pr*"):
        assert {tuple(hit["fields"]) for hit in search(client, fields=names).json()["hits"]} == {("brand", "price")}
    simple = client.get("/v1/search", params={"q": "warm lamp", "fields": "brand,pr*"}).json()
    assert simple["hits"] == search(client, fields=["brand", "price"]).json()["hits"]
    assert {tuple(hit["fields"]) for hit in search(client, fields=[]).json()["hits"]} == {()}
    assert "title" in search(client).json()["hits"][0]["fields"]
    problem = client.post("/v1/search", json={"query": "lamp", "fields": ["tilte"]}).json()
    assert problem["detail"] == "fields: unknown field 'tilte'"


def test_reranked_hits_say_how_likely_they_are(client):
    answer = search(client, explain=True).json()
    assert answer["rerank"] == {
        "model": "overlap", "reranked": 3, "of": 3, "dropped": 0, "unjudged": 0, "stopped": "all",
    }  # fmt: skip
    best, *others = answer["hits"]
    assert (best["id"], best["scored_by"], best["why"][-1]["stage"]) == ("a/1", "rerank", "rerank")
    assert best["probability"] > 0.9 > others[0]["probability"]
    assert [hit["id"] for hit in search(client, min_probability=0.9).json()["hits"]] == ["a/1"]
    empty = search(client, min_probability=1).json()
    assert (empty["hits"], empty["rerank"]["dropped"]) == ([], 3)
    assert "nothing good" in empty["notes"][0]
    plain = search(client, rerank=False).json()
    assert plain["rerank"] is None
    assert {(hit["scored_by"], hit["probability"]) for hit in plain["hits"]} == {("fusion", None)}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"min_probability": 1.5}, "min_probability is 1.5"),
        ({"min_probability": -1}, "min_probability is -1"),
        ({"rerank": "yes"}, "rerank is 'yes'"),
        ({"rerank": False, "min_probability": 0.5}, "nothing is reranked"),
    ],
)
def test_what_cannot_be_reranked_is_a_problem_that_names_the_parameter(client, body, says):
    response = client.post("/v1/search", json={"query": "lamp"} | body)
    assert response.status_code == 422
    assert says in response.json()["detail"]


def test_headers_name_the_request_and_the_stages(client):
    response = client.post("/v1/search", json={"query": "lamp"}, headers={"x-request-id": "r-1"})
    assert response.headers["x-request-id"] == response.json()["request_id"] == "r-1"
    stages = [part.split(";dur=")[0] for part in response.headers["server-timing"].split(", ")]
    assert stages == list(response.json()["timings_ms"])
    assert {"bm25", "dense", "fusion", "rerank", "total"} <= set(stages)


def test_a_degraded_stage_is_named_and_counted(client):
    answer = search(client, budget_ms=1e-6).json()
    assert [lost["stage"] for lost in answer["degraded"]] == ["dense", "rerank"]
    assert answer["rerank"]["stopped"] == "unavailable"
    assert 'clew_degraded_total{reason="' in client.get("/metrics").text


def test_a_query_in_chinese(client):
    assert search(client, query="阅读灯", k=1).json()["hits"][0]["id"] == "灯"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"filters": {"brnd": "Sony"}}, "did you mean 'brand'?"),
        ({"filters": {"price": {"above": 3}}}, "known: "),
        ({"profile": "produkt"}, "did you mean 'product'?"),
        ({"sources": ["bm52"]}, "did you mean 'bm25'?"),
        ({"fusion": "rff"}, "did you mean 'rrf'?"),
        ({"facets": ["brands"]}, "brand"),
        ({"offset": 10_000}, "10,000"),
    ],
)
def test_a_request_the_searcher_refuses_is_a_problem_with_a_hint(client, body, says):
    response = client.post("/v1/search", json={"query": "lamp"} | body)
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert says in response.json()["hint"]


def test_filters_nested_too_deep_are_refused(client):
    filters = {"brand": "Kvist"}
    for _ in range(300):
        filters = {"must": [filters]}
    response = client.post("/v1/search", json={"query": "lamp", "filters": filters})
    assert response.status_code == 422
    assert "deep" in response.json()["detail"]


def test_an_unknown_index_offers_the_nearest(client):
    response = client.post("/v1/search", json={"query": "lamp", "index": "shpo"})
    assert response.status_code == 404
    assert response.json()["hint"].startswith("did you mean 'shop'?")
    assert client.get("/v1/indexes/shpo").status_code == 404


def test_why_not_names_the_stage(client):
    body = {"query": "warm lamp", "id": "b 3", "filters": {"price": {"lt": 50}}}
    answer = client.post("/v1/why-not", json=body).json()
    assert (answer["found"], answer["lost_at"]) == (False, "filter")
    assert client.post("/v1/why-not", json={"query": "warm lamp", "id": "a/1"}).json()["found"]
    assert client.post("/v1/why-not", json={"query": "lamp", "id": "no"}).json()["lost_at"] == "index"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document["id"])
def test_a_document_is_read_by_any_id(client, document):
    answer = client.get("/v1/documents", params={"index": "shop", "id": document["id"]}).json()
    assert answer["id"] == document["id"]
    assert answer["fields"] == {name: value for name, value in document.items() if name != "id"}
    assert answer["release"] == search(client).json()["release"]


def test_an_unknown_document_is_not_found(client):
    response = client.get("/v1/documents", params={"id": "a/9"})
    assert response.status_code == 404
    assert "'a/9'" in response.json()["detail"]


def test_an_index_tells_what_it_is(client):
    shown = client.get("/v1/indexes/shop").json()
    assert (shown["status"], shown["documents"], shown["shards"]) == ("serving", 4, 1)
    assert shown["sources"] == ["bm25", "dense"]
    assert shown["encoder"]["dim"] == 32
    assert shown["reranker"]["model"] == "overlap"
    assert shown["fields"]["title"] == {"type": "text", "weight": 2.0, "facet": False}
    assert shown["fields"]["brand"]["facet"] is True
    [listed] = client.get("/v1/indexes").json()["indexes"]
    assert listed == {name: shown[name] for name in listed}


def test_an_index_that_is_leased_but_not_listed_any_more_is_still_told(client, monkeypatch):
    assert client.get("/v1/indexes/shop").status_code == 200
    monkeypatch.setattr(Engine, "states", lambda _: [])
    assert client.get("/v1/indexes/shop").json()["status"] == "serving"


def test_it_is_ready_and_counts_what_it_does(client):
    search(client)
    eventually(lambda: client.get("/readyz").status_code == 200)
    for path in ("/readyz", "/healthz"):
        response = client.get(path)
        assert (response.status_code, response.json()["status"]) == (200, "ok")
    text = client.get("/metrics").text
    for metric in (
        'clew_search_seconds_count{index="shop"}',
        'clew_search_stage_seconds_count{stage="bm25"}',
        'clew_search_stage_seconds_count{stage="rerank"}',
        'clew_requests_total{method="POST",route="/v1/search",status="200"}',
        'clew_release_info{index="shop",',
        'clew_release_failed{index="shop"} 0.0',
    ):
        assert metric in text


def test_the_interactive_documentation_is_served_and_names_the_api(client):
    page = client.get("/docs")
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert client.get("/docs/swagger-ui-bundle.js").status_code == 200
    lost = client.get("/nowhere")
    assert lost.status_code == 404
    assert "/docs" in lost.json()["hint"]
    assert not [path for path in client.get("/openapi.json").json()["paths"] if path.startswith("/docs")]


def test_the_documentation_is_complete(client):
    api = client.get("/openapi.json").json()
    for path, operations in api["paths"].items():
        for operation in operations.values():
            assert operation["summary"], path
            assert operation["description"], path
            assert "HTTPValidationError" not in json.dumps(operation)
            for parameter in operation.get("parameters", []):
                assert parameter.get("description") or parameter["schema"].get("description"), (path, parameter["name"])
            if path.startswith("/v1"):
                assert list(operation["responses"]["422"]["content"]) == ["application/problem+json"]
    for name, model in api["components"]["schemas"].items():
        for field, schema in model.get("properties", {}).items():
            assert schema.get("description"), f"{name}.{field}"
    body = api["components"]["schemas"]["SearchBody"]
    assert body["examples"]
    assert body["properties"]["k"]["maximum"] == types.MAX_K
    assert body["properties"]["facet_limit"]["maximum"] == types.MAX_FACET_VALUES
    # A number without an upper bound can ask for more than the server has; a time limit only shortens a request.
    for name in ("SearchBody", "WhyNotBody", "AnswerBody", "LinkBody"):
        for field, schema in api["components"]["schemas"][name]["properties"].items():
            assert schema.get("type") != "integer" or "maximum" in schema, f"{name}.{field}"


@pytest.mark.parametrize("limit", [-1, types.MAX_FACET_VALUES + 1, 10**30])
def test_a_facet_limit_outside_its_range_names_the_range(client, limit):
    response = client.post("/v1/search", json={"index": "shop", "query": "lamp", "facet_limit": limit})
    assert response.status_code == 422, response.text
    assert "facet_limit" in response.text


def test_the_examples_of_the_documentation_are_accepted(client):
    schemas_shown = client.get("/openapi.json").json()["components"]["schemas"]
    for example in schemas_shown["SearchBody"]["examples"]:
        response = client.post("/v1/search", json=example | {"facets": []})
        assert response.status_code == 200, response.text
    for example in schemas_shown["WhyNotBody"]["examples"]:
        assert client.post("/v1/why-not", json=example).status_code == 200
    for example in schemas_shown["AnswerBody"]["examples"]:
        assert client.post("/v1/answer", json=example).status_code == 200
