import pytest

from clew.core.errors import QueryError
from clew.search.fields import FieldSpec
from clew.search.names import listed, selected

FIELDS = {name: FieldSpec("keyword") for name in ("title", "image_small", "image_large", "a.b", "axb", "*")}


def test_a_list_of_names_is_a_list_or_a_string_with_commas():
    assert listed("price:asc, rating:desc,") == listed(["price:asc", "rating:desc"]) == ("price:asc", "rating:desc")
    assert listed(["a, b"]) == ("a, b",)
    assert listed("") == listed([]) == ()


def test_fields_are_selected_by_name_and_pattern_in_declared_order():
    assert selected(["image_large", "title"], FIELDS) == ("title", "image_large")
    assert selected(["image_*"], FIELDS) == selected(["*_*"], FIELDS) == ("image_small", "image_large")
    assert selected(["a.*"], FIELDS) == ("a.b",)
    assert selected(["*"], FIELDS) == ("*",)
    assert selected(["**"], FIELDS) == tuple(FIELDS)
    assert selected([], FIELDS) == ()


@pytest.mark.parametrize("name", ["tilte", "tit*x", ""])
def test_a_name_that_no_field_has_is_refused(name):
    with pytest.raises(QueryError, match="fields: unknown field") as error:
        selected(["title", name], FIELDS)
    assert "title" in error.value.hint
