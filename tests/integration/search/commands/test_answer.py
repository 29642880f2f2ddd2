"""`clew answer`: sentences on stdout; what they are is tested in tests/integration/test_answer.py."""

import dataclasses
import json

import pytest

import clew
from clew.core.errors import QueryError


def test_the_sentence_is_shown_with_its_document_and_place(clew_shop, lines):
    result = clew_shop("answer", "shop", "what keeps tea warm", "-k", "1", "--sources", "bm25")
    shown = lines(result)
    assert shown[0] == "  1. Boils quietly, keeps tea warm."
    assert shown[1] == "     Quiet kettle  d3  text, body 0–30"
    assert "release" in result.stderr


def test_json_is_the_response(clew_shop, shop_home):
    answer = json.loads(clew_shop("answer", "shop", "warm lamp", "--filter", "price<50", "--json").stdout)
    with clew.open("shop", shop_home) as index:
        response = dataclasses.asdict(index.answer("warm lamp", filters={"price": {"lt": 50}}))
    assert answer["answers"] == json.loads(json.dumps(response["answers"]))
    assert [found["id"] for found in answer["answers"]] == ["d1"]


@pytest.mark.parametrize(
    ("words", "message"), [(["-k", "51"], "k is 51"), (["--filter", "brnd=Sony"], "unknown field 'brnd'")]
)
def test_bad_input_is_named(clew_shop, words, message):
    result = clew_shop("answer", "shop", "warm lamp", *words)
    assert isinstance(result.exception, QueryError)
    assert message in result.exception.message


@pytest.mark.parametrize("option", ["--explain", "--offset=3", "--facet=brand", "--profile=qa"])
def test_options_of_a_list_of_hits_do_not_exist(clew_shop, option):
    result = clew_shop("answer", "shop", "warm lamp", option)
    assert result.exit_code == 2
    assert "No such option" in result.output
