"""A query's own document: which one it is, and how it is left out."""

from types import SimpleNamespace

import numpy as np
import pytest

from clew.core.errors import UnknownNameError
from clew.search.identical_ids import check_identical_ids, own_document, without_own

DOCUMENTS = {
    "q1": {"title": "", "text": "Kettles  boil water"},
    "q2": {"title": "Pans fry", "text": "eggs"},
    "1": {"title": "Garden hose", "text": "", "price": 3.0},
}
STORE = SimpleNamespace(
    find=lambda name: list(DOCUMENTS).index(name) if name in DOCUMENTS else None,
    fields_of=lambda at: list(DOCUMENTS.values())[at],
)


@pytest.mark.parametrize(
    ("query", "text", "rule", "own"),
    [
        ("q1", "kettles boil water", "auto", "q1"),
        ("q2", "pans fry eggs", "auto", "q2"),
        ("1", "a new kettle", "auto", None),  # both are only numbered from 1
        ("1", "a new kettle", "ignore", "1"),
        ("q1", "kettles boil water", "keep", None),
        ("q9", "kettles boil water", "ignore", None),
    ],
)
def test_auto_also_compares_the_texts(query, text, rule, own):
    assert own_document(STORE, query, text, rule) == own


def test_a_document_judged_for_its_query_stays_unless_all_are_ignored():
    assert own_document(STORE, "q1", "kettles boil water", "auto", {"q1": 1}) is None
    assert own_document(STORE, "q1", "kettles boil water", "ignore", {"q1": 1}) == "q1"


def test_the_next_document_takes_the_place():
    assert without_own(["q1", "a", "b"], np.array([3.0, 2.0, 1.0]), "q1", 2) == {"a": 2.0, "b": 1.0}
    assert without_own(["b", "a", "q1"], np.array([3.0, 2.0, 1.0]), None, 2) == {"b": 3.0, "a": 2.0}


def test_an_unknown_rule_is_answered_with_the_nearest():
    with pytest.raises(UnknownNameError, match="unknown rule for identical ids 'ignor'") as caught:
        check_identical_ids("ignor")
    assert "did you mean 'ignore'" in caught.value.hint
