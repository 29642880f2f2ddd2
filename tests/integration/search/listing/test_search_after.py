"""Pages by search_after: together they are the whole listing, whatever their size, or they are refused."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

import clew
from clew.api.app import create_app
from clew.api.engine import Engine
from clew.api.settings import Settings
from clew.core.errors import QueryError, StageUnavailable, StaleError
from tests.builders import build_home, spec_table
from tests.integration.search.listing.conftest import FIELDS
from tests.integration.search.listing.test_sort import FILTERS, QUERIES, sorts


def pages(shop, query, size, **options):
    """The ids of all pages, one after the other, and their ranks."""
    page = shop.search(query, k=size, **options)
    hits = list(page.hits)
    while page.search_after:
        assert len(page.hits) == size
        page = shop.search(query, k=size, search_after=page.search_after, **options)
        hits += page.hits
    assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))
    return [hit.id for hit in hits]


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(QUERIES), st.sampled_from(FILTERS), st.just(()) | sorts, st.integers(40, 300))
def test_pages_are_the_whole_listing_without_repetition(shop, query, filters, sort, size):
    whole = shop.search(query, k=1_000, filters=filters, sort=sort)
    assert whole.search_after is None
    assert pages(shop, query, size, filters=filters, sort=sort) == [hit.id for hit in whole.hits]


@pytest.mark.parametrize("query", ["", "ocean shirt"])
@pytest.mark.parametrize("sort", ["", "rating:desc"])
def test_pages_reach_behind_the_window_of_offsets(shop, query, sort, monkeypatch):
    total = shop.search(query).total.value
    assert total > 300
    for module in ("retrieval", "check_request"):
        monkeypatch.setattr(f"clew.search.{module}.MAX_WINDOW", 220)
    with pytest.raises(QueryError, match="offset"):
        shop.search(query, k=60, offset=200)
    found = pages(shop, query, 60, sort=sort, filters=None)
    assert len(found) == len(set(found)) == total


def test_a_page_continues_without_a_source_that_had_no_time(shop):
    first = shop.search("ocean shirt", k=20, budget_ms=1e-6)
    assert [lost.stage for lost in first.degraded if lost.stage != "facets"] == ["dense"]
    second = shop.search("ocean shirt", k=20, search_after=first.search_after)
    assert ("dense", "left out, as on the page before") in {(lost.stage, lost.reason) for lost in second.degraded}
    words = shop.search("ocean shirt", k=40, sources=("bm25",))
    assert [hit.id for hit in (*first.hits, *second.hits)] == [hit.id for hit in words.hits]


def test_a_page_that_lacks_a_source_of_the_page_before_is_refused(shop):
    first = shop.search("ocean shirt", k=20)
    with pytest.raises(StageUnavailable, match="cannot continue the one before it without dense"):
        shop.search("ocean shirt", k=20, budget_ms=1e-6, search_after=first.search_after)


def test_offset_and_search_after_exclude_each_other(shop):
    cursor = shop.search("ocean", k=5).search_after
    with pytest.raises(QueryError, match="offset is 5, and search_after is given"):
        shop.search("ocean", k=5, offset=5, search_after=cursor)
    with pytest.raises(QueryError, match="search_after is of another request"):
        shop.search("ocean lamp", k=5, search_after=cursor)


def test_a_publish_between_two_pages_is_refused_and_an_opened_index_goes_on(tmp_path):
    rows = [{"id": f"d{at}", "title": f"lamp {at}", "price": at % 3} for at in range(8)]
    table = spec_table(dense=None, fields={name: FIELDS[name] for name in ("title", "price")})
    home = build_home(tmp_path, table, docs=rows)
    engine = Engine(home)
    with TestClient(create_app(engine, Settings(home=home))) as client, clew.open("shop", home) as opened:
        body = {"query": "lamp", "sort": "price", "k": 4}
        first = client.post("/v1/search", json=body).json()
        simple = {"q": "lamp", "sort": "price", "k": 4, "search_after": first["search_after"]}
        second = client.get("/v1/search", params=simple).json()
        assert len({hit["id"] for page in (first, second) for hit in page["hits"]}) == 8
        assert second["search_after"] is None
        build_home(tmp_path, table, docs=rows[:7])
        engine.refresh()
        refused = client.post("/v1/search", json=body | {"search_after": first["search_after"]})
        assert (refused.status_code, refused.json()["code"]) == (409, "stale")
        assert "search_after is of release r1, and release r2 answers now" in refused.json()["detail"]
        going_on = opened.search("lamp", sort="price", k=4, search_after=first["search_after"])
        assert [hit.id for hit in going_on.hits] == [hit["id"] for hit in second["hits"]]
    with clew.open("shop", home) as newer, pytest.raises(StaleError):
        newer.search("lamp", sort="price", k=4, search_after=first["search_after"])
