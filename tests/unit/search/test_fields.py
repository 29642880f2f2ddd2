"""Declared fields: what a facet may be."""

import math

import pytest

from clew.search.fields import FieldSpec


@pytest.mark.parametrize("borders", [[math.nan], [0.0, math.inf], [5.0, 1.0]])
def test_the_borders_of_ranges_are_finite_and_ascend(borders):
    with pytest.raises(ValueError, match="ascending borders"):
        FieldSpec("number", facet=borders)
