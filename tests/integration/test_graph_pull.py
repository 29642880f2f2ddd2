"""A database that others keep: pulled as a snapshot, and compared with it later."""

import json
import secrets
from dataclasses import replace
from pathlib import Path

import pytest
from neo4j import GraphDatabase
from typer import Typer
from typer.testing import CliRunner

from clew.core.errors import DataError, NotFoundError, StageUnavailable, UsageError
from clew.core.types import Deadline
from clew.indexer.commands import graph_pull
from clew.indexer.graphs.pull import pull
from clew.kg.drift import drift
from clew.kg.neo4j_store import Neo4jStore
from clew.kg.networkx_store import NetworkxStore
from clew.kg.snapshot import Snapshot, find_snapshot
from clew.kg.spec import LabelSpec, Neo4jSpec, pulled
from clew.kg.types import Entity, Walk

pytestmark = pytest.mark.slow


@pytest.fixture
def run(neo4j_server):
    with GraphDatabase.driver(neo4j_server.uri, auth=(neo4j_server.user, neo4j_server.password)) as driver:
        yield driver.execute_query


@pytest.fixture
def spec(neo4j_server, run, monkeypatch):
    """A database of films and people, under labels of its own."""
    token = secrets.token_hex(6)
    film, person = f"Film {token}", f"Person {token}"
    run(
        f"CREATE (f:`{film}` {{no: 1, title: 'Metropolis', zh: '大都会', year: 1927}}),"
        f"(g:`{film}` {{no: 2, title: 'M'}}),"
        f"(p:`{person}` {{no: 'p', title: 'Fritz Lang', aka: ['Lang']}}),"
        "(p)-[:DIRECTED]->(f), (p)-[:DIRECTED]->(g), (p)-[:DIRECTED]->(g), (p)-[:WROTE]->(f)"
    )
    monkeypatch.setenv("FILMS_PASSWORD", neo4j_server.password)
    return Neo4jSpec(
        neo4j_server.uri, user=neo4j_server.user, password_env="FILMS_PASSWORD", labels=[film, person], id="no",
        name="title", aliases=["aka"], names={"zh": "zh"},
    )  # fmt: skip


def opened(home, name="films"):
    return Snapshot.open(find_snapshot(home, name))


def test_a_snapshot_holds_what_the_database_holds(spec, tmp_path):
    report = pull(tmp_path, "films", spec, licence="CC0")
    assert (report.status, report.entities, report.edges, report.rejected) == ("loaded", 3, 3, 0)
    assert report.relations == {"DIRECTED": 2, "WROTE": 1}
    snapshot, store = opened(tmp_path), Neo4jStore(spec)
    memory = NetworkxStore.open(snapshot.folder)
    assert snapshot.entities(["1"]) == [
        Entity("1", spec.labels[0], "Metropolis", names={"zh": "大都会"}, properties={"year": 1927})
    ]
    assert list(store.all_entities()) == list(memory.all_entities())
    assert list(store.all_edges()) == list(memory.all_edges())
    assert memory.neighbourhood(["p"], Walk(), Deadline()).nodes == ("p", "1", "2")
    assert not drift(snapshot, store, Deadline()).found
    store.close()
    assert pull(tmp_path, "films", spec).status == "unchanged"


def test_the_relations_found_are_the_ones_that_count(spec, tmp_path, run):
    pull(tmp_path, "films", spec)
    fixed = pulled(opened(tmp_path).manifest.lineage)
    assert fixed == replace(spec, relations=["DIRECTED", "WROTE"])
    run(f"MATCH (p:`{spec.labels[1]}`), (f:`{spec.labels[0]}`) CREATE (p)-[:HATED]->(f)")
    store = Neo4jStore(fixed)
    assert store.neighbourhood(["p"], Walk(), Deadline()).relations == ("DIRECTED", "WROTE")
    store.close()
    assert pulled({"edges.jsonl": "0a1b"}) is None


def test_drift_says_what_changed(spec, tmp_path, run):
    pull(tmp_path, "films", spec)
    film, person = spec.labels
    run(f"MATCH (f:`{film}` {{no: 2}}) DETACH DELETE f")
    run(f"MATCH (f:`{film}` {{no: 1}}) SET f.year = 1926")
    run(f"MATCH (p:`{person}`) CREATE (p)-[:DIRECTED]->(:`{film}` {{no: 3}}), (:`{person}` {{no: 'q'}})")
    store = Neo4jStore(spec)
    found = drift(opened(tmp_path), store, Deadline())
    store.close()
    assert (found.entities, found.edges) == ((3, 4), (3, 3))
    assert found.types == {person: (1, 2)}
    assert found.relations == {}
    assert (found.gone, found.changed) == (("2",), ("1",))


def test_nodes_that_cannot_be_entities(spec, tmp_path, run):
    film, person = spec.labels
    run(
        f"CREATE (:`{film}`), (:`{film}` {{title: 'no number'}}),"
        f"(:`{person}` {{no: [1, 2]}}), (:`{person}` {{no: '1'}})"
    )
    with pytest.raises(DataError, match=f"2 node.*'{film}' have no property 'no'"):
        pull(tmp_path, "films", spec)
    report = pull(tmp_path, "films", spec, skip_bad=True)
    assert (report.entities, report.rejected) == (3, 4)
    reasons = [json.loads(line)["reason"] for line in Path(report.rejects).read_text().splitlines()]
    assert len(reasons) == 3
    assert any("[1, 2]" in reason and person in reason for reason in reasons)
    assert any(reason.startswith("2 nodes") and "have the same 'no'" in reason for reason in reasons)


def test_what_cannot_be_pulled(spec, tmp_path, run):
    with pytest.raises(UsageError, match="no label"):
        pull(tmp_path, "films", replace(spec, labels=[]))
    with pytest.raises(NotFoundError):
        pull(tmp_path, "../films", spec)
    with pytest.raises(StageUnavailable, match="cannot reach"):
        pull(tmp_path, "films", replace(spec, uri="bolt://127.0.0.1:1"))
    run(f"MATCH (p:`{spec.labels[1]}`) CREATE (p)-[:`odd``type`]->(p)")
    with pytest.raises(DataError, match="cannot be quoted"):
        pull(tmp_path, "films", spec)
    assert pull(tmp_path, "films", replace(spec, relations=["WROTE"])).relations == {"WROTE": 1}


def test_what_does_not_exist_is_named_with_what_does(spec, tmp_path):
    film, person = spec.labels
    for wrong, said, hint in (
        ({"labels": [film, person + "s"]}, f"there is no label '{person}s'", f"did you mean '{person}'?"),
        ({"relations": ["DIRECTEED"]}, "there is no relationship type 'DIRECTEED'", "did you mean 'DIRECTED'?"),
        ({"nodes": {film: LabelSpec(name="aka")}}, "'aka', which is mapped as name", "known: no, title, year, zh"),
        ({"name": "titel"}, "has the property 'titel', which is mapped as name", "did you mean 'title'?"),
        ({"aliases": ["akas"]}, "'akas', which is mapped as alias", "did you mean 'aka'?"),
        ({"names": {"de": "zhh"}}, "'zhh', which is mapped as name in de", "did you mean 'zh'?"),
        ({"description": "years"}, "'years', which is mapped as description", "did you mean 'year'?"),
        ({"id": "n"}, "'n', which is mapped as id", "did you mean 'no'?"),
    ):
        with pytest.raises(DataError) as failed:
            pull(tmp_path, "films", replace(spec, **wrong))
        assert said in failed.value.message
        assert hint in (failed.value.hint or "")


def test_a_relation_that_joins_no_two_entities_pulls_no_others(spec, tmp_path):
    alone = replace(spec, labels=spec.labels[1:], relations=["DIRECTED"], names={})
    report = pull(tmp_path, "people", alone)
    assert (report.entities, report.edges) == (1, 0)
    assert report.notices == [f"no relationship of type 'DIRECTED' joins two nodes with the labels '{spec.labels[1]}'"]
    assert pulled(opened(tmp_path, "people").manifest.lineage) == alone
    [notice] = pull(tmp_path, "alone", replace(alone, relations=[])).notices
    assert notice.endswith("the graph has no edges")


def test_from_the_command_line(spec, tmp_path, run):
    app = Typer()
    app.command()(graph_pull.pull)
    app.command()(graph_pull.drift)
    common = ["films", "--home", str(tmp_path)]
    mapping = ["--uri", spec.uri, "--user", spec.user, "--password-env", "FILMS_PASSWORD", "--id", "no"]
    mapping += [word for label in spec.labels for word in ("--label", label)]
    mapping += ["--called", "title", "--alias", "aka", "--translated", "zh=zh"]
    done = CliRunner().invoke(app, ["pull", *common, *mapping])
    assert done.exit_code == 0, done.output
    assert "3 entities of 2 types, 3 edges" in done.output
    assert pulled(opened(tmp_path).manifest.lineage) == replace(spec, relations=["DIRECTED", "WROTE"])

    done = CliRunner().invoke(app, ["drift", *common, "--json"])
    assert (json.loads(done.stdout)["drifted"], done.exit_code) == (False, 0)
    run(f"MATCH (f:`{spec.labels[0]}` {{no: 2}}) DETACH DELETE f")
    done = CliRunner().invoke(app, ["drift", *common])
    assert done.exit_code == 1
    assert "1 of 3 sampled entities are gone: 2" in done.output
    assert "relation DIRECTED: 2 in the snapshot, 1 on the server" in done.output


def test_drift_of_a_graph_that_was_loaded_from_files(neo4j_server, tmp_path, monkeypatch):
    from clew.indexer.graphs.load import load

    monkeypatch.setenv("NEO4J_PASSWORD", neo4j_server.password)
    (tmp_path / "nodes.jsonl").write_text('{"id": "a", "name": "A"}\n{"id": "b"}\n')
    (tmp_path / "edges.jsonl").write_text('{"source": "a", "relation": "r", "target": "b"}\n')
    server = Neo4jSpec(neo4j_server.uri, user=neo4j_server.user)
    report = load(tmp_path, "g", str(tmp_path / "nodes.jsonl"), str(tmp_path / "edges.jsonl"), neo4j=server)
    app = Typer()
    app.command("drift")(graph_pull.drift)
    asked = ["g", "--home", str(tmp_path)]
    failed = CliRunner().invoke(app, asked)
    assert isinstance(failed.exception, UsageError)
    done = CliRunner().invoke(app, [*asked, "--uri", neo4j_server.uri, "--user", neo4j_server.user])
    assert f"g: the server holds what is in snapshot {report.id}" in done.output


# In the shapes of the public example databases: no ids at all, and an id and a name of its own for each label.
MOVIES = (
    "CREATE (m:`Movie X` {title: 'The Lantern', released: 1999, tagline: 'Light falls.'}),"
    "(n:`Movie X` {title: 'Slow Harbour', released: 2003}),"
    "(a:`Person X` {name: 'Ada Quillson', born: 1964}), (b:`Person X` {name: 'Bram Holt', born: 1967}),"
    "(a)-[:ACTED_IN {roles: ['Nia']}]->(m), (b)-[:DIRECTED]->(m), (b)-[:DIRECTED]->(n), (b)-[:FOLLOWS]->(a)"
)
NORTHWIND = (
    "CREATE (p:`Product X` {productID: '1', productName: 'Chai', unitPrice: 18.0}),"
    "(c:`Category X` {categoryID: '1', categoryName: 'Beverages', description: 'Teas and beers'}),"
    "(s:`Supplier X` {supplierID: '1', companyName: 'Exotic Liquids'}),"
    "(k:`Customer X` {customerID: 'ALFKI', companyName: 'Alfreds Futterkiste'}),"
    "(o:`Order X` {orderID: '10248', shipCity: 'Reims'}),"
    "(p)-[:PART_OF]->(c), (s)-[:SUPPLIES]->(p), (k)-[:PURCHASED]->(o), (o)-[:ORDERS {quantity: 12}]->(p)"
)


def described(token, text):
    return text.replace(" X`", f" {token}`")


@pytest.fixture
def pulling(neo4j_server, run, monkeypatch, tmp_path):
    """Creates a database and pulls it with the given options; returns the output and the snapshot."""
    monkeypatch.setenv("FILMS_PASSWORD", neo4j_server.password)
    token = secrets.token_hex(6)

    def pull_it(script, labels, *options):
        run(described(token, script))
        app = Typer()
        app.command()(graph_pull.pull)
        app.command()(graph_pull.drift)
        asked = ["pull", "g", "--home", str(tmp_path), "--uri", neo4j_server.uri, "--user", neo4j_server.user]
        asked += ["--password-env", "FILMS_PASSWORD", *(w for name in labels for w in ("--label", f"{name} {token}"))]
        asked += [option.replace(" X=", f" {token}=") for option in options]
        done = CliRunner().invoke(app, asked)
        assert done.exit_code == 0, (done.output, done.exception)
        assert CliRunner().invoke(app, ["drift", "g", "--home", str(tmp_path)]).exit_code == 0
        return token, done.output, opened(tmp_path, "g")

    return pull_it


def test_movies_are_mapped_whole_by_element_ids(pulling):
    token, output, snapshot = pulling(MOVIES, ["Movie", "Person"], "--called", "Movie X=title", "--description",
                                      "Movie X=tagline")  # fmt: skip
    assert "4 entities of 2 types, 4 edges" in output
    assert f"no node with the label 'Movie {token}' has the property 'id': element ids are used" in output
    named = {entity.name: entity for entity in snapshot.all_entities()}
    assert set(named) == {"The Lantern", "Slow Harbour", "Ada Quillson", "Bram Holt"}
    film = named["The Lantern"]
    assert (film.type, film.description, film.properties) == (f"Movie {token}", "Light falls.", {"released": 1999})
    store, memory = Neo4jStore(pulled(snapshot.manifest.lineage)), NetworkxStore.open(snapshot.folder)
    for name in (film.id, named["Bram Holt"].id):
        here, there = (one.neighbourhood([name], Walk(hops=2), Deadline()) for one in (memory, store))
        assert (here.nodes, here.relations, here.degrees.tolist()) == (
            there.nodes, there.relations, there.degrees.tolist()
        )  # fmt: skip
    assert store.entities([film.id, "4:nonsense:1", "x"], Deadline()) == [film, None, None]
    store.close()
    snapshot.close()


def test_northwind_is_mapped_whole_with_an_id_of_each_label(pulling, run, neo4j_server):
    keys = {"Product": ("productID", "productName"), "Category": ("categoryID", "categoryName"),
            "Supplier": ("supplierID", "companyName"), "Customer": ("customerID", "companyName")}  # fmt: skip
    options = [f"--id={label} X={id_}" for label, (id_, _) in keys.items()]
    options += [f"--called={label} X={name}" for label, (_, name) in keys.items()]
    options += ["--id=Order X=orderID", "--called=Order X=", "--description=Category X=description"]
    token, output, snapshot = pulling(NORTHWIND, [*keys, "Order"], *options)
    assert "5 entities of 5 types, 4 edges" in output
    assert f"Order {token}" in output  # its nodes have no name
    ids = {f"{label} {token}:1" for label in ("Product", "Category", "Supplier")}
    assert ids | {f"Customer {token}:ALFKI", f"Order {token}:10248"} == {e.id for e in snapshot.all_entities()}
    [category] = snapshot.entities([f"Category {token}:1"])
    assert (category.name, category.description) == ("Beverages", "Teas and beers")
    # One edge is turned into another, so that no count changes.
    run(
        f"MATCH (s:`Supplier {token}`)-[r:SUPPLIES]->() MATCH (c:`Category {token}`) DELETE r "
        "CREATE (s)-[:SUPPLIES]->(c)"
    )
    store = Neo4jStore(pulled(snapshot.manifest.lineage))
    found = drift(snapshot, store, Deadline())
    assert (found.edges, found.relations, found.lost, found.added, found.found) == ((4, 4), {}, 1, 1, True)
    assert {edge.target for edge in found.some} == {f"Category {token}:1", f"Product {token}:1"}
    assert not drift(snapshot, store, Deadline(), edges=False).found
    store.close()
    snapshot.close()
