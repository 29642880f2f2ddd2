"""HTTP over an index with a graph: what a query names and leads to, entities by id, and a store that is away."""

import dataclasses
import json
from dataclasses import replace

import pytest
from starlette.testclient import TestClient

import clew
from clew.api import graph_schemas, schemas
from clew.api.app import create_app
from clew.api.engine import Engine
from clew.api.settings import Settings
from clew.core.errors import QueryError
from clew.core.types import Deadline
from clew.kg.unavailable import UnavailableStore
from clew.search import graph_reports, types
from clew.search.assemble import open_index
from tests.builders import spec_table
from tests.eventually import eventually

# The vectors of the model that needs none say nothing, which the linker takes for a sign against, so it asks for less.
FIELDS = {"title": {"type": "text"}}
GRAPH = {
    "nodes": "nodes.jsonl",
    "edges": "edges.jsonl",
    "link": {"threshold": 0.01},
    "expand": {"relations": {"subcategory_of": "in"}},
}
ODD = 'a/b "c" 🛋\n'
DOCUMENTS = [
    {"id": "1", "title": "Bluebird with pull-out bed"},
    {"id": "2", "title": "Oak table"},
    {"id": "3", "title": "Brass lamp"},
]
NODES = [
    {"id": "c:sofas", "type": "category", "name": "Sofas", "aliases": ["couch", "settee"], "names": {"de": "Sofas"},
     "description": "Seats for two or more.", "shelf": 7},
    {"id": "c:sleepers", "type": "category", "name": "Sleeper Sofas"},
    {"id": "c:lamps", "type": "category", "name": "Lamps"},
    {"id": ODD, "type": "", "name": "Odd one"},
    *({"id": f"p:{d['id']}", "type": "product", "name": d["title"]} for d in DOCUMENTS),
]  # fmt: skip
EDGES = [
    ("c:sleepers", "subcategory_of", "c:sofas"),
    (ODD, "subcategory_of", "c:sofas"),
    ("p:1", "in_category", "c:sleepers"),
    ("p:3", "in_category", "c:lamps"),
]


@pytest.fixture(scope="module")
def home(built_home):
    edges = [dict(zip(("source", "relation", "target"), edge, strict=True)) for edge in EDGES]
    tables = [spec_table(fields=FIELDS, graph=GRAPH), spec_table("plain", fields=FIELDS, dense=False)]
    return built_home(*tables, docs=DOCUMENTS, nodes=NODES, edges=edges)


def client_of(home, opener=open_index):
    return TestClient(create_app(Engine(home, opener), Settings(home=home)))


@pytest.fixture(scope="module")
def client(home):
    with client_of(home) as client:
        yield client


@pytest.fixture(scope="module")
def lonely(home):
    """A server whose graphs have a store that cannot be reached."""

    def opener(home, name):
        searcher = open_index(home, name)
        if searcher.graph_retriever is None:
            return searcher
        return replace(
            searcher,
            graph_retriever=replace(searcher.graph_retriever, store=UnavailableStore("cannot reach bolt://graph")),
        )

    with client_of(home, opener) as client:
        yield client


def search(client, **body):
    response = client.post("/v1/search", json={"index": "shop", "query": "couch"} | body)
    assert response.status_code == 200, response.text
    return response.json()


def problem(response, status):
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    return response.json()


def test_an_alias_leads_to_a_subcategory_and_the_path_says_so(client):
    answer = search(client, graph="on", explain=True)
    assert answer["hits"][0]["id"] == "1"
    [stage] = [stage for stage in answer["hits"][0]["why"] if stage["stage"] == "graph"]
    [part] = stage["parts"]
    assert part["what"] == "couch → alias of Sofas → subcategory Sleeper Sofas → category of"
    graph = answer["graph"]
    assert (graph["used"], graph["reason"], graph["probability"]) == (True, "asked for", None)
    [entity] = graph["entities"]
    assert (entity["id"], entity["name"], entity["type"]) == ("c:sofas", "Sofas", "category")
    assert (entity["text"], entity["start"], entity["end"]) == ("couch", 0, 5)


def test_the_graph_can_be_left_out_and_the_gate_is_asked_by_default(client):
    assert search(client, graph="off")["graph"] is None
    decided = search(client, explain=True)["graph"]
    assert 0 < decided["probability"] < 1
    assert "gate" in decided["reason"]
    assert {part["what"] for part in decided["parts"]} >= {"bias", "link probability"}
    assert search(client)["graph"]["parts"] == []
    assert search(client, query="oak table")["graph"]["entities"] == []


def test_a_url_takes_graph_too(client):
    shown = client.get("/v1/search", params={"index": "shop", "q": "couch", "graph": "on"}).json()
    assert shown["hits"] == search(client, graph="on")["hits"]
    assert client.get("/v1/search", params={"index": "shop", "q": "couch", "graph": "off"}).json()["graph"] is None


def test_http_says_of_the_graph_what_python_says(client, home):
    with clew.open("shop", home) as index:
        response = index.search("couch", graph="on", explain=True)
        report = index.link("a couch beside a lamp", trace=True)
        entity = graph_reports.describe(index.searcher, "c:sofas")
    assert search(client, graph="on", explain=True)["graph"] == json.loads(
        json.dumps(dataclasses.asdict(response.graph))
    )
    answer = client.post("/v1/link", json={"index": "shop", "text": "a couch beside a lamp", "trace": True}).json()
    shown = client.get("/v1/entities", params={"index": "shop", "id": "c:sofas"}).json()
    assert shown.pop("ties") == shown["relations"]  # the old name
    schema = client.get("/openapi.json").json()["components"]["schemas"]["EntityResult"]["properties"]
    assert schema["ties"]["deprecated"] is True
    for given, wanted in ((answer, report), (shown, entity)):
        assert given.pop("request_id")
        assert (given.pop("index"), given.pop("release")) == ("shop", "r1")
        assert given == json.loads(json.dumps(dataclasses.asdict(wanted)))


@pytest.mark.parametrize(
    ("model", "mirrored"),
    [
        (schemas.GraphUse, types.GraphUse),
        (schemas.LinkedEntity, types.LinkedEntity),
        (graph_schemas.LinkResult, graph_reports.LinkReport),
        (graph_schemas.EntityCandidate, graph_reports.EntityCandidate),
        (graph_schemas.EntityResult, graph_reports.EntityReport),
        (graph_schemas.EntityRelation, graph_reports.EntityRelation),
        (graph_schemas.NamedEntity, graph_reports.NamedEntity),
    ],
)
def test_the_wire_has_every_field_of_the_graph(model, mirrored):
    added = {"request_id", "index", "release"}
    assert set(model.model_fields) - added == {field.name for field in dataclasses.fields(mirrored)}


def test_link_names_what_is_meant_and_why_the_rest_is_not(client):
    answer = client.post("/v1/link", json={"index": "shop", "text": "Settee"}).json()
    assert [(m["text"], m["id"]) for m in answer["mentions"]] == [("Settee", "c:sofas")]
    assert (answer["graph"], answer["candidates"]) == ("shop", [])
    text = "sleeper sofas"
    traced = client.post("/v1/link", json={"index": "shop", "text": text, "trace": True}).json()
    by_id = {candidate["id"]: candidate for candidate in traced["candidates"]}
    assert traced["considered"] == len(traced["candidates"]) == 2
    assert (by_id["c:sleepers"]["dropped"], by_id["c:sleepers"]["text"]) == ("", text)
    assert by_id["c:sofas"]["dropped"]
    assert by_id["c:sleepers"]["features"]["two words"] == 1
    assert 0 not in by_id["c:sofas"]["features"].values()
    assert client.post("/v1/link", json={"index": "shop", "text": "xylophone"}).json()["mentions"] == []


def test_an_entity_is_shown_with_what_lies_around_it(client):
    answer = client.get("/v1/entities", params={"index": "shop", "id": "c:sofas"}).json()
    assert (answer["name"], answer["aliases"], answer["names"]) == ("Sofas", ["couch", "settee"], {"de": "Sofas"})
    assert (answer["description"], answer["properties"]) == ("Seats for two or more.", {"shelf": 7})
    assert (answer["degree"], answer["degraded"]) == (2, [])
    assert answer["ties"] == answer["relations"]  # the old name
    [tie] = answer["relations"]
    assert (tie["relation"], tie["said"], tie["outgoing"], tie["count"]) == ("subcategory_of", "subcategory", False, 2)
    assert [(e["id"], e["name"]) for e in tie["entities"]] == [(ODD, "Odd one"), ("c:sleepers", "Sleeper Sofas")]
    few = client.get("/v1/entities", params={"index": "shop", "id": "c:sofas", "limit": 1}).json()["relations"]
    assert [(tie["count"], len(tie["entities"])) for tie in few] == [(2, 1)]


@pytest.mark.parametrize("name", [node["id"] for node in NODES])
def test_every_entity_is_found_by_its_id_and_its_edges_are_counted(client, name):
    answer = client.get("/v1/entities", params={"index": "shop", "id": name}).json()
    assert answer["id"] == name
    assert (
        sum(tie["count"] for tie in answer["relations"]) == answer["degree"] == sum(name in (s, t) for s, _, t in EDGES)
    )


@pytest.mark.parametrize("name", ["c:sofa", "C:SOFAS", "../c:sofas", "c:sofas'", '"', "🛋", "%00", "\0", "x" * 2_000])
def test_an_unknown_id_is_a_404_that_names_it_in_short(client, name):
    told = problem(client.get("/v1/entities", params={"index": "shop", "id": name}), 404)
    assert (told["code"], "no entity" in told["detail"]) == ("not_found", True)
    assert len(told["detail"]) < 200


@pytest.mark.parametrize(
    ("parameters", "names"),
    [
        ({"id": "x" * 50_000}, "id"),
        ({"id": ""}, "id"),
        ({}, "id"),
        ({"id": "c:sofas", "limit": 0}, "limit"),
        ({"id": "c:sofas", "limit": 100_000}, "limit"),
        ({"id": "c:sofas", "budget_ms": -1}, "budget_ms"),
    ],
)
def test_what_cannot_be_an_entity_is_refused(client, parameters, names):
    told = problem(client.get("/v1/entities", params={"index": "shop"} | parameters), 422)
    assert told["parameter"] == names
    assert len(told["detail"]) < 200


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ({"text": ""}, "text"),
        ({"text": " \n"}, "text"),
        ({"text": "x" * 1_000_000}, "text"),
        ({}, "text"),
        ({"text": 3}, "text"),
        ({"text": "couch", "trace": "yes"}, "trace"),
        ({"text": "couch", "tarce": True}, None),
    ],
)
def test_what_cannot_be_linked_is_refused(client, body, names):
    told = problem(client.post("/v1/link", json={"index": "shop"} | body), 422)
    if names:
        assert told["parameter"] == names
    else:
        assert "did you mean 'trace'?" in told["hint"]


def test_texts_of_any_kind_are_linked(client):
    for text in ("🛋" * 5_000, "\0couch\0", "couch" + "́" * 200, "' OR 1=1 --", "couch " * 1_600):
        answer = client.post("/v1/link", json={"index": "shop", "text": text, "trace": True})
        assert answer.status_code == 200, text[:20]
        assert len(answer.json()["candidates"]) <= graph_reports.MOST_CANDIDATES


def test_a_graph_option_that_is_not_off_auto_or_on_is_refused(client):
    for response in (
        client.post("/v1/search", json={"index": "shop", "query": "couch", "graph": "maybe"}),
        client.get("/v1/search", params={"index": "shop", "q": "couch", "graph": "maybe"}),
    ):
        told = problem(response, 422)
        assert (told["parameter"], "'auto'" in told["detail"]) == ("graph", True)


def test_the_old_name_of_the_graph_option_works_and_a_note_says_so(client):
    told = "expand is now called graph; the next release drops the old name"
    body = {"index": "shop", "query": "couch"}
    new, old = (client.post("/v1/search", json=body | {name: "on"}).json() for name in ("graph", "expand"))
    assert new["hits"] == old["hits"]
    assert told in old["notes"]
    assert told not in new["notes"]
    simple = client.get("/v1/search", params={"index": "shop", "q": "couch", "expand": "off"}).json()
    assert simple["graph"] is None
    assert told in simple["notes"]
    assert told in client.post("/v1/why-not", json=body | {"id": "1", "expand": "on"}).json()["notes"]
    assert told in client.post("/v1/answer", json=body | {"expand": "on"}).json()["notes"]


def test_both_names_of_the_graph_option_are_refused(client):
    for response in (
        client.post("/v1/search", json={"index": "shop", "query": "couch", "graph": "auto", "expand": "auto"}),
        client.get("/v1/search", params={"index": "shop", "q": "couch", "graph": "on", "expand": "on"}),
    ):
        told = problem(response, 422)
        assert told["detail"] == "graph and expand are both given"
        assert "old name" in told["hint"]


def test_python_takes_the_old_name_of_the_graph_option_with_a_warning(home):
    with clew.open("shop", home) as index:
        new = index.search("couch", graph="on")
        for ask in (index.search, index.answer):
            with pytest.warns(DeprecationWarning, match="expand is now called graph") as caught:
                ask("couch", expand="on")
            assert caught[0].filename == __file__
        with pytest.warns(DeprecationWarning, match="now called graph"):
            assert index.search("couch", expand="on").hits == new.hits
        with pytest.raises(QueryError, match="graph and expand are both given"):
            index.search("couch", graph="on", expand="off")


def test_an_index_without_a_graph_says_so(client):
    for response in (
        client.post("/v1/search", json={"index": "plain", "query": "oak", "graph": "on"}),
        client.post("/v1/link", json={"index": "plain", "text": "couch"}),
        client.get("/v1/entities", params={"index": "plain", "id": "c:sofas"}),
    ):
        told = problem(response, 422)
        assert "no graph" in told["detail"]
        assert "[graph]" in told["hint"]
    assert search(client, index="plain", query="oak")["graph"] is None
    assert client.get("/v1/indexes/plain").json()["graph"] is None


def test_an_unknown_index_offers_the_nearest(client):
    for response in (
        client.post("/v1/link", json={"index": "shpo", "text": "couch"}),
        client.get("/v1/entities", params={"index": "shpo", "id": "c:sofas"}),
    ):
        assert problem(response, 404)["hint"].startswith("did you mean 'shop'?")


def test_health_and_the_list_show_the_graph(client):
    search(client, graph="on")
    shown = client.get("/v1/indexes/shop").json()["graph"]
    assert shown == {
        "name": "shop", "snapshot": shown["snapshot"], "store": "networkx", "entities": len(NODES),
        "edges": len(EDGES), "answers": True, "problem": None,
    }  # fmt: skip
    health = client.get("/healthz").json()
    assert (health["status"], [i["graph"] for i in health["indexes"] if i["name"] == "shop"]) == ("ok", [shown])


def test_what_is_decided_about_the_graph_is_counted(home):
    with client_of(home) as client:
        for body in ({"graph": "on"}, {"graph": "off"}, {}, {"query": "oak table"}):
            search(client, **body)
        used = search(client)["graph"]["used"]
        text = client.get("/metrics").text
    assert 'clew_graph_decisions_total{decision="asked",index="shop"} 1.0' in text
    assert 'clew_graph_decisions_total{decision="nothing_named",index="shop"} 1.0' in text
    assert f'clew_graph_decisions_total{{decision="{"opened" if used else "closed"}",index="shop"}} 2.0' in text
    assert f'clew_graph_used_total{{index="shop"}} {1.0 + 2 * used}' in text
    assert 'clew_graph_answers{index="shop",store="networkx"} 1.0' in text


def test_without_its_store_a_search_goes_on_and_says_so(lonely):
    answer = search(lonely, query="couch lamp", graph="on")
    assert [(lost["stage"], lost["reason"]) for lost in answer["degraded"]] == [("graph", "cannot reach bolt://graph")]
    assert (answer["hits"][0]["id"], answer["graph"]) == ("3", None)
    health = lonely.get("/healthz")
    assert (health.status_code, health.json()["status"]) == (200, "degraded")
    [graph] = [index["graph"] for index in health.json()["indexes"] if index["name"] == "shop"]
    assert (graph["answers"], graph["problem"]) == (False, "cannot reach bolt://graph")
    # The home has other indexes, which may still be opened.
    eventually(lambda: lonely.get("/readyz").status_code == 200)
    text = lonely.get("/metrics").text
    assert 'clew_degraded_total{reason="cannot reach bolt",stage="graph"}' in text
    assert 'clew_graph_answers{index="shop",store="networkx"} 0.0' in text


def test_without_its_store_entities_come_from_the_snapshot(client, lonely):
    for node in NODES:
        asked = {"index": "shop", "id": node["id"]}
        whole, poor = (which.get("/v1/entities", params=asked).json() for which in (client, lonely))
        assert [lost["reason"] for lost in poor["degraded"]] == ["cannot reach bolt://graph"]
        for answer in (whole, poor):
            answer.pop("request_id"), answer.pop("degraded")
        assert poor == whole
    assert lonely.post("/v1/link", json={"index": "shop", "text": "couch"}).json()["mentions"]


def test_a_budget_that_is_used_up_leaves_the_graph_out(client, home):
    degraded = search(client, budget_ms=1e-6, graph="on")["degraded"]
    assert "graph" in [lost["stage"] for lost in degraded]
    answer = client.get("/v1/entities", params={"index": "shop", "id": "c:sofas", "budget_ms": 1e-6}).json()
    assert [lost["stage"] for lost in answer["degraded"]] == ["graph"]
    with clew.open("shop", home) as index:
        late = graph_reports.describe(index.searcher, "c:sofas", deadline=Deadline(0.0))
        assert replace(late, degraded=()) == graph_reports.describe(index.searcher, "c:sofas")


def test_why_not_takes_graph(client):
    body = {"index": "shop", "query": "couch", "id": "1", "graph": "on"}
    answer = client.post("/v1/why-not", json=body).json()
    assert answer["found"]
    assert "graph" in [stage["stage"] for stage in answer["stages"]]


def test_the_examples_of_the_documentation_are_accepted(client):
    shown = client.get("/openapi.json").json()
    for example in shown["components"]["schemas"]["LinkBody"]["examples"]:
        assert client.post("/v1/link", json=example).status_code == 200
    parameters = {p["name"]: p for p in shown["paths"]["/v1/entities"]["get"]["parameters"]}
    assert set(parameters) == {"index", "id", "limit", "budget_ms"}
