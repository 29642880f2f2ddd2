"""Groups against grouping by hand."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.core.errors import QueryError
from tests.integration.search.listing.test_sort import FILTERS, QUERIES, sorts

GROUPED = ("brand", "price", "rating", "day", "new")


def by_hand(hits, field):
    """The hits of each group: by the value of a field, in the order of the first one; without a value each alone."""
    groups = {}
    for hit in hits:
        value = hit.fields.get(field)
        # Keywords that differ in case are one value.
        key = ("", hit.id) if value is None else (value.casefold() if isinstance(value, str) else value,)
        groups.setdefault(key, []).append(hit)
    return list(groups.values())


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(QUERIES), st.sampled_from(FILTERS), st.just(()) | sorts, st.sampled_from(GROUPED),
    st.integers(1, 4), st.integers(0, 12), st.integers(1, 9),
)  # fmt: skip
def test_grouping_agrees_with_grouping_by_hand(shop, query, filters, sort, field, limit, offset, k):
    every = shop.search(query, k=1_000, filters=filters, sort=sort)
    groups = by_hand(every.hits, field)
    found = shop.search(
        query, k=k, offset=offset, filters=filters, sort=sort, group_by=field, group_limit=limit, facets=["brand"]
    )
    shown = groups[offset : offset + k]
    assert [[hit.id for hit in group.hits] for group in found.groups] == [
        [hit.id for hit in group[:limit]] for group in shown
    ]
    assert [hit.id for hit in found.hits] == [group[0].id for group in shown]
    assert [hit.rank for hit in found.hits] == list(range(offset + 1, offset + 1 + len(shown)))
    assert [group.count for group in found.groups] == [len(group) for group in shown]
    assert (found.total_groups, found.total) == (len(groups), every.total)
    # Facets count documents, not groups.
    brands = Counter(hit.fields["brand"].casefold() for hit in every.hits if "brand" in hit.fields)
    assert {one.value.casefold(): one.count for one in found.facets["brand"]} == brands
    for group, documents in zip(found.groups, shown, strict=True):
        value = documents[0].fields.get(field)
        assert group.value == value or group.value.casefold() == value.casefold()


@pytest.mark.parametrize("query", ["", "ocean shirt"])
def test_pages_of_groups_are_all_groups(shop, query):
    page = shop.search(query, k=7, sort="price:desc", group_by="price")
    values = [group.value for group in page.groups]
    while page.search_after:
        page = shop.search(query, k=7, sort="price:desc", group_by="price", search_after=page.search_after)
        values += [group.value for group in page.groups]
    known = [value for value in values if value is not None]
    assert known == sorted(set(known), reverse=True)
    assert len(values) == page.total_groups


def test_without_a_group_there_is_none(shop):
    found = shop.search("ocean", k=3)
    assert (found.groups, found.total_groups) == ((), None)


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        ({"group_by": "brnad"}, "group_by: unknown field 'brnad'", "did you mean 'brand'"),
        (
            {"group_by": "tags"},
            "cannot be grouped by 'tags', because it is a list field",
            "brand, price, rating, day, new",
        ),
        ({"group_by": "title"}, "because it is a text field", "brand"),
        ({"group_limit": 3}, "group_limit is 3, but there is no group_by", "both"),
        ({"group_by": "brand", "group_limit": 101}, "group_limit is 101", "1 to 100"),
        ({"group_by": "brand", "group_limit": 100, "k": 11}, "k is 11 and group_limit 100", "at most 1,000"),
    ],
)
def test_what_cannot_be_grouped_is_named(shop, options, message, hint):
    with pytest.raises(QueryError) as error:
        shop.search("ocean", **options)
    assert message in error.value.message
    assert hint in error.value.hint
