"""One row at a time: what becomes of it, and what is said of one that cannot be used."""

import pytest

from clew.indexer.graphs.records import edge_of, entity_of
from clew.indexer.sources.record import Fault, Record
from clew.kg.types import Edge, Entity


def entity(**values):
    return entity_of(Record(values, "nodes.jsonl:7"))


def edge(**values):
    return edge_of(Record({"source": "a", "relation": "r", "target": "b"} | values, "edges.jsonl:7"))


def test_every_key_has_its_place_and_the_rest_are_properties():
    found = entity(
        id="tv", type="category", name="TV", aliases=["telly", "", "telly", " "], names={"zh": "电视", "fr": " "},
        description="a screen", level=3, path=["a", None], other=None,
    )  # fmt: skip
    assert found == Entity(
        "tv", "category", "TV", ("telly",), {"zh": "电视"}, "a screen", {"level": 3, "path": ["a", None]}
    )


def test_an_id_is_enough_and_may_be_a_number():
    assert entity(id=7) == Entity("7")
    assert entity(id="a", type=None, name=None, aliases=None, names=None, description=None) == Entity("a")
    assert edge(source=7, target=8) == Edge("7", "r", "8")


def test_an_object_of_properties_is_laid_beside_the_rest():
    assert entity(id="a", level=1, properties={"level": 2, "name": "x"}).properties == {"level": 2, "name": "x"}
    assert entity(id="a", properties=3).properties == {"properties": 3}
    assert entity(id="a", properties=None).properties == {}


def test_other_keys_of_an_edge_are_passed_over():
    assert edge(weight=3, part="train") == Edge("a", "r", "b")


def test_what_is_as_long_as_may_be_is_kept():
    found = entity(id="i" * 1_000, name="n" * 10_000, aliases=["a" * 10_000], type="t" * 256, description="d" * 999_999)
    assert isinstance(found, Entity)
    assert isinstance(edge(relation="r" * 256, source="s" * 1_000), Edge)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({}, "the row has no 'id'"),
        ({"id": None}, "the row has no 'id'"),
        ({"id": " "}, "field 'id' is ' ', which is not a valid id"),
        ({"id": True}, "field 'id' is True, which is not a valid id"),
        ({"id": 1.5}, "field 'id' is 1.5"),
        ({"id": ["a"]}, "field 'id' is ['a']"),
        ({"id": "i" * 1_001}, "field 'id' is 'iii"),
        ({"id": "a\0"}, "field 'id' is 'a\\x00'"),
        ({"id": "a", "name": 3}, "field 'name' is 3, expected a string"),
        ({"id": "a", "type": ["t"]}, "field 'type' is ['t'], expected a string"),
        ({"id": "a", "type": "t" * 257}, "field 'type' has 257 characters"),
        ({"id": "a", "name": "n" * 10_001}, "field 'name' has 10,001 characters"),
        ({"id": "a", "name": "n\0"}, "field 'name' contains a NUL"),
        ({"id": "a", "aliases": "one;two"}, "field 'aliases' is 'one;two', expected a list of strings"),
        ({"id": "a", "aliases": ["x", 3]}, "field 'aliases' is ['x', 3]"),
        ({"id": "a", "aliases": ["x" * 10_001]}, "an alias has 10,001 characters"),
        ({"id": "a", "names": ["zh"]}, "field 'names' is ['zh']"),
        ({"id": "a", "names": {"zh": 3}}, "field 'names' is {'zh': 3}"),
        ({"id": "a", "names": {"": "x"}}, "field 'names' is {'': 'x'}"),
        ({"id": "a", "names": {"l" * 36: "x"}}, "field 'names' is"),
        ({"id": "a", "names": {"zh": "x" * 10_001}}, "a name has 10,001 characters"),
        ({"id": "a", "description": "d" * 1_000_001}, "field 'description' has 1,000,001 characters"),
        ({"id": "a", "long": "d" * 1_000_000}, "the properties are 1,000,012 characters long"),
        ({"id": "a", "half": "\ud800"}, "the row contains an unpaired surrogate"),
        ({"id": "a\udfff"}, "the row contains an unpaired surrogate"),
        ({"id": "a", "x": float("nan")}, "a property is not a JSON value"),
        ({"id": "a", "x": b"bytes"}, "a property is not a JSON value"),
    ],
)
def test_a_bad_node_is_named_with_what_was_expected(values, reason):
    found = entity(**values)
    assert isinstance(found, Fault)
    assert found.origin == "nodes.jsonl:7"
    assert found.reason.startswith(reason)
    assert found.hint


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"source": None}, "the row has no 'source'"),
        ({"target": ""}, "field 'target' is '', which is not a valid id"),
        ({"target": {"id": "a"}}, "field 'target' is {'id': 'a'}"),
        ({"relation": None}, "the relation is missing"),
        ({"relation": "  "}, "the relation is '  '"),
        ({"relation": "a\nb"}, "the relation is 'a\\nb'"),
        ({"relation": 3}, "field 'relation' is 3, expected a string"),
        ({"relation": "r" * 257}, "field 'relation' has 257 characters"),
        ({"relation": "\ud800"}, "the row contains an unpaired surrogate"),
    ],
)
def test_a_bad_edge_is_named_with_what_was_expected(values, reason):
    found = edge(**values)
    assert isinstance(found, Fault)
    assert found.origin == "edges.jsonl:7"
    assert found.reason.startswith(reason)
    assert found.hint


def test_a_misspelt_key_is_offered():
    found = edge_of(Record({"sorce": "a", "relation": "r", "target": "b"}, "edges.csv:2"))
    assert "did you mean 'sorce'?" in found.hint
