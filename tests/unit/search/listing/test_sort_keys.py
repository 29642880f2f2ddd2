import pytest

from clew.core.errors import QueryError
from clew.search.fields import FieldSpec
from clew.search.listing.sort_keys import SortKey, parse_sort

FIELDS = {
    "title": FieldSpec("text"),
    "text": FieldSpec("text"),
    "brand": FieldSpec("keyword"),
    "price": FieldSpec("number"),
    "place": FieldSpec("geo"),
    "a:desc": FieldSpec("date"),
}


def test_fields_ascend_and_relevance_descends_unless_the_key_says_otherwise():
    keys = parse_sort(["price", "brand:desc", " title : ASC ", "_score"], FIELDS)
    assert keys == (
        SortKey("price"),
        SortKey("brand", descending=True),
        SortKey("title"),
        SortKey("_score", descending=True),
    )
    assert parse_sort(["_score:asc"], FIELDS) == (SortKey("_score"),)


def test_a_field_with_a_colon_in_its_name_can_be_named():
    assert parse_sort(["a:desc"], FIELDS) == (SortKey("a:desc"),)
    assert parse_sort(["a:desc:desc"], FIELDS) == (SortKey("a:desc", descending=True),)


def test_relevance_alone_is_no_sort():
    assert parse_sort(["_score"], FIELDS) == parse_sort([], FIELDS) == ()


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["prise"], "sort: unknown field 'prise'", "did you mean 'price'"),
        (["price:up"], "sort: 'price:up' ends in neither :asc nor :desc", "price:desc"),
        ([":asc"], "sort: ':asc' names no field", "price:desc"),
        ([""], "sort: '' names no field", "price:desc"),
        (["place"], "sort: 'place' is a geo field, whose values have no order", "title, brand, price, a:desc, _score"),
        (["text"], "sort: 'text' is a text field, whose values have no order", "declare it as a keyword"),
        (["price", "price:desc"], "sort names 'price' twice", "once"),
        (["price"] * 9, "sort has 9 keys", "at most 8"),
    ],
)
def test_a_key_that_cannot_be_sorted_by_is_named(words, message, hint):
    with pytest.raises(QueryError) as error:
        parse_sort(words, FIELDS)
    assert message in error.value.message
    assert hint in error.value.hint
