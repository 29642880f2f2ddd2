"""Counting the words of questions with known answers."""

from __future__ import annotations

from clew.indexer.tuning.relations import Answered, learn
from clew.kg.relations import RelationModel, Step

DEATH, BIRTH = Step("cause_of_death", True), Step("place_of_birth", True)


def test_words_are_counted_for_each_step_and_in_all() -> None:
    found = learn([Answered(("what", "kill"), {(DEATH,): 1.0}), Answered(("how", "kill"), {(DEATH,): 0.8})])
    assert found == RelationModel(
        {DEATH.key: {"how": 1.0, "kill": 2.0, "what": 1.0}}, {"how": 1, "kill": 2, "what": 1}, 2
    )


def test_a_share_counts_once_per_question() -> None:
    found = learn([Answered(("x",), {(DEATH,): 0.5, (BIRTH,): 0.5})])
    assert found.words == {DEATH.key: {"x": 0.5}, BIRTH.key: {"x": 0.5}}
    assert found.questions == 1


def test_a_word_speaks_for_the_step_that_its_questions_were_answered_by() -> None:
    model = learn([Answered(("what", "kill"), {(DEATH,): 1.0}), Answered(("where", "born"), {(BIRTH,): 1.0})])
    assert model.fit(("what", "kill"), DEATH) > model.fit(("what", "kill"), BIRTH)
    assert not learn([])


def test_a_path_counts_from_two_questions_on_and_a_step_from_one() -> None:
    path = (DEATH, Step("disease_of", False))
    once = learn([Answered(("what",), {path: 1.0}), Answered(("where",), {(BIRTH,): 1.0})])
    assert list(once.words) == [BIRTH.key]
    assert once.questions == 1
    both = Answered(("illness",), {path: 0.5, (BIRTH, BIRTH): 0.5})
    twice = learn([Answered(("what", "illness"), {path: 1.0}), both])
    assert twice.paths == (path,)
    assert RelationModel.of_table(twice.as_table()).paths == (path,)
    assert twice.fit(("illness",), *path) > twice.fit(("illness",), BIRTH)
