"""Variants on disk, and filters and facets over them."""

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.core.errors import CorruptError
from clew.core.types import Document, Variant
from clew.search.docstore import DocStore, write_documents, write_passages
from clew.search.facets import count_facets
from clew.search.fields import FieldSpec, body
from clew.search.filters import parse_filters
from clew.search.variant_store import VARIANTS
from clew.search.why_not import filtered_out

FIELDS = {
    "title": FieldSpec("text", variant=True),
    "text": FieldSpec("text", variant=True),
    "brand": FieldSpec("keyword", facet=True),
    "colour": FieldSpec("keyword", facet=True, variant=True),
    "path": FieldSpec("list", facet="hierarchy", variant=True),
    "price": FieldSpec("number", facet=[20.0, 40.0], variant=True),
    "day": FieldSpec("date", facet=True, variant=True),
    "new": FieldSpec("bool", facet=True, variant=True),
    "place": FieldSpec("geo", variant=True),
}
SHIRT = Document(
    "shirt",
    {"brand": "Velorin"},
    "",
    (
        Variant({"title": "Red shirt", "text": "Linen.", "colour": "red", "price": 60.0, "day": "2024-05-01"}, "R"),
        Variant({"title": "Blue shirt", "text": "Cotton.", "colour": "blue", "price": 40.0, "new": True}, "B"),
        Variant(
            {
                "title": "Blue shirt",
                "text": "Linen.",
                "colour": "blue",
                "price": 30.0,
                "path": ["A > B"],
                "place": (1.0, 2.0),
            }
        ),
    ),
)
HAT = Document("hat", {"brand": "Kestrio"}, "", (Variant({"title": "Hat", "colour": "red", "price": 10.0}),))
BARE = Document("bare", {"brand": "Kestrio"})


def opened(folder, *shards) -> DocStore:
    folders = []
    for number, documents in enumerate(shards):
        place = folder / str(number)
        place.mkdir(exist_ok=True)
        write_documents(documents, FIELDS, place)
        every = np.arange(len(documents))
        write_passages(place, every, np.zeros(len(every)), np.ones(len(every)))
        folders.append(place)
    return DocStore.open(folders, FIELDS)


@pytest.fixture
def store(tmp_path):
    return opened(tmp_path, [SHIRT], [BARE, HAT])


def found(store, filters) -> list[str]:
    return store.ids(np.flatnonzero(parse_filters(filters, FIELDS).documents(store)))


def test_variants_are_read_as_they_were_written(store):
    assert store.variants.of(0) == (
        Variant({**SHIRT.variants[0].fields, "day": "2024-05-01"}, "R"),
        *SHIRT.variants[1:],
    )
    assert store.variants.of(1) == (Variant({}),)
    assert store.variants.of(2) == HAT.variants
    assert store.variants.first.tolist() == [0, 3, 4, 5]


def test_a_document_has_the_distinct_values_of_its_variants_and_the_first_title(store):
    values = store.fields_of(0)
    assert values == {
        "title": "Red shirt", "text": "Linen.\nCotton.", "brand": "Velorin", "colour": ["red", "blue"],
        "path": ["A > B"], "price": [60.0, 40.0, 30.0], "day": ["2024-05-01"], "new": [True], "place": [(1.0, 2.0)],
    }  # fmt: skip
    assert {name: store.value(0, name) for name in FIELDS} == values
    assert store.fields_of(1) == {"brand": "Kestrio"}
    assert store.value(1, "title") is None
    assert store.body(0) == body(values, FIELDS)[0] == "Linen.\nCotton."


def test_the_words_of_all_variants_are_searched_and_the_first_title_is_encoded(store):
    passages = store.passage_set({**FIELDS, "colour": FieldSpec("keyword", weight=1.0, variant=True)})
    assert passages.fields["title"] == ["Red shirt\nBlue shirt", "", "Hat"]
    assert passages.fields["colour"] == ["red\nblue", "", "red"]
    assert store.embedded_texts()[0] == store.embedded_text(0)
    assert "Red shirt" in store.embedded_text(0)
    assert "Blue" not in store.embedded_text(0)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"colour": "red"}, ["shirt", "hat"]),
        ({"colour": "red", "price": {"lt": 50}}, ["hat"]),
        ({"must": [{"colour": "blue"}, {"price": {"lt": 35}}]}, ["shirt"]),
        ({"must": [{"colour": "red"}], "must_not": [{"price": {"gte": 50}}]}, ["hat"]),
        ({"must_not": [{"colour": "red"}]}, ["shirt", "bare"]),
        ({"colour": {"ne": "red"}}, ["shirt", "bare"]),
        ({"should": [{"colour": "red"}, {"price": {"lt": 35}}], "min_should": 2}, ["hat"]),
        ({"brand": "velorin", "colour": "Blue"}, ["shirt"]),
        ({"brand": "velorin"}, ["shirt"]),
        ({"price": {"exists": False}}, ["bare"]),
    ],
)
def test_all_conditions_hold_on_one_and_the_same_variant(store, filters, expected):
    assert found(store, filters) == expected


def test_why_not_says_that_no_variant_meets_all_conditions(store):
    assert filtered_out({"colour": "red", "price": {"lt": 50}}, FIELDS, store, 0) == (
        "filters exclude it: none of its variants meets all of them (colour=red, price<50)"
    )


def test_facets_count_documents_by_the_variants_that_pass(store):
    every = np.ones(store.documents, np.bool_)
    names = ["colour", "path", "price", "day", "new", "brand"]

    def counted(filters):
        chosen = parse_filters(filters, FIELDS)
        kept = every & chosen.documents(store)
        values = count_facets(store, FIELDS, names, kept, variants=chosen.variants(store))
        return {name: {one.value: one.count for one in values[name]} for name in names if values[name]}

    assert counted({}) == {
        "colour": {"red": 2, "blue": 1}, "path": {"A": 1, "A > B": 1}, "price": {"<20": 1, "20–40": 1, ">=40": 1},
        "day": {"2024": 1}, "new": {"true": 1}, "brand": {"Kestrio": 2, "Velorin": 1},
    }  # fmt: skip
    assert counted({"price": {"gte": 35}}) == {
        "colour": {"blue": 1, "red": 1}, "price": {">=40": 1}, "day": {"2024": 1}, "new": {"true": 1},
        "brand": {"Velorin": 1},
    }  # fmt: skip


def test_an_index_without_variants_has_no_file_of_them(tmp_path):
    fields = {"title": FieldSpec("text")}
    write_documents([Document("1", {"title": "a"})], fields, tmp_path)
    write_passages(tmp_path, np.zeros(1), np.zeros(1), np.ones(1))
    assert not (tmp_path / VARIANTS).exists()
    assert DocStore.open([tmp_path], fields).variants is None


@pytest.mark.parametrize("owners", [[], [0, 2], [0, 1, 2, 3], [1, 0, 2], [-1, 0, 1, 2], [1, 2]])
def test_a_file_with_other_documents_is_damaged(tmp_path, owners):
    opened(tmp_path, [SHIRT, BARE, HAT]).close()
    path = tmp_path / "0" / VARIANTS
    schema = pa.ipc.open_file(path).schema
    columns = [pa.array(owners, pa.int32()), *(pa.nulls(len(owners), field.type) for field in list(schema)[1:])]
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        writer.write_batch(pa.record_batch(columns, schema=schema))
    with pytest.raises(CorruptError, match=r"variants\.arrow does not have the variants of 3 documents"):
        DocStore.open([tmp_path / "0"], FIELDS)


# ------------------------------------------------------------------ against brute force

COLOURS = ["red", "blue", "green"]
VARIANT = st.fixed_dictionaries(
    {},
    optional={
        "colour": st.sampled_from(COLOURS),
        "price": st.sampled_from([10.0, 20.0, 30.0, 40.0, 50.0]),
        "path": st.lists(st.sampled_from(["A", "A > B", "A > C", "D"]), min_size=1, unique=True),
    },
)
PRODUCT = st.tuples(st.sampled_from(["Velorin", "Kestrio", None]), st.lists(VARIANT, min_size=1, max_size=4))
CONDITION = st.one_of(
    st.builds(lambda value: {"colour": value}, st.sampled_from(COLOURS)),
    st.builds(lambda value: {"colour": {"ne": value}}, st.sampled_from(COLOURS)),
    st.builds(lambda word, value: {"price": {word: value}}, st.sampled_from(["lt", "gte"]), st.sampled_from([20, 40])),
    st.builds(lambda value: {"path": {"under": value}}, st.sampled_from(["A", "A > B", "D"])),
    st.builds(lambda value: {"brand": value}, st.sampled_from(["Velorin", "Kestrio"])),
    st.builds(lambda value: {"price": {"exists": value}}, st.booleans()),
)
FILTER = st.recursive(
    CONDITION,
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "must": st.lists(inner, max_size=3),
            "must_not": st.lists(inner, max_size=2),
            "should": st.lists(inner, min_size=1, max_size=3),
        },
    ),
    max_leaves=6,
)


def passes(row, filters) -> bool:
    """Test a filter on one variant, with the values of its product."""
    for name, wanted in filters.items():
        if name == "must":
            held = all(passes(row, part) for part in wanted)
        elif name == "must_not":
            held = not any(passes(row, part) for part in wanted)
        elif name == "should":
            held = any(passes(row, part) for part in wanted)
        else:
            held = meets(row.get(name), wanted)
        if not held:
            return False
    return True


def meets(value, wanted) -> bool:
    operator, given = next(iter(wanted.items())) if isinstance(wanted, dict) else ("eq", wanted)
    if operator == "exists":
        return (value is not None) == given
    if operator == "ne":
        return value != given
    if value is None:
        return False
    if operator == "under":
        return any(path == given or path.startswith(f"{given} > ") for path in value)
    return {
        "eq": value == given,
        "lt": operator == "lt" and value < given,
        "gte": operator == "gte" and value >= given,
    }[operator]


@settings(max_examples=150, deadline=None)
@given(products=st.lists(PRODUCT, min_size=1, max_size=6), filters=FILTER)
def test_filters_and_facets_agree_with_testing_each_variant(tmp_path_factory, products, filters):
    documents = [
        Document(str(at), {"brand": brand} if brand else {}, "", tuple(map(Variant, rows)))
        for at, (brand, rows) in enumerate(products)
    ]
    store = opened(tmp_path_factory.mktemp("variants"), documents)
    passing = {
        str(at): [row for row in rows if passes({"brand": brand, **row}, filters)]
        for at, (brand, rows) in enumerate(products)
    }
    chosen = parse_filters(filters, FIELDS)
    kept = chosen.documents(store)
    assert store.ids(np.flatnonzero(kept)) == [name for name, rows in passing.items() if rows]

    counts = count_facets(store, FIELDS, ["colour", "path", "price"], kept, variants=chosen.variants(store))
    expected: dict[str, Counter[str]] = {"colour": Counter(), "path": Counter(), "price": Counter()}
    for rows in passing.values():
        expected["colour"].update({row["colour"] for row in rows if "colour" in row})
        paths = {path for row in rows for path in row.get("path", [])}
        expected["path"].update({path for one in paths for path in (one, one.split(" > ")[0])})
        prices = {row["price"] for row in rows if "price" in row}
        expected["price"].update({"<20" if price < 20 else "20–40" if price < 40 else ">=40" for price in prices})
    assert {name: {one.value: one.count for one in values} for name, values in counts.items()} == expected
