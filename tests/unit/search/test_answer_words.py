"""How likely an answer is by its words and by the lead in fusion."""

from __future__ import annotations

import numpy as np

from clew.search.answer_words import WORDS, WordsCalibration, relative_leads


def test_leads_do_not_depend_on_the_size_of_scores() -> None:
    assert relative_leads(np.array([4.0, 2.0, 1.0])).tolist() == [0.5, -0.5, -0.75]
    assert relative_leads(np.array([40.0, 20.0, 10.0])).tolist() == [0.5, -0.5, -0.75]
    assert relative_leads(np.array([1.0, -9.0])).tolist() == [1, -1]
    assert relative_leads(np.array([-1.0, -9.0])).tolist() == [0, 0]
    assert relative_leads(np.empty(0)).tolist() == []


def test_the_probability_rises_with_both() -> None:
    assert WordsCalibration(1.0, 1.0, -1.0).probability(0.5, 0.5) == 0.5
    assert WORDS.probability(1.0, 0.5) > WORDS.probability(0.5, 0.5) > WORDS.probability(0.5, 0.0)
