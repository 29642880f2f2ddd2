import pytest

from clew.core.errors import QueryError
from clew.search.fields import FieldSpec
from clew.search.filter_words import filter_words, parse_filter_words
from clew.search.filters import parse_filters

FIELDS = {
    "title": FieldSpec("text"),
    "brand": FieldSpec("keyword"),
    "category": FieldSpec("keyword", facet="hierarchy"),
    "tags": FieldSpec("list"),
    "price": FieldSpec("number"),
    "new": FieldSpec("bool"),
    "day": FieldSpec("date"),
    "place": FieldSpec("geo"),
    "In stock": FieldSpec("bool"),
}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["brand=Sony"], {"brand": {"eq": "Sony"}}),
        (["price<50", "price >= 10"], {"price": {"lt": 50.0, "gte": 10.0}}),
        (["category under Home > Kitchen"], {"category": {"under": "Home > Kitchen"}}),
        (["brand != red=hot"], {"brand": {"ne": "red=hot"}}),
        (["brand in Sony, LG "], {"brand": {"in": ["Sony", "LG"]}}),
        (["price exists", "title missing"], {"price": {"exists": True}, "title": {"exists": False}}),
        (["new=yes"], {"new": {"eq": True}}),
        (["place near 48.85, 2.35, 10"], {"place": {"near": {"lat": 48.85, "lon": 2.35, "km": 10.0}}}),
        (["brand!=a", "brand!=b"], {"brand": {"ne": "a"}, "must": [{"brand": {"ne": "b"}}]}),
        (["day>2024-05"], {"day": {"gt": "2024-05"}}),
        (['"In stock"=true'], {"In stock": {"eq": True}}),
        (['"In stock" missing', '"brand"!="x"'], {"In stock": {"exists": False}, "brand": {"ne": '"x"'}}),
    ],
)
def test_words_of_the_command_line_make_a_filter(words, expected):
    assert parse_filter_words(words, FIELDS) == expected
    parse_filters(expected, FIELDS)


@pytest.mark.parametrize(
    ("word", "message"),
    [("brand", "cannot be parsed"), ("brnd=Sony", "unknown field 'brnd'"), ("price<cheap", "'cheap' is not a number"),
     ("new=perhaps", "neither true nor false"), ("brand=", "has no value"), ("price exists now", "cannot be parsed"),
     ("place near 1,2", "cannot be parsed"), ("", "cannot be parsed"), ("In stock=true", "cannot be parsed"),
     ('"In stok"=true', "unknown field 'In stok'")],
)  # fmt: skip
def test_words_that_are_no_filter_are_shown(word, message):
    with pytest.raises(QueryError, match=message) as error:
        parse_filter_words([word], FIELDS)
    assert repr(word) in error.value.message
    assert error.value.hint


def test_the_hint_says_how_a_field_with_a_space_is_named():
    with pytest.raises(QueryError) as error:
        parse_filter_words(["In stock=true"], FIELDS)
    assert error.value.hint.endswith("""quote the name of a field that has a space: '"In stock"=true'""")


@pytest.mark.parametrize(
    "words",
    ["brand=Sony", "price<50", "price>=10.5", "category under Home > Kitchen", "brand!=red", "brand in Sony, LG",
     "price exists", "title missing", "new=true", "place near 48.85, 2.35, 10", '"In stock"=false'],
)  # fmt: skip
def test_a_condition_is_written_as_it_was_typed(words):
    ((name, operators),) = parse_filter_words([words], FIELDS).items()
    assert [filter_words(name, *item) for item in operators.items()] == [words]
