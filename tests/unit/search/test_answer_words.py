"""How likely an answer is by its words and by the lead in fusion."""

from __future__ import annotations

import numpy as np
import pytest

from clew.search.answer_words import WORDS, WordsCalibration, relative_leads


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
