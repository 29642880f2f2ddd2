"""The weights of a relation's fit: a conditional logit over the steps that a question chooses among."""

from __future__ import annotations

import numpy as np
import pytest

from clew.benchmarks.graph.fits import Choice, fitted
from clew.core.errors import DataError
from clew.indexer.tuning.relations import Answered
from clew.kg.relations import Step

STEPS = (Step("spouse", True), Step("employer", True), Step("birthplace", True))


def questions(weight, count=4_000, word="who"):
    """Draw questions that choose a step by its cosine alone, with this weight."""
    draw = np.random.default_rng(0)
    for _ in range(count):
        cosines = draw.normal(size=len(STEPS))
        odds = np.exp(weight * cosines)
        chosen = int(draw.choice(len(STEPS), p=odds / odds.sum()))
        right = np.arange(len(STEPS)) == chosen
        yield Choice(STEPS, cosines, right, Answered((word,), {(STEPS[chosen],): 1.0}))


@pytest.mark.parametrize("weight", [0.0, 0.5, 1.5])
def test_the_weight_by_which_questions_chose_is_found_again(weight):
    found = fitted(list(questions(weight)))
    assert (found.cosine, found.cosine_learned) == pytest.approx((weight, weight), abs=0.1)


def test_words_that_tell_the_step_count_and_others_do_not():
    telling = [
        Choice(STEPS, np.zeros(3), np.arange(3) == at, Answered((word,), {(STEPS[at],): 1.0}))
        for at, word in enumerate(("married", "works", "born"))
        for _ in range(20)
    ]
    shuffled = [telling[at] for at in np.random.default_rng(0).permutation(len(telling))]
    assert fitted(shuffled).likelihood > 0.5


def test_no_question_to_learn_from_is_an_error():
    with pytest.raises(DataError, match="no train question"):
        fitted([])
