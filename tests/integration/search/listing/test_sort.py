"""Sorted and browsed listings against sorting by hand."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.core.errors import QueryError
from clew.core.fold import fold

KEYS = ("title", "brand", "tags", "price", "rating", "day", "new", "_score")
QUERIES = ("", "*", "ocean shirt", "warm wool blanket for the desk", "steel")
FILTERS = (None, {"new": True}, {"brand": "velorin"}, {"price": {"gte": 10}, "rating": [4, 5]}, {"brand": "nobody"})


def every(shop, query, filters):
    """All documents that match, with the order of their relevance: equal scores have equal places."""
    found = shop.search(query, k=1_000, filters=filters)
    assert (found.total.value, found.total.relation) == (len(found.hits), "eq")
    place, rows = 0, []
    for at, hit in enumerate(found.hits):
        place += at == 0 or hit.score != found.hits[at - 1].score
        rows.append((place, hit.id, hit.fields))
    return rows


def by_hand(rows, keys):
    """The ids of the rows, sorted by one key after the other, the last one first."""
    rows = sorted(rows, key=lambda row: row[1])
    if not any(key.startswith("_score") for key in keys):
        keys = [*keys, "_score:desc"]
    for key in reversed(keys):
        name, _, direction = key.partition(":")
        greatest = direction == "desc"
        if name == "_score":
            rows.sort(key=lambda row: row[0], reverse=not greatest)
            continue
        present = [row for row in rows if row[2].get(name) is not None]
        present.sort(key=lambda row: comparable(row[2][name], greatest), reverse=greatest)
        rows = present + [row for row in rows if row[2].get(name) is None]
    return [row[1] for row in rows]


def comparable(value, greatest):
    if isinstance(value, list):
        return (max if greatest else min)(comparable(one, greatest) for one in value)
    if isinstance(value, str):
        # Brands that differ only in case are the same value.
        return fold(value)[0]
    return value


sorts = st.lists(st.sampled_from(KEYS), min_size=1, max_size=4, unique=True).flatmap(
    lambda names: st.tuples(*(st.sampled_from([f"{name}:asc", f"{name}:desc"]) for name in names))
)


@settings(max_examples=40, deadline=None)
@given(sorts, st.sampled_from(QUERIES), st.sampled_from(FILTERS))
def test_sorting_agrees_with_sorting_by_hand(shop, keys, query, filters):
    rows = every(shop, query, filters)
    found = shop.search(query, k=1_000, filters=filters, sort=keys)
    # Relevance alone is the order of a search without a sort.
    assert [hit.id for hit in found.hits] == (
        by_hand(rows, list(keys)) if keys != ("_score:desc",) else [row[1] for row in rows]
    )
    assert (found.total.value, found.total.relation) == (len(rows), "eq")
    some = shop.search(query, k=7, offset=5, filters=filters, sort=keys)
    assert [hit.id for hit in some.hits] == [hit.id for hit in found.hits][5:12]
    assert [hit.rank for hit in some.hits] == list(range(6, 6 + len(some.hits)))
    assert some.total == found.total


def test_an_empty_query_lists_all_documents_in_the_order_of_the_source(shop):
    store = shop.searcher.store
    found = shop.search(k=1_000)
    assert [hit.id for hit in found.hits] == [store.id(at) for at in range(store.documents)]
    assert (found.total.value, found.total.relation, found.considered) == (600, "eq", 600)
    assert {(hit.score, hit.scored_by, hit.passage, hit.highlights) for hit in found.hits} == {(0, "browse", None, ())}
    assert found.query == shop.search("*").query == ""
    assert sum(one.count for one in found.facets["new"]) == sum("new" in hit.fields for hit in found.hits)


def test_a_hit_shows_the_values_that_it_is_sorted_by(shop):
    found = shop.search("ocean", k=1_000, sort="day:desc,tags,new,_score")
    for hit in found.hits:
        tags = min(hit.fields["tags"], key=comparable_tag) if hit.fields.get("tags") else None
        assert hit.sort_values == {"day": hit.fields.get("day"), "tags": tags, "new": hit.fields.get("new")}
    assert shop.search("ocean").hits[0].sort_values == {}


def comparable_tag(tag):
    return fold(tag)[0]


def test_strings_are_sorted_without_regard_to_case_and_accents(shop):
    brands = [
        hit.fields["brand"] for hit in shop.search(k=1_000, filters={"brand": {"exists": True}}, sort="brand").hits
    ]
    assert list(dict.fromkeys(map(str.casefold, brands))) == ["astor", "ästrid", "kestrio", "velorin", "zebu"]


def test_a_hit_of_a_sorted_search_has_the_score_of_the_same_search_unsorted(shop):
    scores = {hit.id: hit.score for hit in shop.search("ocean shirt", k=1_000).hits}
    for hit in shop.search("ocean shirt", k=50, sort="price", explain=True).hits:
        assert hit.score == pytest.approx(scores[hit.id], abs=1e-9)
        assert hit.why[-1].stage == "fusion"
        assert sum(part.value for part in hit.why[-1].parts) == pytest.approx(hit.score, abs=1e-6)


def test_browsing_and_words_do_not_mix_options(shop):
    assert shop.search(filters={"brand": "nobody"}).notes[-1] == "no results: no document passes the filters"
    with pytest.raises(QueryError, match=r"min_probability is 0\.5, but the query is empty"):
        shop.search(min_probability=0.5)
    with pytest.raises(QueryError, match="unknown field 'prise'"):
        shop.search(sort="prise")
    with pytest.raises(QueryError, match="query is empty"):
        shop.answer("")
    with pytest.raises(QueryError, match="query is empty"):
        shop.why_not("", "p1")
