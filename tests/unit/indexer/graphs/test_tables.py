"""Rows of CSV and Parquet become what JSON lines would have been."""

import pytest

from clew.indexer.graphs.records import edge_of, entity_of
from clew.indexer.graphs.tables import from_csv, from_table
from clew.indexer.sources.record import Fault, Record
from clew.kg.types import Edge, Entity


def row(**values):
    return from_csv(Record(values, "n.csv:2"))


def csv(values):
    return from_csv(Record(values, "n.csv:2"))


def test_plain_columns():
    found = entity_of(row(id="tv", type="category", name="TV", aliases="telly;set", names='{"zh": "电视"}', level="3"))
    assert found == Entity("tv", "category", "TV", ("telly", "set"), {"zh": "电视"}, "", {"level": "3"})


def test_aliases_that_hold_the_sign_between_are_a_list():
    assert row(id="a", aliases='["one; or two", "[three]"]').values["aliases"] == ["one; or two", "[three]"]


def test_headers_of_neo4j_admin():
    node = {"movieId:ID(Movie-ID)": "tt1", ":LABEL": "Movie;Sequel", "name": "Matrix", "description:string": "d"}
    node |= {"aliases:string[]": "M1;The Matrix", "year:int": "1999", "score:double": "8.5", "seen:boolean": "TRUE"}
    node |= {"tags:int[]": "1;2", "at:point{crs:WGS-84}": "p", "secret:IGNORE": "x", "note": "n", "skos:label": "s"}
    properties = {
        "labels": ["Movie", "Sequel"], "year": 1999, "score": 8.5, "seen": True, "tags": [1, 2], "at": "p", "note": "n",
        "skos:label": "s",
    }  # fmt: skip
    assert entity_of(csv(node)) == Entity("tt1", "Movie", "Matrix", ("M1", "The Matrix"), {}, "d", properties)
    assert entity_of(csv({":ID": "a", ":LABEL": "One"})) == Entity("a", "One")


def test_headers_of_relationships():
    found = csv({":START_ID(Actor-ID)": "a", "role": "Neo", ":END_ID(Movie-ID)": "m", ":TYPE": "ACTED_IN"})
    assert edge_of(found) == Edge("a", "ACTED_IN", "m")


@pytest.mark.parametrize(
    ("column", "cell", "expected"),
    [("n:int", "1.5", "int"), ("n:long", "", "long"), ("n:float", "nan", "float"), ("n:boolean", "maybe", "boolean"),
     ("n:int[]", "1;x", "int")],
)  # fmt: skip
def test_a_cell_that_is_not_what_its_header_says_is_named(column, cell, expected):
    found = csv({"id": "a", column: cell})
    assert isinstance(found, Fault)
    assert found.origin == "n.csv:2"
    assert found.reason == f"column {column!r} is {cell!r}, expected {expected}"


@pytest.mark.parametrize("cells", [{"aliases": "[broken"}, {"names": "zh"}, {"properties": "{"}])
def test_broken_json_in_a_cell_is_named(cells):
    found = csv({"id": "a", **cells})
    assert isinstance(found, Fault)
    assert "a cell contains broken JSON" in found.reason


def test_names_of_parquet_are_maps_structs_or_texts():
    for names in ([("zh", "电视")], {"zh": "电视", "fr": None}, '{"zh": "电视"}'):
        assert entity_of(from_table(Record({"id": "a", "names": names}, "n:1"))).names == {"zh": "电视"}


def test_a_row_that_could_not_be_read_stays_a_fault():
    fault = Fault("n.csv:3", "broken")
    assert from_csv(fault) is from_table(fault) is fault
