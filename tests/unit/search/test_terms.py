"""How much of a query's content a text has."""

from __future__ import annotations

import numpy as np
import pytest

from clew.search.protocols import Spelling
from clew.search.terms import coverage, importance


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
    assert coverage(worth, {"a"}) == 0.75
    assert coverage(worth, {"a", "b", "c"}) == 1
    assert coverage(worth, set()) == 0
    assert coverage({}, {"a"}) == 0


def test_other_spellings_stand_for_the_part_of_a_term_that_they_spell() -> None:
    worth = {"raincoat": 3.0, "blue": 1.0}
    spellings = {"raincoat": [Spelling("rain", "raincoat", 0, 0.5), Spelling("coat", "raincoat", 0.5, 1)]}
    found = [coverage(worth, {*terms, "blue"}, spellings) for terms in ((), ("coat",), ("rain", "coat"), ("raincoat",))]
    assert found == [0.25, 0.625, 1, 1]
    # What two spellings both have counts once.
    more = {"raincoat": [*spellings["raincoat"], Spelling("aincoat", "raincoat", 0.125, 1)]}
    assert coverage(worth, {"coat", "aincoat"}, more) == 0.75 * 0.875
