"""How likely an answer is by its words: coverage of the query, and the lead in fusion."""

from __future__ import annotations

import numpy as np
import pytest

from clew.search.answer_words import WORDS, WordsCalibration, coverage, importance, relative_leads


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


def test_leads_do_not_depend_on_the_size_of_scores() -> None:
    assert relative_leads(np.array([8.0, 4.0, 2.0])).tolist() == [0.5, -0.5, -0.75]
    assert relative_leads(np.array([40.0, 20.0, 10.0])).tolist() == [0.5, -0.5, -0.75]
    assert relative_leads(np.array([5.0, -9.0])).tolist() == [1, -1]


def test_nothing_is_far_ahead_among_documents_that_have_little_to_do_with_the_query() -> None:
    assert relative_leads(np.array([1.0, 0.5, 0.0])) == pytest.approx([0.1, -0.1, -0.2])
    assert relative_leads(np.empty(0)).tolist() == []


def test_the_probability_rises_with_both() -> None:
    assert WordsCalibration(1.0, 1.0, -1.0).probability(0.5, 0.5) == 0.5
    assert WORDS.probability(1.0, 0.5) > WORDS.probability(0.5, 0.5) > WORDS.probability(0.5, 0.0)
