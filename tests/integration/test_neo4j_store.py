"""The graph in Neo4j beside what every store promises: databases of others, what the server sees, what it may do."""

import logging
import random
import secrets

import numpy as np
import pytest
from neo4j import GraphDatabase
from neo4j.exceptions import ClientError

from clew.core.errors import DataError, UsageError
from clew.core.types import Deadline
from clew.kg.neo4j_store import Neo4jStore
from clew.kg.networkx_store import NetworkxStore
from clew.kg.spec import Neo4jSpec
from clew.kg.types import Edge, Entity, GraphCounts, Walk

pytestmark = pytest.mark.slow

ANY = Deadline()
TABLE = ("nodes", "hops", "degrees", "relations", "near", "relation", "outgoing", "far", "fans")


@pytest.fixture
def run(neo4j_server):
    """Runs a statement as whoever owns the database; gives its plan."""
    with GraphDatabase.driver(neo4j_server.uri, auth=(neo4j_server.user, neo4j_server.password)) as driver:
        yield lambda text, **parameters: driver.execute_query(text, parameters).summary.plan


@pytest.fixture
def stores(neo4j_server, monkeypatch):
    """Opens stores and closes them."""
    opened = []
    monkeypatch.setenv("NEO4J_PASSWORD", neo4j_server.password)

    def open_(label="", **spec):
        store = Neo4jStore(Neo4jSpec(neo4j_server.uri, user=neo4j_server.user, **spec), label, longest_ms=30_000)
        opened.append(store)
        return store

    yield open_
    for store in opened:
        store.close()


@pytest.fixture
def word():
    """Makes a name that no other test has."""
    return f"T{secrets.token_hex(6)}"


def same(one, other):
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in TABLE)


# ---------------------------------------------------------------- what Clew loaded


def test_two_graphs_side_by_side(stores, word):
    old, new = stores(f"{word}_old"), stores(f"{word}_new")
    old.write([Entity("a", name="old"), Entity("b")], [Edge("a", "r", "b"), Edge("a", "gone", "b")])
    new.write([Entity("a", name="new"), Entity("c")], [Edge("a", "r", "c")])
    assert [old.neighbourhood(["a"], Walk(), ANY).nodes, new.neighbourhood(["a"], Walk(), ANY).nodes] == [
        ("a", "b"),
        ("a", "c"),
    ]
    assert [entity.name for entity in old.entities(["a"], ANY) + new.entities(["a"], ANY)] == ["old", "new"]
    assert new.count(ANY) == GraphCounts(2, 1, {"r": 1}, {"": 2})
    with pytest.raises(DataError, match="'b'"):
        new.write([], [Edge("a", "r", "b")])


def test_edges_with_an_unknown_end_are_named_and_leave_their_batch_unwritten(stores, word):
    store = stores(word)
    with pytest.raises(DataError, match=r"Edge\(source='b', relation='r', target='nobody'\)"):
        store.write([Entity("a"), Entity("b")], [Edge("a", "r", "b"), Edge("b", "r", "nobody")])
    assert list(store.all_edges()) == []


@pytest.mark.parametrize("relation", ["", "a\0b"])
def test_a_relation_that_neo4j_cannot_keep(stores, word, relation):
    with pytest.raises(DataError, match="relation"):
        stores(word).write([Entity("a")], [Edge("a", relation, "a")])


def test_half_a_surrogate_pair_names_nothing_and_cannot_be_written(stores, word):
    store = stores(word)
    store.write([Entity("a")], [])
    assert store.entities(["\ud800", "a"], ANY) == [None, Entity("a")]
    assert store.neighbourhood(["\ud800", "a"], Walk(), ANY).nodes == ("a",)
    with pytest.raises(DataError, match="Unicode"):
        store.write([Entity("b", name="\ud800")], [])
    assert store.entities(["a"], ANY) == [Entity("a")]


def test_labels_that_end_the_quoting_are_refused(stores):
    for label in ("a`b", "a\\u0060b", "", "x" * 300):
        with pytest.raises(UsageError):
            stores(label)


def test_a_neighbourhood_is_one_statement(stores, word, caplog):
    store = stores(word)
    store.write([Entity(f"n{at}") for at in range(9)], [Edge(f"n{at}", "r", f"n{at + 1}") for at in range(8)])
    store.neighbourhood(["n0"], Walk(), ANY)
    for hops in (1, 2, 3):
        caplog.clear()
        with caplog.at_level(logging.DEBUG, "neo4j.io"):
            found = store.neighbourhood(["n4", "n0"], Walk(hops=hops), ANY)
        sent = [record.getMessage().partition("C: ")[2].split()[0] for record in caplog.records if "C: " in record.msg]
        assert found.hops.max() == hops
        assert [message for message in sent if message != "RESET"] == ["RUN", "PULL"]
        assert sent.count("RUN") == 1


def test_nothing_can_be_written_on_the_way_of_a_question(stores, word, run):
    store = stores(word)
    store.write([Entity("a")], [])
    for text in (f"MATCH (n:{word}) DETACH DELETE n", f"CREATE (n:{word})", f"MATCH (n:{word}) SET n.name = 'x'"):
        with pytest.raises(ClientError, match="read access mode"):
            store._read(text, {}, ANY)
        with pytest.raises(ClientError, match="read access mode"):
            list(store._stream(text))
    assert list(store.all_entities()) == [Entity("a")]


def test_all_is_read_page_by_page(stores, word):
    store = stores(word)
    entities = [Entity(f"{at:05}", name="n" * (at % 7)) for at in range(4_500)]
    joined = [Edge(f"{at:05}", "r", f"{at * 7 % 4_500:05}") for at in range(4_500)]
    store.write(iter(entities), iter(joined))
    assert list(store.all_entities()) == entities
    assert list(store.all_edges()) == joined
    begun = store.all_edges()
    assert next(begun) == joined[0]
    assert store.entities(["00007"], ANY) == [entities[7]]
    assert next(begun) == joined[1]


def test_random_graphs_with_hubs_are_walked_as_in_memory(stores, word):
    rng = random.Random(5)
    ids = [f"n{at}" for at in range(300)]
    ends = ids[:3] * 80 + ids
    joined = {Edge(rng.choice(ends), f"r{rng.randrange(6)}", rng.choice(ends)) for _ in range(2_500)}
    store, memory = stores(word), NetworkxStore()
    for each in (store, memory):
        each.write([Entity(name) for name in ids], joined)
    for _ in range(60):
        some = {f"r{at}": rng.choice(["in", "out", "both"]) for at in range(6) if rng.random() < 0.5}
        walk = Walk(
            rng.choice([None, some]), rng.randint(1, 3), rng.choice([1, 5, 60, 10_000]), rng.choice([7, 90, 5_000])
        )
        seeds = rng.sample(ids, rng.randint(1, 4))
        assert same(store.neighbourhood(seeds, walk, ANY), memory.neighbourhood(seeds, walk, ANY))


def test_more_relations_than_fit_into_a_statement(stores, word):
    names = [f"r{at}" for at in range(90)]
    store = stores(word)
    store.write([Entity("a"), Entity("b")], [Edge("a", name, "b") for name in names])
    found = store.neighbourhood(["a"], Walk(dict.fromkeys(names[:80], "out")), ANY)
    assert found.relations == tuple(sorted(names[:80]))


# ---------------------------------------------------------------- a database of others


@pytest.fixture
def theirs(run, stores, word):
    """A small database as somebody may have made it, with names that try to break out of a statement."""
    person, firm, other = f"{word} Person'); //", f'{word}"Firm" $x {{y}}', f"{word} Other"
    run(
        f"""
        CREATE (a:`{person}` {{`the id`: 1, `full "name"`: 'Ada', aka: ['Countess', '', '7'], `nick'`: 'A',
                              née: '阿达', born: date('1815-12-10'), home: point({{x: 1.0, y: 2.0}}), nan: 0.0/0.0}})
        CREATE (b:`{person}`:`{firm}` {{`the id`: 'b', `full "name"`: 12}})
        CREATE (c:`{firm}` {{`the id`: -3, about: 'a firm', raw: [1.5, 2.5]}})
        CREATE (x:`{other}` {{`the id`: 'x'}})
        CREATE (a)-[:`WORKS "at"`]->(c), (a)-[:`WORKS "at"`]->(c), (a)-[:KNOWS]->(b), (b)-[:KNOWS]->(a),
               (a)-[:SECRET]->(b), (a)-[:KNOWS]->(x), (x)-[:KNOWS]->(c), (c)-[:KNOWS]->(c)
        """
    )
    mapping = {
        "labels": [person, firm],
        "relations": ['WORKS "at"', "KNOWS"],
        "id": "the id",
        "name": 'full "name"',
        "aliases": ["aka", "nick'"],
        "names": {"zh": "née"},
        "description": "about",
    }
    return stores(**mapping), mapping, word


def test_entities_are_read_as_they_are_mapped(theirs):
    store, mapping, _ = theirs
    person, firm = mapping["labels"]
    ada, b, c = store.entities(["1", "b", "-3"], ANY)
    assert ada == Entity(
        "1",
        type=person,
        name="Ada",
        aliases=("Countess", "7", "A"),
        names={"zh": "阿达"},
        properties={"born": "1815-12-10", "home": [1.0, 2.0], "nan": None},
    )
    assert b == Entity("b", type=person, name="12")
    assert c == Entity("-3", type=firm, description="a firm", properties={"raw": [1.5, 2.5]})
    assert store.entities(["x", "01", "1.0", "-3 ", "99999999999999999999", ""], ANY) == [None] * 6
    assert list(store.all_entities()) == [c, ada, b]


def test_what_is_not_mapped_does_not_exist(theirs):
    store, mapping, _ = theirs
    found = store.neighbourhood(["1", "x"], Walk(hops=2), ANY)
    assert found.nodes == ("1", "b", "-3")
    assert found.relations == ("KNOWS", 'WORKS "at"')
    # Parallel relationships count once, a loop twice, and the secret one not at all.
    assert found.degrees.tolist() == [3, 2, 3]
    assert store.neighbourhood(["1"], Walk({"SECRET": "both"}), ANY).nodes == ("1",)
    joined = [
        Edge("-3", "KNOWS", "-3"),
        Edge("1", "KNOWS", "b"),
        Edge("1", 'WORKS "at"', "-3"),
        Edge("b", "KNOWS", "1"),
    ]
    assert list(store.all_edges()) == joined
    counts = store.count(ANY)
    assert (counts.entities, counts.edges, dict(counts.relations)) == (3, 4, {"KNOWS": 3, 'WORKS "at"': 1})
    assert counts.types == {mapping["labels"][0]: 2, mapping["labels"][1]: 1}


def test_walks_are_those_of_the_same_graph_in_memory(theirs):
    store, _, _ = theirs
    memory = NetworkxStore()
    memory.write(store.all_entities(), store.all_edges())
    for hops in (1, 2, 3):
        for relations in (None, {"KNOWS": "out"}, {"KNOWS": "in", 'WORKS "at"': "both"}):
            for fan_out, steps in ((1, 100), (100, 2), (100, 100)):
                walk = Walk(relations, hops, fan_out, steps)
                for seeds in (["1"], ["b", "-3"], ["-3", "1", "b"], []):
                    assert same(store.neighbourhood(seeds, walk, ANY), memory.neighbourhood(seeds, walk, ANY))


def test_all_relations_there_are_where_none_is_named(theirs, stores):
    _, mapping, _ = theirs
    store = stores(**{**mapping, "relations": []})
    assert store.neighbourhood(["1"], Walk(), ANY).relations == ("KNOWS", "SECRET", 'WORKS "at"')


def test_it_is_never_written_to(theirs):
    store, mapping, _ = theirs
    with pytest.raises(UsageError, match="only reads"):
        store.write([Entity("new")], [])
    with pytest.raises(ClientError, match="read access mode"):
        store._read(f"CREATE (n:`{mapping['labels'][1]}`)", {}, ANY)


def test_nodes_that_cannot_be_entities_are_named(theirs, run):
    store, mapping, word = theirs
    person, firm = mapping["labels"]
    run(f"CREATE (:`{firm}`), (:`{firm}` {{other: 1}}), (:`{person}` {{`the id`: [1]}}), (:`{firm}` {{`the id`: '1'}})")
    run(f"CREATE (:`{word}fine` {{`the id`: 1}}), (:`{person}` {{`the id`: 2.5}})")
    found = {(label, why): (name, count) for label, why, name, count in store.bad_nodes()}
    assert set(found) == {(firm, "missing"), (person, "type"), (found_label(found), "twice")}
    assert found[firm, "missing"] == (None, 2)
    assert found[person, "type"][1] == 2
    assert found[found_label(found), "twice"][1] == 2
    assert str(found[found_label(found), "twice"][0]) == "1"
    # Those without an id are not there; of two with the same, one is.
    assert [entity.id for entity in store.all_entities()] == ["-3", "1", "1", "b"]
    assert store.neighbourhood(["1"], Walk(), ANY).nodes[0] == "1"


def found_label(found):
    return next(label for label, why in found if why == "twice")


def test_a_graph_has_a_label_or_a_mapping(stores):
    with pytest.raises(UsageError, match="label"):
        stores()
    with pytest.raises(UsageError, match="label"):
        stores("Clew_1", labels=["Person"])


def test_labels_of_a_mapping_are_read_through_their_indexes(theirs, run):
    """Label by label, so that an index on each is used."""
    from clew.kg import cypher

    store, mapping, word = theirs
    for at, label in enumerate(mapping["labels"]):
        run(f"CREATE INDEX {word}_{at} IF NOT EXISTS FOR (n:`{label}`) ON (n.`the id`)")
    run("CALL db.awaitIndexes(30)")
    plan = operators(run(f"EXPLAIN {cypher.entities(store._graph)}", ask={"keys": ["1", 1]}))
    assert plan.count("NodeIndexSeek@neo4j") == 2


def operators(plan):
    return [plan["operatorType"], *(name for child in plan.get("children", []) for name in operators(child))]
