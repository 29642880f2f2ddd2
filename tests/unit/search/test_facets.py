from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.core.errors import QueryError
from clew.core.types import Document
from clew.search.docstore import DocStore, write_documents, write_passages
from clew.search.facets import count_facets, facet_fields
from clew.search.fields import FieldSpec

FIELDS = {
    "title": FieldSpec("text"),
    "brand": FieldSpec("keyword", facet=True),
    "category": FieldSpec("list", facet="hierarchy"),
    "tags": FieldSpec("list", facet=True),
    "price": FieldSpec("number", facet=[0, 25, 50, 250]),
    "rating": FieldSpec("number", facet=True),
    "new": FieldSpec("bool", facet=True),
    "day": FieldSpec("date", facet=True),
    "sku": FieldSpec("keyword"),
    "none": FieldSpec("number", facet=[]),
}
SHOP = [
    {"brand": "Sony", "category": ["Home > Kitchen", "Home>Garden"], "tags": ["a", "a", "b"], "price": 25.0,
     "rating": 4.5, "new": True, "day": "2024-05-01", "sku": "1", "title": "t"},
    {"brand": "LG", "category": ["Home > Kitchen"], "tags": ["b"], "price": 24.99, "rating": 4.0, "new": False,
     "day": "1969-12-31T23:59:59Z"},
    {"brand": "Acme", "category": ["Toys"], "price": 1000.0, "rating": 4.0, "day": "2024-12-31"},
    {"brand": "LG", "price": -3.0},
    {},
]  # fmt: skip


def opened(folder, documents) -> DocStore:
    write_documents([Document(str(at), fields) for at, fields in enumerate(documents)], FIELDS, folder)
    zeros = np.zeros(len(documents))
    write_passages(folder, np.arange(len(documents)), zeros, zeros)
    return DocStore.open([folder], FIELDS)


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return opened(tmp_path_factory.mktemp("shop"), SHOP)


def counted(store, name, documents=None, limit=20):
    kept = np.ones(store.documents, np.bool_) if documents is None else np.isin(np.arange(store.documents), documents)
    return [(one.value, one.count) for one in count_facets(store, FIELDS, [name], kept, limit)[name]]


def test_values_are_counted_and_the_most_frequent_come_first(shop):
    assert counted(shop, "brand") == [("LG", 2), ("Acme", 1), ("Sony", 1)]
    assert counted(shop, "brand", limit=2) == [("LG", 2), ("Acme", 1)]
    assert counted(shop, "brand", [0, 1]) == [("LG", 1), ("Sony", 1)]
    assert counted(shop, "brand", []) == []


def test_a_document_counts_once_for_a_value_of_its_list(shop):
    assert counted(shop, "tags") == [("b", 2), ("a", 1)]


def test_each_level_of_a_path_is_counted_and_a_document_once_per_level(shop):
    assert counted(shop, "category") == [
        ("Home", 2), ("Home > Kitchen", 2), ("Home > Garden", 1), ("Toys", 1)
    ]  # fmt: skip
    assert counted(shop, "category", [2]) == [("Toys", 1)]


def test_ranges_come_in_order_with_their_lower_border_included(shop):
    assert counted(shop, "price") == [("<0", 1), ("0–25", 1), ("25–50", 1), (">=250", 1)]


def test_numbers_truth_values_and_years(shop):
    assert counted(shop, "rating") == [("4", 2), ("4.5", 1)]
    assert counted(shop, "new") == [("false", 1), ("true", 1)]
    assert counted(shop, "day") == [("2024", 2), ("1969", 1)]


def test_several_facets_keep_the_order_asked(shop):
    kept = np.ones(shop.documents, np.bool_)
    assert list(count_facets(shop, FIELDS, ("price", "brand"), kept)) == ["price", "brand"]


def test_facet_fields_are_those_declared_so():
    assert facet_fields(FIELDS) == ("brand", "category", "tags", "price", "rating", "new", "day")


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [("brnd", "facets: unknown field 'brnd'", "did you mean 'brand'"),
     ("sku", "'sku' is not a facet", "set facet = true"), ("title", "a text field", "keyword"),
     ("none", "'none' is not a facet", "set facet = true")],
)  # fmt: skip
def test_a_field_without_a_facet_is_refused(shop, name, message, hint):
    with pytest.raises(QueryError) as error:
        count_facets(shop, FIELDS, ["brand", name], np.ones(shop.documents, np.bool_))
    assert message in error.value.message
    assert hint in error.value.hint


paths = st.lists(st.sampled_from(["A", "A > B", "A > B > C", "A>C", "D", ">"]), max_size=3)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(paths, st.booleans()), max_size=10))
def test_hierarchies_agree_with_counting_by_hand(tmp_path_factory, documents):
    store = opened(tmp_path_factory.mktemp("random"), [{"category": own} for own, _ in documents])
    expected = Counter()
    for own, kept in documents:
        levels = [[level.strip() for level in path.split(">") if level.strip()] for path in own]
        expected.update({" > ".join(path[:end]) for path in levels for end in range(1, len(path) + 1)} if kept else ())
    mask = np.array([kept for _, kept in documents], np.bool_)
    found = count_facets(store, FIELDS, ["category"], mask)["category"]
    assert {one.value: one.count for one in found} == dict(expected)
    assert [one.count for one in found] == sorted(expected.values(), reverse=True)


def test_forms_of_one_value_are_counted_together_and_shown_as_most_documents_write_them(tmp_path):
    written = ["Café Royal", "Cafe\u0301 Royal", "Café\u00a0Royal", "CAFÉ ROYAL", "Café Royal", "Kvist"]
    store = opened(tmp_path, [{"brand": brand, "category": [f"Home>{brand}"]} for brand in written])
    counted = count_facets(store, FIELDS, ("brand", "category"), np.ones(6, np.bool_))
    assert [(value.value, value.count) for value in counted["brand"]] == [("Café Royal", 5), ("Kvist", 1)]
    assert [(value.value, value.count) for value in counted["category"]] == [
        ("Home", 6), ("Home > Café Royal", 5), ("Home > Kvist", 1),
    ]  # fmt: skip
    assert store.fields_of(3)["brand"] == "CAFÉ ROYAL"
