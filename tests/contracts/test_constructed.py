"""A name that was registered a moment ago is made without being named in a test, or the failure says what to do."""

import re

import pytest

from clew.core.registry import Registry
from clew.core.text import Analyzer
from clew.search.candidates.bm25 import BM25Spec
from tests.contracts.constructed import constructed


def test_parameters_come_from_what_is_given_or_from_the_defaults_of_their_type():
    registry = Registry("index kind", {"mine": "clew.search.candidates.bm25:BM25Kind"})
    made = constructed(registry, "mine", {"weights": {"text": 2.0}}, "MAKERS")
    assert (made.spec, made.weights) == (BM25Spec(), {"text": 2.0})
    assert isinstance(made.analyzer, Analyzer)


@pytest.mark.parametrize(
    ("place", "parameter"),
    [("clew.search.candidates.bm25:BM25", "shards"), ("clew.search.candidates.graph:GraphShard", "rarity")],
)
def test_a_constructor_that_cannot_be_filled_is_named_with_the_table_to_add_to(place, parameter):
    registry = Registry("index kind", {"mine": place})
    says = f"index kind 'mine' .* needs '{parameter}' .*: add a line for 'mine' to MAKERS in " + re.escape("x.py")
    with pytest.raises(pytest.fail.Exception, match=says):
        constructed(registry, "mine", {"directory": None}, "MAKERS in x.py")
