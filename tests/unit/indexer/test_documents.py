"""Typed documents: every type accepts what it says and names what it does not."""

import pytest

from clew.core.types import Document
from clew.indexer.documents import RecordConverter
from clew.indexer.sources.record import Fault, Record
from clew.search.fields import FieldSpec

FIELDS = {kind: FieldSpec(kind) for kind in ("text", "keyword", "number", "bool", "date", "list", "geo")}


def typed(values, fields=FIELDS, **options):
    return RecordConverter(fields, **{"id": "id", **options}).document(Record({"id": "1", **values}, "shop.jsonl:7"))


@pytest.mark.parametrize(
    ("kind", "value", "kept"),
    [
        ("text", "oak desk", "oak desk"),
        ("keyword", " Kvist ", "Kvist"),
        ("keyword", 2024, "2024"),
        ("number", 3, 3.0),
        ("number", "19.90", 19.9),
        ("bool", True, True),
        ("bool", "no", False),
        ("bool", "1", True),
        ("date", "2024-05-01", "2024-05-01"),
        ("date", " 2024-05-01T10:00:00Z", "2024-05-01T10:00:00Z"),
        ("list", ["a", " b ", 3, ""], ["a", "b", "3"]),
        ("list", "a| b|", ["a", "b"]),
        ("geo", [52.5, 13.4], (52.5, 13.4)),
        ("geo", {"lat": 52.5, "lon": 13.4}, (52.5, 13.4)),
        ("geo", "52.5, 13.4", (52.5, 13.4)),
    ],
)
def test_values_of_a_type_are_kept(kind, value, kept):
    assert typed({kind: value}).fields[kind] == kept


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("text", 5),
        ("text", ["a"]),
        ("keyword", 1.5),
        ("keyword", True),
        ("number", "cheap"),
        ("number", True),
        ("number", "nan"),
        ("number", float("inf")),
        ("bool", "maybe"),
        ("bool", 1),
        ("date", "yesterday"),
        ("date", 20240501),
        ("date", "0001-01-01T00:00:00+14:00"),
        ("date", "9999-12-31T23:59:59-14:00"),
        ("list", [["a"]]),
        ("list", 5),
        ("geo", [100, 13.4]),
        ("geo", [52.5]),
        ("geo", "here"),
        ("geo", {"lat": 52.5}),
    ],
)
def test_a_wrong_type_names_origin_field_value_and_expectation(kind, value):
    fault = typed({kind: value})
    assert isinstance(fault, Fault)
    assert fault.origin == "shop.jsonl:7"
    assert fault.reason.startswith(f"field {kind!r} is {value!r}, expected {kind}")


def test_empty_values_are_no_values():
    assert typed({"text": "", "list": [], "number": None}) == Document("1", {}, "shop.jsonl:7")


def test_a_long_value_is_shortened_in_the_message():
    assert len(typed({"number": "x" * 10_000}).reason) < 200


def test_nested_values_have_dotted_names():
    fields = {"attributes.colour": FieldSpec("keyword"), "size.cm": FieldSpec("number")}
    found = typed({"attributes": {"colour": "blue"}, "size": "large"}, fields)
    assert found.fields == {"attributes.colour": "blue"}


@pytest.mark.parametrize("identity", [{}, {"id": None}, {"id": ""}, {"id": "  "}, {"id": 1.5}, {"id": ["a"]}])
def test_a_record_without_an_id_is_refused(identity):
    fault = RecordConverter(FIELDS, "id").document(Record({"text": "a", **identity}, "shop.jsonl:3"))
    assert isinstance(fault, Fault)
    assert "id" in fault.reason


def test_an_unknown_id_field_names_the_nearest():
    fault = RecordConverter(FIELDS, "skuu").document(Record({"sku": "1", "title": "a"}, "shop.jsonl:1"))
    assert fault.reason == "the record has no field 'skuu', which should hold its id"
    assert "did you mean 'sku'?" in fault.hint


def test_a_whole_number_is_an_id():
    assert RecordConverter({}, "id").document(Record({"id": 17}, "")).id == "17"


def test_text_is_what_is_searched():
    fields = {"text": FieldSpec("text"), "brand": FieldSpec("keyword"), "tags": FieldSpec("list", weight=1)}
    typing = RecordConverter(fields, "id")
    assert typing.has_text(Document("1", {"text": "a"}))
    assert typing.has_text(Document("1", {"tags": ["a"]}))
    assert not typing.has_text(Document("1", {"brand": "a", "text": " \n"}))
    assert not typing.has_text(Document("1", {"tags": []}))


def test_an_id_with_a_nul_is_a_fault_of_its_record():
    fault = typed({"id": "a\0b"})
    assert isinstance(fault, Fault)
    assert fault.origin == "shop.jsonl:7"


def test_a_number_beyond_all_floats_is_a_fault():
    fault = typed({"number": 10**400})
    assert isinstance(fault, Fault)
    assert fault.reason.endswith("…, expected number")
