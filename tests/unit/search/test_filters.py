import datetime
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.core.errors import QueryError
from clew.core.types import Document
from clew.search.dates import interval
from clew.search.docstore import DocStore, write_documents, write_passages
from clew.search.fields import FieldSpec
from clew.search.filters import parse_filters, passages, unknown_values

FIELDS = {
    "title": FieldSpec("text"),
    "brand": FieldSpec("keyword"),
    "category": FieldSpec("keyword", facet="hierarchy"),
    "tags": FieldSpec("list"),
    "price": FieldSpec("number"),
    "new": FieldSpec("bool"),
    "day": FieldSpec("date"),
    "place": FieldSpec("geo"),
}
SHOP = [
    {"title": "Kettle", "brand": "Sony", "category": "Home > Kitchen", "tags": ["steel", "1.7 l"], "price": 25.0,
     "new": True, "day": "2024-05-01", "place": (48.8566, 2.3522)},
    {"brand": "LG", "category": "Home > Kitchenware", "tags": ["steel"], "price": 49.99, "new": False,
     "day": "2024-12-31T23:59:59Z", "place": (51.5074, -0.1278)},
    {"brand": "Sony", "category": "Home>Kitchen > Kettles", "price": 50.0, "day": "2025-01-01", "place": (0.0, 179.9)},
    {"title": "Bare"},
]  # fmt: skip


def opened(folder, documents) -> DocStore:
    write_documents([Document(str(at), fields) for at, fields in enumerate(documents)], FIELDS, folder)
    every = np.arange(len(documents))
    write_passages(folder, every.repeat(2), np.zeros(2 * len(every)), np.ones(2 * len(every)))
    return DocStore.open([folder], FIELDS)


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return opened(tmp_path_factory.mktemp("shop"), SHOP)


def found(store, filters) -> list[int]:
    return np.flatnonzero(parse_filters(filters, FIELDS).documents(store)).tolist()


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, [0, 1, 2, 3]),
        ({"brand": "Sony"}, [0, 2]),
        ({"brand": "Nobody"}, []),
        ({"brand": ["LG", "Sony"]}, [0, 1, 2]),
        ({"brand": " SONY\u00a0"}, [0, 2]),
        ({"brand": {"ne": "sony"}}, [1, 3]),
        ({"brand": "ＬＧ"}, [1]),
        ({"tags": "Steel"}, [0, 1]),
        ({"category": {"under": "home>KITCHEN"}}, [0, 2]),
        ({"brand": {"ne": "Sony"}}, [1, 3]),
        ({"brand": "Sony", "price": {"lt": 50}}, [0]),
        ({"tags": "steel"}, [0, 1]),
        ({"tags": {"ne": "1.7 l"}}, [1, 2, 3]),
        ({"category": {"under": "Home"}}, [0, 1, 2]),
        ({"category": {"under": "Home > Kitchen"}}, [0, 2]),
        ({"category": {"under": "Kitchen"}}, []),
        ({"price": 25}, [0]),
        ({"price": {"gte": 25, "lte": 49.99}}, [0, 1]),
        ({"price": {"gt": 25}}, [1, 2]),
        ({"price": {"ne": 25}}, [1, 2, 3]),
        ({"price": {"in": [25, 50]}}, [0, 2]),
        ({"new": True}, [0]),
        ({"new": False}, [1]),
        ({"new": {"ne": True}}, [1, 2, 3]),
        ({"day": "2024"}, [0, 1]),
        ({"day": {"lte": "2024-12-31"}}, [0, 1]),
        ({"day": {"gt": "2024-12"}}, [2]),
        ({"day": {"lt": "2024-12-31T23:59:59Z"}}, [0]),
        ({"day": datetime.date(2024, 5, 1)}, [0]),
        ({"place": {"near": {"lat": 48.85, "lon": 2.35, "km": 5}}}, [0]),
        ({"place": {"near": {"lat": 48.85, "lon": 2.35, "km": 400}}}, [0, 1]),
        ({"place": {"near": {"lat": 0, "lon": -179.9, "km": 30}}}, [2]),
        ({"title": {"exists": True}}, [0, 3]),
        ({"price": {"exists": False}}, [3]),
        ({"must_not": [{"brand": "Sony"}]}, [1, 3]),
        ({"should": [{"brand": "LG"}, {"new": True}]}, [0, 1]),
        ({"should": [{"brand": "Sony"}, {"new": True}, {"price": 50}], "min_should": 2}, [0, 2]),
        ({"must": [{"price": {"gt": 20}}, {"price": {"lt": 30}}], "brand": "Sony"}, [0]),
        ({"must_not": [{"should": [{"brand": "LG"}, {"must": [{"price": 25}]}]}]}, [2, 3]),
        ({"should": []}, [0, 1, 2, 3]),
    ],
)
def test_filters_keep_the_documents_they_say(shop, filters, expected):
    assert found(shop, filters) == expected


@pytest.mark.parametrize(
    ("filters", "message", "hint"),
    [
        ({"brnd": "Sony"}, "filters.brnd: unknown field 'brnd'", "did you mean 'brand'"),
        ({"title": "Kettle"}, "filters.title: a text field cannot be filtered", "keyword"),
        ({"price": {"gte": "cheap"}}, "filters.price.gte is 'cheap', expected a number", ""),
        ({"price": True}, "filters.price is True, expected a number", ""),
        ({"price": math.nan}, "filters.price is nan, expected a finite number", ""),
        ({"price": 10**400}, "expected a finite number", ""),
        ({"price": {"under": 3}}, "filters.price.under: a number field does not take 'under'", "use one of eq, ne"),
        ({"price": {"gtx": 3}}, "filters.price.gtx: unknown operator 'gtx'", "did you mean 'gt"),
        ({"price": {}}, "filters.price has no operator", "give an operator of number fields: eq"),
        ({"brand": []}, "filters.brand is [], expected a list of at least one value", ""),
        ({"brand": ["Sony", 3]}, "filters.brand[1] is 3, expected a string", ""),
        ({"brand": None}, "filters.brand is None, expected a string", ""),
        ({"new": 1}, "filters.new is 1, expected true or false", ""),
        ({"new": {"exists": "yes"}}, "filters.new.exists is 'yes', expected true or false", ""),
        ({"day": "soon"}, "filters.day: 'soon' is not an ISO 8601 date", "2024-05-01"),
        ({"day": "2024-02-30"}, "'2024-02-30' does not exist in the calendar", ""),
        ({"day": 2024}, "2024 is not an ISO 8601 date", ""),
        ({"category": {"under": " > "}}, "filters.category.under is ' > ', expected a path", ""),
        ({"place": {"near": {"lat": 1, "lon": 2}}}, "filters.place.near is", "km"),
        ({"place": {"near": {"lat": 91, "lon": 2, "km": 1}}}, "filters.place.near.lat is 91, expected -90 to 90", ""),
        ({"place": [1, 2]}, "filters.place: a geo field does not take 'in'", "near"),
        ({"must": {"brand": "Sony"}}, "filters.must is {'brand': 'Sony'}, expected a list", ""),
        ({"must": [{"price": {"lt": "x"}}]}, "filters.must[0].price.lt is 'x'", ""),
        ({"should": [{"new": True}], "min_should": 2}, "filters.min_should is 2", "1 to 1"),
        ({"min_should": 1}, "filters.min_should is 1", "named should"),
        (["brand"], "filters is ['brand'], expected a mapping", ""),
    ],
)
def test_a_wrong_filter_is_named_with_its_place(filters, message, hint):
    with pytest.raises(QueryError) as error:
        parse_filters(filters, FIELDS)
    assert message in error.value.message
    assert hint in error.value.hint


def test_depth_and_number_of_conditions_are_bounded():
    deep: dict = {"brand": "Sony"}
    for _ in range(8):
        deep = {"must": [deep]}
    with pytest.raises(QueryError, match="nested more than 8 levels deep"):
        parse_filters(deep, FIELDS)
    with pytest.raises(QueryError, match="more than 1,000 conditions"):
        parse_filters({"should": [{"brand": "Sony"}] * 1001}, FIELDS)


def test_documents_become_passages(shop):
    kept = parse_filters({"brand": "Sony"}, FIELDS).documents(shop)
    assert passages(kept, shop).tolist() == [True, True, False, False, True, True, False, False]


# ------------------------------------------------------------------ against a plain evaluator

BRANDS, TAGS = ["a", "b", "c"], ["x", "y", "z"]
PATHS = ["A", "A > B", "A > B > C", "A > BB", "D"]
DAYS = ["2023-12-31", "2024-01-01", "2024-06-15T10:00:00Z", "2025-01-01"]
PRICES = [-1.0, 0.0, 1.5, 2.0]
some_document = st.fixed_dictionaries({}, optional={
    "title": st.just("t"), "brand": st.sampled_from(BRANDS), "category": st.sampled_from(PATHS),
    "tags": st.lists(st.sampled_from(TAGS), max_size=3), "price": st.sampled_from(PRICES), "new": st.booleans(),
    "day": st.sampled_from(DAYS),
})  # fmt: skip
OF = {"brand": st.sampled_from(BRANDS), "tags": st.sampled_from(TAGS), "category": st.sampled_from(PATHS),
      "price": st.sampled_from(PRICES), "new": st.booleans(), "day": st.sampled_from([*DAYS, "2024"])}  # fmt: skip


@st.composite
def conditions(draw):
    name = draw(st.sampled_from(sorted(OF)))
    operators = ["eq", "ne", "in", "exists"]
    operators += ["gt", "gte", "lt", "lte"] if name in {"price", "day"} else []
    operators += ["under"] if name in {"category", "tags"} else []
    operator = draw(st.sampled_from(operators))
    if operator == "exists":
        return {name: {"exists": draw(st.booleans())}}
    if operator == "in":
        return {name: {"in": draw(st.lists(OF[name], min_size=1, max_size=3))}}
    return {name: {operator: draw(OF[name])}}


def groups(children):
    return st.fixed_dictionaries({}, optional={
        name: st.lists(children, min_size=1, max_size=3) for name in ("must", "should", "must_not")
    }).flatmap(lambda group: st.integers(1, len(group["should"])).map(lambda n: {**group, "min_should": n})
               if "should" in group else st.just(group))  # fmt: skip


some_filter = st.recursive(conditions(), groups, max_leaves=6)


def holds(document, filters) -> bool:
    """The meaning of a filter, one document at a time."""
    own = {name: wanted for name, wanted in filters.items() if name in FIELDS}
    should = [holds(document, part) for part in filters.get("should", [])]
    return (
        all(meets(document.get(name), *pair) for name, wanted in own.items() for pair in wanted.items())
        and all(holds(document, part) for part in filters.get("must", []))
        and not any(holds(document, part) for part in filters.get("must_not", []))
        and (not should or sum(should) >= filters.get("min_should", 1))
    )


def meets(value, operator, wanted) -> bool:
    values = value if isinstance(value, list) else [] if value is None else [value]
    if operator == "exists":
        return bool(values) == wanted
    if operator == "ne":
        return not any(compared(own, "eq", wanted) for own in values)
    if operator == "in":
        return any(compared(own, "eq", one) for own in values for one in wanted)
    return any(compared(own, operator, wanted) for own in values)


def compared(own, operator, wanted) -> bool:
    if operator == "under":
        return f"{own} > ".startswith(f"{wanted} > ")
    if isinstance(own, str) and own[:2] == "20":
        (first, _), (low, after) = interval(own), interval(wanted)
        return {"eq": low <= first < after, "lt": first < low, "lte": first < after, "gt": first >= after,
                "gte": first >= low}[operator]  # fmt: skip
    return {"eq": own == wanted, "lt": own < wanted, "lte": own <= wanted, "gt": own > wanted, "gte": own >= wanted}[
        operator
    ]


@settings(max_examples=80, deadline=None)
@given(st.lists(some_document, max_size=8), st.lists(some_filter, min_size=1, max_size=6))
def test_filters_agree_with_a_plain_evaluator(tmp_path_factory, documents, filters):
    store = opened(tmp_path_factory.mktemp("random"), documents)
    for one in filters:
        expected = [at for at, document in enumerate(documents) if holds(document, one)]
        assert found(store, one) == expected, one


def test_a_value_that_no_document_has_is_noted_with_the_nearest(shop):
    def notes(filters):
        return unknown_values(parse_filters(filters, FIELDS), shop)

    assert notes({"brand": "Sonny"}) == ["no document has the brand 'Sonny'; did you mean 'Sony'?"]
    assert notes({"brand": ["sony", "Nobody"]}) == ["no document has the brand 'Nobody'"]
    assert notes({"should": [{"tags": "stel"}, {"price": 1}]}) == [
        "no document has the tags 'stel'; did you mean 'steel'?"
    ]
    assert notes({"brand": "LG", "must_not": [{"brand": "Nobody"}]}) == []
    assert len(notes({"brand": [f"x{number}" for number in range(100)]})) <= 5
