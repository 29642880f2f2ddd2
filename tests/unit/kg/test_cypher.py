"""Statements as text: names are quoted or refused, values are parameters, types are in the text where that can be."""

import re

import pytest

from clew.core.errors import UsageError
from clew.kg import cypher
from clew.kg.cypher import Graph, RelationFilter

OURS = Graph(("Clew_1",))
THEIRS = Graph(("Person", "Big Firm"), ("the id", "the id"), ("KNOWS", "WORKS AT"), mapped=True)
BREAKING = ["a`b", "a\\u0060b", "a\nb", "", "x" * 257, "a\0b", "\x7f"]
HOSTILE = ["'}) DETACH DELETE n //", "$x {y}", '"', "/people/person/place_of_birth", "中 😀", "a.b:c|d"]

READING = [
    cypher.entities,
    cypher.count_types,
    cypher.count_relations,
    cypher.all_entities,
    cypher.all_edges,
    cypher.bad_nodes,
    lambda graph: cypher.neighbourhood(graph, RelationFilter(), 3),
]
WRITING = [
    cypher.constraint,
    cypher.merge_entities,
    cypher.edges_from,
    cypher.create_edges,
    cypher.unknown,
    cypher.forget,
    cypher.drop_constraint,
]


@pytest.mark.parametrize("name", BREAKING)
def test_what_could_end_the_quotes_is_refused(name):
    assert not cypher.can_quote(name)
    with pytest.raises(UsageError, match="cannot be a name"):
        cypher.quote(name)
    for statement in READING:
        # An id that is empty is the element id.
        for graph in (Graph((name,)), Graph(("A",), (name or "a`b",), mapped=True)):
            with pytest.raises(UsageError):
                statement(graph)
    for statement in WRITING:
        with pytest.raises(UsageError):
            statement(name)


@pytest.mark.parametrize("name", HOSTILE)
def test_other_names_are_quoted_wherever_they_stand(name):
    mapped = Graph((name, "Other"), (name, name), (name,), mapped=True)
    texts = [statement(mapped) for statement in READING] + [statement(name) for statement in WRITING]
    texts.append(cypher.neighbourhood(OURS, RelationFilter((name,), (name,)), 2))
    for text in texts:
        assert f"`{name}`" in text
        assert name not in text.replace(f"`{name}`", "")


@pytest.mark.parametrize("statement", READING)
@pytest.mark.parametrize("graph", [OURS, THEIRS])
def test_reading_statements_only_read(statement, graph):
    outside = re.sub(r"`[^`]*`|'[^']*'", "", statement(graph))
    assert not re.search(r"\b(CREATE|MERGE|SET|DELETE|REMOVE|DROP|LOAD|FOREACH)\b", outside)


def test_each_label_has_an_id_of_its_own():
    graph = Graph(("Movie", "Person", "Film"), ("no", "", "no"), mapped=True, prefixed=True)
    text = cypher.entities(graph)
    assert "MATCH (n:`Movie`) WHERE n.`no` IN $ask.keys[0]" in text
    assert "MATCH (n:`Person`) WHERE elementId(n) IN $ask.keys[1]" in text
    assert graph.key("m") == (
        "(CASE WHEN m:`Movie` THEN $ask.prefixes[0] + toString(m.`no`) "
        "WHEN m:`Person` THEN $ask.prefixes[1] + elementId(m) "
        "WHEN m:`Film` THEN $ask.prefixes[2] + toString(m.`no`) END)"
    )
    assert cypher.Graph(("A", "B"), ("no", "no"), mapped=True).key("n") == "toString(n.`no`)"


def test_a_neighbourhood_walks_as_many_times_as_it_has_hops():
    for hops in (1, 2, 3):
        text = cypher.neighbourhood(OURS, RelationFilter(), hops)
        assert text.count("(n)-[r]->(m)") == text.count("(n)<-[r]-(m)") == hops
        assert text.count("LIMIT $steps") == hops


def test_directions_that_are_not_walked_are_not_in_the_text():
    out = cypher.neighbourhood(OURS, RelationFilter(("r",), ()), 1)
    assert "(n)-[r:`r`]->(m)" in out
    assert "(n)<-[r" not in out
    nowhere = cypher.neighbourhood(OURS, RelationFilter((), ()), 1)
    assert "MATCH (n)" not in nowhere


def test_types_become_a_parameter_where_they_cannot_be_in_the_text():
    for names in (("a`b", "c"), tuple(f"r{at}" for at in range(cypher.MOST_IN_TEXT + 1))):
        text = cypher.neighbourhood(OURS, RelationFilter(names, names), 1)
        assert "WHERE type(r) IN $ask.out " in text
        assert "WHERE type(r) IN $ask.into " in text
        assert names[0] not in text
    mapped = Graph(("A",), ("id",), tuple(f"r{at}" for at in range(cypher.MOST_IN_TEXT + 1)), mapped=True)
    for statement in (
        cypher.all_edges,
        cypher.count_relations,
        lambda graph: cypher.neighbourhood(graph, RelationFilter(), 1),
    ):
        assert "type(r) IN $ask.relations" in statement(mapped)


def test_neighbours_in_a_database_of_others_are_held_to_the_mapping():
    text = cypher.neighbourhood(THEIRS, RelationFilter(), 1)
    assert "(n)-[r:`KNOWS`|`WORKS AT`]->(m:`Person`|`Big Firm`) WHERE m.`the id` IS :: " in text
    assert "WITH DISTINCT type(r) AS relation, m" in text
    assert "(m:" not in cypher.neighbourhood(OURS, RelationFilter(), 1)
