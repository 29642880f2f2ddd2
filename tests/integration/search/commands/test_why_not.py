"""`clew why-not`: which stage lost a document."""

import json

import pytest

from clew.core.errors import NotFoundError, QueryError


def test_it_says_which_stage_lost_a_document(clew_shop, lines):
    lost = lines(clew_shop("why-not", "shop", "lamp", "d3", "--filter", "price<50"))
    assert lost == ["d3 was lost at: filter (a filter excludes it: price<50)"]
    found = json.loads(clew_shop("why-not", "shop", "lamp", "d1", "--json").stdout)
    assert found["found"]
    assert [stage["stage"] for stage in found["stages"]] == ["bm25", "dense", "fusion"]


def test_the_options_of_the_search_decide(clew_shop, lines):
    assert lines(clew_shop("why-not", "shop", "lamp", "d2", "-k", "1"))[0].startswith("d2 was lost at: fusion ")
    assert lines(clew_shop("why-not", "shop", "lamp", "d2", "-k", "2"))[0].startswith("d2 is among the hits ")
    shown = lines(clew_shop("why-not", "shop", "lamp", "d3", "--sources", "bm25"))
    assert shown[0] == "d3 was lost at: match (no query term is in it)"


def test_the_conditions_that_exclude_a_document_are_named(clew_shop, lines):
    words = [word for each in ("price<50", "brand=Kvist", "price missing") for word in ("--filter", each)]
    lost = lines(clew_shop("why-not", "shop", "lamp", "d3", *words))
    assert lost == ["d3 was lost at: filter (filters exclude it: price<50, price missing)"]
    one = lines(clew_shop("why-not", "shop", "lamp", "d1", *words))
    assert one == ["d1 was lost at: filter (a filter excludes it: price missing)"]


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        (["shpo", "lamp", "d1"], NotFoundError, "'shpo'"),
        (["shop", "", "d1"], QueryError, "query is empty"),
        (["shop", "lamp", "d1", "-k", "0"], QueryError, "k is 0"),
    ],
)
def test_bad_input_is_named(clew_shop, words, error, message):
    result = clew_shop("why-not", *words)
    assert isinstance(result.exception, error)
    assert message in result.exception.message


def test_an_unknown_document_is_said(clew_shop, lines):
    assert lines(clew_shop("why-not", "shop", "lamp", "d9"))[0].startswith("d9 was lost at: index ")
