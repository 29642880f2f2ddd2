"""Which relation a question asks for: names in words, and the words of answered questions."""

from __future__ import annotations

import json

import pytest

from clew.kg.relations import RelationModel, Step, name_units, named_share, relation_words, remainder, short_name


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
    assert relation_words(relation) == words
    assert short_name(relation) == last


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
    assert Step(relation, True).text == out
    assert Step(relation, False).text == back


def test_the_remainder_leaves_the_mention_out() -> None:
    text = "what disease did Anthony Perkins die of"
    start = text.index("Anthony")
    assert remainder(text, [(start, start + len("Anthony Perkins"))]) == ("what", "diseas", "did", "die", "of")


DEATH, BIRTH = Step("cause_of_death", True), Step("place_of_birth", True)


# What questions about deaths and births say of the two steps.
MODEL = RelationModel(
    {
        DEATH.key: {"what": 1.0, "kill": 1.0, "how": 1.0, "did": 1.0, "die": 1.0},
        BIRTH.key: {"where": 2.0, "was": 1.0, "born": 1.0, "grew": 1.0, "up": 1.0},
    },
    {"what": 1, "kill": 1, "how": 1, "did": 1, "die": 1, "where": 2, "was": 1, "born": 1, "grew": 1, "up": 1},
    4,
)


def test_words_of_answered_questions_speak_for_a_step() -> None:
    assert MODEL.fit(("what", "kill"), DEATH) > MODEL.fit(("what", "kill"), BIRTH)
    assert MODEL.fit(("where", "born"), BIRTH) > MODEL.fit(("where", "born"), DEATH)


def test_a_step_nobody_asked_for_still_has_its_name() -> None:
    unseen, other = Step("record_label", True), Step("spouse", True)
    assert MODEL.fit(("record", "label"), unseen) > MODEL.fit(("record", "label"), other)


def test_directions_are_told_apart() -> None:
    model = RelationModel({Step("actor", False).key: {"star": 1.0, "in": 1.0}}, {"star": 1, "in": 1}, 1)
    assert model.fit(("star", "in"), Step("actor", False)) > model.fit(("star", "in"), Step("actor", True))


def test_nothing_learned_and_nothing_left_say_nothing() -> None:
    assert not RelationModel()
    assert MODEL.fit((), DEATH) == 0.0


def test_it_is_stored_as_plain_json() -> None:
    assert RelationModel.of_table(json.loads(json.dumps(MODEL.as_table()))) == MODEL
    assert not RelationModel.of_table({})


@pytest.mark.parametrize(
    ("relation", "question", "share"),
    [
        ("directed_by", "who directed it", 1 / 2),
        ("导演", "谁导演了这部电影", 1.0),
        ("导演", "誰導演了這部電影", 1.0),
        # 出, 生 and 出生, of 出, 生, 地, 出生 and 生地.
        ("出生地", "他出生在哪里", 3 / 5),
        ("出生地", "地里长出了什么", 2 / 5),
        ("导演", "who directed it", 0.0),
        ("::", "anything", 0.0),
    ],
)
def test_the_share_of_a_relations_name_in_a_question(relation: str, question: str, share: float) -> None:
    assert named_share(relation, name_units(question)) == pytest.approx(share)


def test_a_learned_model_knows_the_characters_of_chinese_names() -> None:
    model = RelationModel({"导演": {"拍": 1.0}, "首都": {"城": 1.0}}, {"拍": 1.0, "城": 1.0, "谁": 2.0}, 2)
    directed, capital = (model.fit(remainder("谁导演了", []), Step(name, True)) for name in ("导演", "首都"))
    assert directed > capital
