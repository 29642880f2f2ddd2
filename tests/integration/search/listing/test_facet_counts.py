"""Facets of listings against counting by hand, and disjunctive facets against the search without their filter."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.core.errors import QueryError
from clew.search.filters import parse_filters
from tests.integration.search.listing.test_sort import QUERIES

CONDITIONS = {
    "brand": [{"brand": "Zebu"}, {"brand": ["Velorin", "Astor"]}, {"must_not": [{"brand": "kestrio"}]},
              {"should": [{"brand": "Zebu"}, {"brand": "Astor"}]}],
    "rating": [{"rating": {"gte": 3}}, {"must": [{"rating": [1, 5]}]}],
    "new": [{"new": True}],
    "tags": [{"tags": "sale"}],
}  # fmt: skip
chosen = st.fixed_dictionaries({}, optional={name: st.sampled_from(given) for name, given in CONDITIONS.items()})


def joined(conditions):
    return {"must": list(conditions.values())} if conditions else None


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(QUERIES), chosen, st.sets(st.sampled_from(list(CONDITIONS)), min_size=1))
def test_a_disjunctive_facet_counts_what_the_search_without_its_filter_lists(shop, query, conditions, disjunctive):
    found = shop.search(
        query,
        k=1_000,
        filters=joined(conditions),
        facets=list(CONDITIONS),
        disjunctive=sorted(disjunctive),
        sort="price",
    )
    for name in CONDITIONS:
        others = {field: given for field, given in conditions.items() if field != name or name not in disjunctive}
        hits = shop.search(query, k=1_000, filters=joined(others)).hits
        expected = {}
        for hit in hits:
            value = hit.fields.get(name)
            for one in value if isinstance(value, list) else [] if value is None else [value]:
                expected[str(one).casefold()] = expected.get(str(one).casefold(), 0) + 1
        counted = {one.value.casefold(): one.count for one in found.facets[name]}
        assert counted == {key.removesuffix(".0"): count for key, count in expected.items()}
    assert found.total.value == len(found.hits)


def test_a_facet_that_is_only_disjunctive_is_counted_too(shop):
    found = shop.search(filters={"new": True}, facets=["brand"], disjunctive=["new"])
    assert list(found.facets) == ["brand", "new"]
    assert {one.value for one in found.facets["new"]} == {"true", "false"}
    with pytest.raises(QueryError, match="facets: unknown field 'nwe'"):
        shop.search(disjunctive=["nwe"])


@pytest.mark.parametrize(
    ("filters", "field", "left"),
    [
        ({"brand": "Zebu"}, "brand", None),
        ({"brand": "Zebu", "new": True}, "brand", {"new": True}),
        ({"must": [{"brand": "Zebu", "new": True}]}, "brand", {"must": [{"new": True}]}),
        ({"should": [{"brand": "Zebu"}, {"new": True}]}, "brand", {"should": [{"brand": "Zebu"}, {"new": True}]}),
        ({"must_not": [{"brand": "Zebu", "new": True}]}, "brand", {"must_not": [{"brand": "Zebu", "new": True}]}),
        ({"must_not": [{"brand": "Zebu"}, {"new": True}]}, "brand", {"must_not": [{"new": True}]}),
    ],
)
def test_only_conditions_on_the_field_itself_are_left_out(shop, filters, field, left):
    rest = parse_filters(filters, shop.searcher.fields).without(field)
    assert rest == (None if left is None else parse_filters(left, shop.searcher.fields))
