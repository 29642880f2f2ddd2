"""Which relation a question asks for: names in words, and what judged questions teach."""

from __future__ import annotations

import json

import pytest

from clew.kg.relations import Answered, RelationModel, Step, remainder, short, spoken


@pytest.mark.parametrize(
    ("relation", "words", "last"),
    [
        ("/people/deceased_person/cause_of_death", "people deceased person cause of death", "cause of death"),
        ("has_brand", "has brand", "has brand"),
        ("MADE_BY", "made by", "made by"),
        ("hasBrand", "has brand", "has brand"),
        ("/film/film/release_date_s./film/film_regional_release_date/film_release_region",
         "film film release date s film film regional release date film release region",
         "release date s film release region"),
        ("位于", "位于", "位于"),
        ("::", "", "::"),
    ],
)  # fmt: skip
def test_relation_names_in_words(relation: str, words: str, last: str) -> None:
    assert spoken(relation) == words
    assert short(relation) == last


@pytest.mark.parametrize(
    ("relation", "out", "back"),
    [
        ("has_brand", "has brand", "brand of"),
        ("subcategory_of", "subcategory of", "subcategory"),
        ("in_category", "in category", "category of"),
        ("cause_of_death", "cause of death", "cause of death of"),
    ],
)
def test_steps_read_as_what_they_lead_to(relation: str, out: str, back: str) -> None:
    assert Step(relation, True).said == out
    assert Step(relation, False).said == back


def test_the_remainder_leaves_the_mention_out() -> None:
    text = "what disease did Anthony Perkins die of"
    start = text.index("Anthony")
    assert remainder(text, [(start, start + len("Anthony Perkins"))]) == ("what", "diseas", "did", "die", "of")


DEATH, BIRTH = Step("cause_of_death", True), Step("place_of_birth", True)


def questions() -> list[Answered]:
    died = [Answered(("what", "kill"), {DEATH: 1.0}), Answered(("how", "did", "die"), {DEATH: 0.8})]
    born = [Answered(("where", "was", "born"), {BIRTH: 1.0}), Answered(("where", "grew", "up"), {BIRTH: 1.0})]
    return died + born


def test_words_of_answered_questions_speak_for_a_step() -> None:
    model = RelationModel.learn(questions())
    assert model.fit(("what", "kill"), DEATH) > model.fit(("what", "kill"), BIRTH)
    assert model.fit(("where", "born"), BIRTH) > model.fit(("where", "born"), DEATH)


def test_a_step_nobody_asked_for_still_has_its_name() -> None:
    model = RelationModel.learn(questions())
    unseen, other = Step("record_label", True), Step("spouse", True)
    assert model.fit(("record", "label"), unseen) > model.fit(("record", "label"), other)


def test_a_share_counts_once_per_question() -> None:
    twice = RelationModel.learn([Answered(("x",), {DEATH: 0.5, BIRTH: 0.5})])
    assert twice.words[DEATH.key] == {"x": 0.5}
    assert twice.questions == 1


def test_directions_are_told_apart() -> None:
    model = RelationModel.learn([Answered(("star", "in"), {Step("actor", False): 1.0})])
    assert model.fit(("star", "in"), Step("actor", False)) > model.fit(("star", "in"), Step("actor", True))


def test_nothing_learned_and_nothing_left_say_nothing() -> None:
    assert not RelationModel()
    assert RelationModel.learn(questions()).fit((), DEATH) == 0.0


def test_it_is_stored_as_plain_json() -> None:
    model = RelationModel.learn(questions())
    again = RelationModel.of_table(json.loads(json.dumps(model.as_table())))
    assert again == model
    assert not RelationModel.of_table({})
