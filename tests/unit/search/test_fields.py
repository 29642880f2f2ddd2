"""Declared fields: what a facet may be."""

import math

import pytest

from clew.search.fields import FieldSpec, identifier_fields


@pytest.mark.parametrize("borders", [[math.nan], [0.0, math.inf], [5.0, 1.0]])
def test_the_borders_of_ranges_are_finite_and_ascend(borders):
    with pytest.raises(ValueError, match="ascending borders"):
        FieldSpec("number", facet=borders)


@pytest.mark.parametrize(
    "name",
    [
        "sku",
        "SKU",
        "Variant SKU",
        "variants.sku",
        "sku.value",
        "gtin13",
        "skuId",
        "partNumber",
        "part_number",
        "Item Number",
        "mpn",
    ],
)
def test_a_field_is_an_identifier_by_its_name(name):
    assert identifier_fields({name: FieldSpec("keyword")}) == [name]
    assert identifier_fields({name: FieldSpec("keyword", identifier=False)}) == []
    assert identifier_fields({name: FieldSpec("number")}) == []


@pytest.mark.parametrize("name", ["colour", "skull", "meaning", "number", "title", "skus.size"])
def test_other_names_are_none_unless_declared(name):
    assert identifier_fields({name: FieldSpec("keyword")}) == []
    assert identifier_fields({name: FieldSpec("list", identifier=True)}) == [name]


def test_a_number_cannot_be_an_identifier():
    with pytest.raises(ValueError, match="number field cannot contain identifiers"):
        FieldSpec("number", identifier=True)


def test_separators_are_for_lists_and_levels_for_hierarchies():
    assert FieldSpec("list", separator=",", facet="hierarchy", levels="/").levels == "/"
    with pytest.raises(ValueError, match="separator is for list fields"):
        FieldSpec("keyword", separator=",")
    with pytest.raises(ValueError, match='levels is for fields with facet = "hierarchy"'):
        FieldSpec("keyword", facet=True, levels="/")
