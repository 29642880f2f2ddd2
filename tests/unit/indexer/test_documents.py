"""Typed documents: every type accepts what it says and names what it does not."""

import pytest

from clew.core.types import Document
from clew.indexer.documents import RecordConverter
from clew.indexer.sources.record import Fault, Record
from clew.search.fields import FieldSpec

FIELDS = {kind: FieldSpec(kind) for kind in ("text", "keyword", "number", "bool", "date", "list", "geo")}


def converted(values, fields=FIELDS, **options):
    """Return (document, bad values), or the fault of the record."""
    return RecordConverter(fields, **{"id": "id", **options}).convert(Record({"id": "1", **values}, "shop.jsonl:7"))


def typed(values, fields=FIELDS, **options):
    """Return the document, or the fault of the record or of its first bad value."""
    found = converted(values, fields, **options)
    if isinstance(found, Fault):
        return found
    document, bad = found
    return bad[0].fault(document.origin) if bad else document


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
        ("text", {"a": 1}),
        ("text", "\ud800"),
        ("keyword", {"a": 1}),
        ("keyword", ["a", "b"]),
        ("number", "cheap"),
        ("number", True),
        ("number", "4 + 2"),
        ("number", float("inf")),
        ("bool", "maybe"),
        ("bool", 2),
        ("date", "yesterday"),
        ("date", 5),
        ("date", "01/05/2024"),
        ("date", "0001-01-01T00:00:00+14:00"),
        ("date", "9999-12-31T23:59:59-14:00"),
        ("list", [["a"]]),
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


def test_a_bad_value_costs_the_value_and_not_the_document():
    document, bad = converted({"text": "hub", "number": "4 + 2", "date": "soon", "keyword": "a"})
    assert document.fields == {"text": "hub", "keyword": "a"}
    assert [(one.field, one.value) for one in bad] == [("number", "4 + 2"), ("date", "soon")]


@pytest.mark.parametrize("value", [None, "", "  ", [], {}, float("nan")])
def test_missing_values_of_any_type_are_no_values(value):
    assert converted(dict.fromkeys(FIELDS, value)) == (Document("1", {}, "shop.jsonl:7"), ())


def test_words_for_missing_values_are_missing_numbers_but_names_in_texts():
    found = typed({"number": "N/A", "date": "null", "bool": "-", "text": "None", "keyword": "NA"})
    assert found.fields == {"text": "None", "keyword": "NA"}


def test_a_price_fills_the_field_of_its_currency():
    fields = {"price": FieldSpec("number"), "currency": FieldSpec("keyword", currency_of="price")}
    assert typed({"price": "$1,029.00"}, fields).fields == {"price": 1029.0, "currency": "$"}
    assert typed({"price": "12", "currency": "EUR"}, fields).fields == {"price": 12.0, "currency": "EUR"}
    assert typed({"price": 12}, fields).fields == {"price": 12.0}


def test_markup_is_removed_from_texts_that_have_it():
    fields = {"text": FieldSpec("text"), "raw": FieldSpec("text", html=False)}
    value = "<p>Caf&eacute; <b>cup</b></p><script>var a</script>"
    assert typed({"text": value, "raw": value}, fields).fields == {"text": "Café cup", "raw": value}
    assert typed({"text": value}, fields, markup=False).fields == {"text": value}
    assert typed({"text": "x < y > z", "raw": "<br>"}, fields).fields == {"text": "x < y > z", "raw": "<br>"}


def test_markup_is_removed_from_keywords_too():
    fields = {"brand": FieldSpec("keyword"), "tags": FieldSpec("list"), "raw": FieldSpec("keyword", html=False)}
    given = {"brand": "Marlow &amp; Rye", "tags": ["<b>oak</b>", "oak", "AT&T"], "raw": "A &amp; B"}
    assert typed(given, fields).fields == {"brand": "Marlow & Rye", "tags": ["oak", "AT&T"], "raw": "A &amp; B"}
    assert typed({"brand": "A &amp; B"}, fields, markup=False).fields == {"brand": "A &amp; B"}


def test_html_is_short_for_text_with_markup():
    spec = FieldSpec("html")
    assert (spec.type, spec.html) == ("text", True)
    assert typed({"body": "<x-card>a</x-card>"}, {"body": spec}).fields == {"body": "a"}


def test_attributes_in_arrays_of_objects_are_fields():
    record = {
        "attributes": [{"name": "Colour", "value": "red"}, {"name": "Size", "values": ["S", "M"]}],
        "variants": [{"sku": "a", "size": {"cm": 10}}, {"sku": "b", "size": {"cm": 20}}],
        "one": [{"sku": "c"}],
    }
    kinds = {
        "attributes.Colour": "keyword", "attributes.Size": "list", "variants.sku": "list", "variants.size.cm": "list",
        "one.sku": "keyword", "attributes.Weight": "number", "variants.colour": "keyword",
    }  # fmt: skip
    assert typed(record, {name: FieldSpec(kind) for name, kind in kinds.items()}).fields == {
        "attributes.Colour": "red",
        "attributes.Size": ["S", "M"],
        "variants.sku": ["a", "b"],
        "variants.size.cm": ["10", "20"],
        "one.sku": "c",
    }


def test_nested_values_have_dotted_names():
    fields = {"attributes.colour": FieldSpec("keyword"), "size.cm": FieldSpec("number")}
    found = typed({"attributes": {"colour": "blue"}, "size": "large"}, fields)
    assert found.fields == {"attributes.colour": "blue"}


@pytest.mark.parametrize(
    "identity", [{}, {"id": None}, {"id": True}, {"id": ""}, {"id": "  "}, {"id": 1.5}, {"id": ["a"]}]
)
def test_a_record_without_an_id_is_refused(identity):
    fault = RecordConverter(FIELDS, "id").convert(Record({"text": "a", **identity}, "shop.jsonl:3"))
    assert isinstance(fault, Fault)
    assert "id" in fault.reason


def test_an_unknown_id_field_names_the_nearest():
    fault = RecordConverter(FIELDS, "skuu").convert(Record({"sku": "1", "title": "a"}, "shop.jsonl:1"))
    assert fault.reason == "the record has no field 'skuu', which should hold its id"
    assert "did you mean 'sku'?" in fault.hint


def test_a_whole_number_is_an_id():
    assert RecordConverter({}, "id").convert(Record({"id": 17}, ""))[0].id == "17"


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
    assert fault.reason.endswith('…, expected number (such as 12.5, "$1,029.00" or "2,5 kg")')


def test_ids_can_be_made_of_the_contents():
    first, again, other = (
        RecordConverter({}, "#content").convert(Record(values, ""))[0].id
        for values in ({"a": 1, "b": [2]}, {"b": [2], "a": 1}, {"a": 1, "b": [3]})
    )
    assert first == again != other
    assert len(first) == 16


def test_a_list_in_a_string_has_a_separator_of_its_own():
    fields = {
        "tags": FieldSpec("list", separator=", "),
        "parts": FieldSpec("list"),
        "paths": FieldSpec("list", separator=",", levels="/", facet="hierarchy"),
    }
    found = typed({"tags": "oak, home\\, garden", "parts": "a|b", "paths": "Root/Gear,Root/Gear/Bags"}, fields)
    assert typed({"parts": '[{"a": 1}]|b'}, fields).fields == {"parts": ['[{"a": 1}]', "b"]}
    assert found.fields == {
        "tags": ["oak", "home, garden"], "parts": ["a", "b"], "paths": ["Root > Gear", "Root > Gear > Bags"],
    }  # fmt: skip


def test_names_and_values_in_one_string_are_fields():
    fields = {name: FieldSpec("keyword") for name in ("more.color", "more.Care notes", "title.x")}
    more = "color=red,Care notes=wash cold, dry flat;size=M"
    quoted = '"color=red";"size=M"'
    assert typed({"more": quoted}, fields).fields == {"more.color": "red"}
    assert typed({"more": more, "title": "a=b is an equation"}, fields).fields == {
        "more.color": "red", "more.Care notes": "wash cold, dry flat",
    }  # fmt: skip


def test_values_of_attributes_may_be_objects():
    fields = {name: FieldSpec("keyword") for name in ("attributes.color.label.en", "attributes.size.key")}
    attributes = [
        {"name": "color", "value": {"key": "r", "label": {"en": "red"}}},
        {"name": "size", "value": {"key": "m"}},
    ]
    assert typed({"attributes": attributes}, fields).fields == {
        "attributes.color.label.en": "red", "attributes.size.key": "m",
    }  # fmt: skip


def test_the_first_of_several_prices_is_the_price():
    fields = {"prices.value": FieldSpec("number"), "unit": FieldSpec("keyword", currency_of="prices.value")}
    prices = [{"value": {"centAmount": 8900, "currencyCode": code}, "country": code} for code in ("EUR", "USD")]
    assert typed({"prices": prices}, fields).fields == {"prices.value": 89.0, "unit": "EUR"}


def test_a_group_may_be_marked_as_an_id():
    assert typed({"parent": "id:17"}, group="parent").id == "17"
