"""How much of a query's content a text has."""

from __future__ import annotations

import numpy as np
import pytest

from clew.core.text import Analyzer
from clew.search.protocols import ParsedQuery, Spelling
from clew.search.terms import QueryTerms, coverage, importance


class Vocabulary:
    """Terms in 99, 9 and no passages."""

    def document_frequency(self, term: str) -> int:
        return {"common": 99, "rare": 9}.get(term, 0)


def test_a_rare_term_is_worth_more_and_an_unknown_one_most() -> None:
    worth = importance({"common": 1.0, "rare": 1.0, "new": 1.0, "light": 0.0}, Vocabulary(), 100)
    assert worth["common"] == pytest.approx(np.log(1 + 1.5 / 99.5))
    assert worth["rare"] == pytest.approx(np.log(1 + 91.5 / 9.5))
    assert worth["light"] == 0 < worth["common"] < worth["rare"] < worth["new"]


def test_coverage_is_the_share_of_the_content() -> None:
    worth = {"a": 3.0, "b": 1.0}
    assert coverage(worth, {"a": 1.0}) == 0.75
    assert coverage(worth, {"a": 0.5, "b": 1.0}) == 0.625
    assert coverage(worth, {"a": 1.0, "b": 1.0, "c": 1.0}) == 1
    assert coverage(worth, {}) == 0
    assert coverage({}, {"a": 1.0}) == 0


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("lamp", 0),
        ("coat", 0.5),
        ("a coat for rain", 1),
        ("raincoat", 1),
        ("coat, aincoat", 0.875),  # what two spellings both have counts once
    ],
)
def test_other_spellings_stand_for_the_part_of_a_term_that_they_spell(text, share) -> None:
    spellings = (
        Spelling("rain", "raincoat", 0, 0.5),
        Spelling("coat", "raincoat", 0.5, 1),
        Spelling("aincoat", "raincoat", 0.125, 1),
    )
    terms = QueryTerms(
        Analyzer(), ParsedQuery("blue raincoat", (("blue", 1.0), ("raincoat", 1.0)), spellings=spellings)
    )
    assert terms.shares(f"{text} in blue") == {"blue": 1.0, **({"raincoat": share} if share else {})}
