import base64
import json

import pytest

from clew.core.errors import QueryError, StageUnavailable, StaleError
from clew.core.types import Deadline
from clew.search.listing.cursor import Cursor
from clew.search.trace import Trace
from clew.search.types import Degradation, GraphUse, Hit, SearchRequest
from clew.search.versions import Release

RELEASE = Release("r2", "shop", "v2", "a" * 64, "2026-12-01")
ASKED = SearchRequest(query="lamp", filters={"brand": "Kvist", "price": {"lt": 5}}, sort=("price",), k=2)
HITS = tuple(Hit(id=name, rank=rank, score=1.0, scored_by="fusion", fields={}) for rank, name in ((3, "a"), (4, "ü")))


def trace(*lost, graph=None):
    found = Trace(Deadline(), graph=graph)
    found.degraded += [Degradation(stage, "no time") for stage in lost]
    return found


def after(asked=ASKED, release=RELEASE, total=9, **changes):
    return Cursor.after(asked, release, HITS, total, trace(**changes))


def request(text, **changes):
    from dataclasses import replace

    return replace(ASKED, search_after=text, **changes)


def test_a_cursor_is_read_back_and_continues_behind_the_last_hit():
    cursor = Cursor.of(request(after(), k=50, explain=True, facets=("brand",), budget_ms=5), RELEASE)
    assert cursor.rank == 4
    going_on = cursor.continued(request("x", k=50), ("bm25", "dense"))
    assert (going_on.offset, going_on.k, going_on.search_after, going_on.sources) == (4, 50, None, None)
    cursor.check("ü", trace("facets"))


def test_the_last_page_has_none():
    assert after(total=4) is None
    assert Cursor.after(ASKED, RELEASE, (), 9, trace()) is None
    assert Cursor.of(ASKED, RELEASE) is None


@pytest.mark.parametrize(
    "release", [Release("r3", "shop", "v3", "a" * 64, ""), Release("r2", "shop", "v", "b" * 64, "")]
)
def test_another_release_is_stale(release):
    with pytest.raises(StaleError, match="search_after is of release r2") as error:
        Cursor.of(request(after()), release)
    assert "first page" in error.value.hint


@pytest.mark.parametrize(
    "change",
    [{"query": "lamps"}, {"sort": ("price:desc",)}, {"filters": {"brand": "Kvist"}}, {"graph": "off"},
     {"rerank": True}, {"sources": ("bm25",)}, {"fusion": "rrf"}, {"min_probability": 0.5}, {"profile": "qa"},
     {"group_by": "brand"}],
)  # fmt: skip
def test_another_request_is_refused(change):
    with pytest.raises(QueryError, match="search_after is of another request"):
        Cursor.of(request(after(), **change), RELEASE)


def made(*values):
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode()


@pytest.mark.parametrize(
    "text",
    ["", "x", "ü", "!!", made(), made(1, 2), made("r2", "a", "b", "many", "c", []), made("r2", "a", "b", -1, "c", []),
     made("r2", "a", "b", 1, "c", 5), "[" * 5_000, base64.urlsafe_b64encode(b"[" * 100_000).decode()],
)  # fmt: skip
def test_what_is_not_a_cursor_is_refused(text):
    with pytest.raises(QueryError, match="which is not a cursor"):
        Cursor.of(request(text), RELEASE)


def test_a_stage_that_was_left_out_stays_left_out():
    from dataclasses import replace

    asked = replace(ASKED, min_probability=0.5)
    text = Cursor.after(asked, RELEASE, HITS, 9, trace("dense", "rerank", "facets", "paging"))
    cursor = Cursor.of(request(text, min_probability=0.5), RELEASE)
    assert cursor.without == ("dense", "rerank")
    going_on = cursor.continued(replace(asked, search_after=text), ("bm25", "dense"))
    assert (going_on.sources, going_on.rerank, going_on.min_probability) == (("bm25",), False, None)
    assert [lost.stage for lost in cursor.degraded] == ["dense", "rerank"]
    cursor.check("ü", trace("dense", "rerank"))


def test_a_stage_that_answered_before_must_answer_again():
    cursor = Cursor.of(request(after()), RELEASE)
    for stage in ("dense", "rerank", "paging", "graph"):
        with pytest.raises(StageUnavailable, match=f"without {stage}: no time"):
            cursor.check("ü", trace(stage))
    cursor.check("ü", trace("graph", graph=GraphUse(used=True, reason="asked for")))


@pytest.mark.parametrize("last", ["a", None])
def test_another_hit_at_the_place_of_the_last_one_is_stale(last):
    with pytest.raises(StaleError, match="hit 4 is another document"):
        Cursor.of(request(after()), RELEASE).check(last, trace())
