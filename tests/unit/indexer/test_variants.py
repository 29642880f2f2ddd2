"""Joining the records of one product to a document with variants."""

import json

import pytest

from clew.core.errors import DataError
from clew.core.progress import Silent
from clew.core.types import Document, Variant
from clew.indexer.collect import collect
from clew.indexer.sources.forms import SourceSpec
from clew.indexer.spool import read_documents
from clew.indexer.variants import product_key, shaped
from clew.search.fields import FieldSpec

FIELDS = {
    "title": FieldSpec("text"),
    "vendor": FieldSpec("keyword"),
    "Image Src": FieldSpec("keyword"),
    "size": FieldSpec("list"),
    "price": FieldSpec("number"),
    "sku": FieldSpec("keyword", weight=1.0),
}
SHOPIFY = """handle,title,vendor,Image Src,size,price,sku
cardigan,Plum cardigan,Velorin,1.jpg,Small,60,PC-S
cardigan,,,2.jpg,Medium,60,PC-M
cardigan,,,,Large,65,
cardigan,,,3.jpg,,,
stool,Oak stool,Kestrio,4.jpg,Default Title,45,OS
"""


@pytest.fixture
def read(tmp_path):
    """Collect a source, and return what was counted and the documents as they are indexed."""

    def run(data, fields=FIELDS, *, name="shop.csv", **source):
        (tmp_path / name).write_text(data if isinstance(data, str) else "".join(json.dumps(row) + "\n" for row in data))
        spec = SourceSpec(str(tmp_path / name), **{"id": "handle", **source})
        form = "csv" if name.endswith("csv") else "jsonl"
        found = collect(spec, form, fields, tmp_path / "read", tmp_path / "rejects.jsonl", Silent())
        known = {
            key: FieldSpec(field.type, field.weight, variant=True) if key in found.variant_fields else field
            for key, field in fields.items()
        }
        documents = list(read_documents(tmp_path / "read", 0, found.documents, known))
        return found, [shaped(document, known) for document in documents]

    return run


def test_rows_of_one_product_are_variants_of_one_document(read):
    found, (cardigan, stool) = read(SHOPIFY)
    assert (found.documents, found.joined, found.variant_fields) == (2, 3, ("size", "price", "sku"))
    assert cardigan.variants == (
        Variant({"size": ["Small"], "price": 60.0, "sku": "PC-S"}),
        Variant({"size": ["Medium"], "price": 60.0, "sku": "PC-M"}),
        Variant({"size": ["Large"], "price": 65.0}),
    )
    assert cardigan.fields == {
        "title": "Plum cardigan", "vendor": "Velorin", "Image Src": "1.jpg", "size": ["Small", "Medium", "Large"],
        "price": [60.0, 65.0], "sku": ["PC-S", "PC-M"],
    }  # fmt: skip
    assert stool.variants == (Variant({"price": 45.0, "sku": "OS"}),)
    assert found.notices[0] == (
        "3 records were joined to documents as further variants, which differ in size, price, sku"
    )


def test_a_field_that_mostly_stands_in_the_first_row_belongs_to_the_product(read):
    rows = SHOPIFY + "lamp,Lamp,Orvane,,S,1,A\nlamp,,,,M,2,B\nrug,Rug,Orvane,,S,1,C\nrug,,Other,,M,2,D\n"
    found, documents = read(rows)
    assert "vendor" not in found.variant_fields
    assert [document.fields["vendor"] for document in documents] == ["Velorin", "Kestrio", "Orvane", "Orvane"]


def test_a_field_may_be_declared_to_belong_to_the_variants_or_not(read):
    fields = {**FIELDS, "Image Src": FieldSpec("keyword", variant=True), "price": FieldSpec("number", variant=False)}
    found, (cardigan, _) = read(SHOPIFY, fields)
    assert found.variant_fields == ("size", "sku")
    assert cardigan.fields["price"] == 60.0
    assert [variant.fields.get("Image Src") for variant in cardigan.variants] == ["1.jpg", "2.jpg", None, "3.jpg"]


@pytest.mark.parametrize(
    ("row", "source"),
    [
        ("stool,Another stool,,,L,1,X", {}),
        ("stool,Oak stool,Kestrio,4.jpg,Default Title,45,OS", {}),
        ("cardigan,,,,XL,1,X", {}),
        ("stool,,,,L,1,X", {"variants": False}),
    ],
    ids=["another text", "a duplicate", "not adjacent", "switched off"],
)
def test_other_rows_with_an_id_that_was_seen_are_errors(read, row, source):
    first, *rest = SHOPIFY.splitlines()
    rows = SHOPIFY if source == {} else "\n".join([first, rest[-1], ""])
    with pytest.raises(DataError, match=r"id '\w+' was seen before.*") as error:
        read(rows + row + "\n", on_error="stop", **source)
    assert "variants = true" in error.value.hint


def test_records_are_joined_wherever_they_stand_if_the_source_says_so(read):
    rows = [
        {"handle": "a", "title": "Shirt red", "price": 1},
        {"handle": "b", "title": "Hat"},
        {"handle": "a", "title": "Shirt blue", "price": 2, "size": ["M"]},
    ]
    found, (shirt, hat) = read(rows, name="shop.jsonl", variants=True)
    assert found.variant_fields == ("title", "size", "price")
    assert (shirt.id, shirt.fields["title"]) == ("a", "Shirt red")
    assert [variant.fields for variant in shirt.variants] == [
        {"title": "Shirt red", "price": 1.0}, {"title": "Shirt blue", "size": ["M"], "price": 2.0},
    ]  # fmt: skip
    assert hat == Document("b", {"title": "Hat"}, hat.origin, (Variant({"title": "Hat"}),))


def test_records_of_a_group_are_one_document_and_keep_their_own_ids(read):
    rows = [
        {"sku": "1-S", "group": "1", "title": "Shirt", "price": 10},
        {"sku": "2", "title": "Hat", "price": 5},
        {"sku": "1-M", "group": "1", "title": "Shirt", "price": 12},
        {"sku": "1", "title": "Shirt", "vendor": "Velorin"},
    ]
    found, (shirt, hat) = read(rows, name="shop.jsonl", id="sku", group="group")
    assert (found.documents, found.joined) == (2, 2)
    assert (shirt.id, hat.id, shirt.fields["vendor"]) == ("1", "2", "Velorin")
    assert [(variant.id, variant.fields.get("price")) for variant in shirt.variants] == [
        ("1-S", 10.0), ("1-M", 12.0),
    ]  # fmt: skip
    assert hat.variants == (Variant({"price": 5.0, "sku": "2"}),)
    with pytest.raises(DataError, match="id '2' was seen before"):
        read([*rows, {"sku": "2", "group": "1"}], name="shop.jsonl", id="sku", group="group", on_error="stop")


NESTED = {
    "title": FieldSpec("text"),
    "variants.sku": FieldSpec("keyword", weight=1.0),
    "variants.price": FieldSpec("number"),
    "variants.attributes.Colour": FieldSpec("keyword"),
}


def test_an_array_of_a_record_is_its_variants(read):
    rows = [
        {
            "handle": "1", "title": "Shirt", "variants": [
                {"sku": "S", "price": "$1,060.00", "attributes": [{"name": "Colour", "value": "red"}]},
                {"sku": "M", "price": "4 + 2"},
            ],
        },
        {"handle": "2", "title": "Hat", "variants": []},
    ]  # fmt: skip
    found, (shirt, hat) = read(rows, NESTED, name="shop.jsonl")
    assert (found.joined, found.bad_values, found.variant_fields) == (0, 1, tuple(NESTED)[1:])
    assert [variant.fields for variant in shirt.variants] == [
        {"variants.sku": "S", "variants.price": 1060.0, "variants.attributes.Colour": "red"}, {"variants.sku": "M"},
    ]  # fmt: skip
    assert shirt.fields["variants.sku"] == ["S", "M"]
    assert hat.variants == (Variant({}),)


def test_an_array_with_another_name_must_be_declared(read):
    rows = [{"handle": "1", "title": "Shirt", "offers": [{"price": 1}, {"price": 2}]}]
    assert read(rows, {"title": FieldSpec("text"), "offers.price": FieldSpec("list")}, name="a.jsonl")[0].documents
    fields = {"title": FieldSpec("text"), "offers.price": FieldSpec("number", variant=True)}
    _, (shirt,) = read(rows, fields, name="shop.jsonl")
    assert shirt.variants == (Variant({"offers.price": 1.0}), Variant({"offers.price": 2.0}))


def test_the_master_variant_of_commercetools_is_the_first(read):
    rows = [{"handle": "1", "title": "Shirt", "data": {"masterVariant": {"sku": "a"}, "variants": [{"sku": "b"}]}}]
    _, (shirt,) = read(rows, {"title": FieldSpec("text"), "data.variants.sku": FieldSpec("keyword")}, name="x.jsonl")
    assert [variant.fields for variant in shirt.variants] == [{"data.variants.sku": "a"}, {"data.variants.sku": "b"}]


def test_documents_without_variant_fields_have_no_variants():
    document = Document("1", {"title": "a"}, "", (Variant({"title": "a"}), Variant({})))
    assert shaped(document, FIELDS) == Document("1", {"title": "a"})


def test_a_group_needs_variants():
    with pytest.raises(ValueError, match="variants is false, but group joins"):
        SourceSpec("a.csv", group="parent", variants=False)


A, B = {"handle": "a", "title": "A", "price": 1}, {"handle": "b", "title": "B", "price": 2}


@pytest.mark.parametrize(
    ("rows", "key"),
    [
        ([A, {"handle": "a", "price": 2}, B], "handle"),
        ([A, B], None),
        ([A, B, {"handle": "a", "price": 2}], None),
        ([A, {"handle": "a", "title": "Other"}, B], None),
        ([A, {"price": 2}, B], None),
        ([], None),
    ],
    ids=["variants", "no repeats", "not adjacent", "every row has a title", "a row without", "empty"],
)
def test_the_column_that_names_the_product_is_found(rows, key):
    assert product_key(rows) == key
