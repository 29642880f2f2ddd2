"""From the words of a text to the entities it names."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from clew.core.types import CosineScale
from clew.kg.dictionary import Dictionary, write_dictionary
from clew.kg.linker import FEATURES, WEIGHTS, Linker, LinkSpec
from clew.kg.types import Entity

ENTITIES = [
    Entity("apple", "company", "Apple", ("Apple Inc.",)),
    Entity("fruit", "food", "apple"),
    Entity("fr", "country", "France"),
    Entity("nyc", "city", "New York City", ("New York", "NYC")),
    Entity("york", "city", "York"),
    Entity("obama", "person", "Barack Obama", description="president of the United States"),
    Entity("sofa", "category", "Sofas", ("couch",), {"zh": "沙发"}),
    Entity("bed", "category", "Sofa Beds", names={"zh": "沙發床"}),
    Entity("us", "country", "United States", ("US",)),
    Entity("mix", "product", "小米 MIX"),
    Entity("who", "company", "The Who"),
]
ROWS = {entity.id: row for row, entity in enumerate(ENTITIES)}
DEGREES = [90, 40, 100, 80, 10, 60, 30, 20, 100, 5, 10]


def opened(folder, entities, degrees):
    folder.mkdir(exist_ok=True)
    write_dictionary(entities, np.array(degrees, np.int64), folder)
    return Dictionary(folder)


@pytest.fixture(scope="module")
def dictionary(tmp_path_factory):
    return opened(tmp_path_factory.mktemp("linker"), ENTITIES, DEGREES)


@pytest.fixture
def linker(dictionary):
    return Linker(dictionary, LinkSpec(threshold=0.2))


def named(linker, text, vector=None):
    """(surface, id) of the mentions of a text."""
    return [(text[m.start : m.end], ENTITIES[m.entity].id) for m in linker.link(text, vector).mentions]


def features(linker, text, entity, surface=None):
    found = [
        c
        for c in linker.link(text).candidates
        if ENTITIES[c.entity].id == entity and surface in {None, text[c.start : c.end]}
    ]
    return dict(zip(FEATURES, found[0].features, strict=True))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What is the capital of France?", [("France", "fr")]),
        ("what is the capital of france", [("france", "fr")]),
        ("France's capital", [("France", "fr")]),
        ("Who was president of the US before Barack Obama?", [("US", "us"), ("Barack Obama", "obama")]),
        ("how old is barack obmaa", [("barack obmaa", "obama")]),
        ("how old is barack obbama", [("barack obbama", "obama")]),
        ("how old is barack oama", [("barack oama", "obama")]),
        ("hotels in new york city", [("new york city", "nyc")]),
        ("沙发床", [("沙发床", "bed")]),
        ("沙發床", [("沙發床", "bed")]),
        ("which of them is it", []),
        ("", []),
        ("?!", []),
    ],
)
def test_texts_are_linked(linker, text, expected):
    assert named(linker, text) == expected


def test_the_longest_of_overlapping_names_is_not_cut_short_and_the_trace_says_so(linker):
    text = "hotels in New York City"
    found = linker.link(text)
    assert [text[m.start : m.end] for m in found.mentions] == ["New York City"]
    reasons = {(text[c.start : c.end], ENTITIES[c.entity].id): c.dropped for c in found.candidates}
    (kept,) = found.mentions
    assert reasons["New York City", "nyc"] == ""
    assert reasons["York", "york"].startswith(("overlaps 'New York City'", "probability 0."))
    assert f"which is more likely ({kept.probability:.2f})" in reasons["New York", "nyc"]


def test_below_the_threshold_nothing_is_named_and_the_trace_says_so(dictionary):
    found = Linker(dictionary, LinkSpec(threshold=1.0)).link("What is the capital of France?")
    assert found.mentions == ()
    (candidate,) = found.candidates
    assert candidate.dropped == f"probability {candidate.probability:.2f} is below 1"


def test_no_more_than_so_many_mentions(dictionary):
    text = "France, Apple, Sofas"
    assert len(Linker(dictionary, LinkSpec(threshold=0.0)).link(text).mentions) == 3
    found = Linker(dictionary, LinkSpec(threshold=0.0, most=2)).link(text)
    assert len(found.mentions) == 2
    assert "there are 2 more likely mentions already" in {candidate.dropped for candidate in found.candidates}


def test_only_wanted_types_are_linked_and_count_as_rivals(dictionary):
    everything, food = Linker(dictionary), Linker(dictionary, LinkSpec(threshold=0.0, types=["food"]))
    assert features(everything, "an apple", "apple")["log rivals"] == pytest.approx(math.log(2))
    assert features(food, "an apple", "fruit")["log rivals"] == 0
    assert named(food, "an apple in New York") == [("apple", "fruit")]
    assert Linker(dictionary, LinkSpec(types=["no such type"])).link("France").candidates == ()


def test_a_name_of_very_many_is_found_behind_bearers_of_types_that_are_not_linked(tmp_path):
    namesakes = [Entity(f"p{n}", "product", "Paris") for n in range(100)] + [Entity("paris", "city", "Paris")]
    linker = Linker(opened(tmp_path, namesakes, [9] * 100 + [1]), LinkSpec(threshold=0.0, types=["city"]))
    assert [c.entity for c in linker.link("Paris").candidates] == [100]


def test_mending_can_be_left_out(dictionary):
    assert Linker(dictionary, LinkSpec(threshold=0.0, fuzzy=False)).link("obmaa").candidates == ()
    (candidate, *_) = Linker(dictionary, LinkSpec(threshold=0.0)).link("barack obmaa").candidates
    assert dict(zip(FEATURES, candidate.features, strict=True))["letters mended"] == 1


# ------------------------------------------------------------------ what the model sees


def test_capitals_are_evidence_where_the_writer_uses_them(linker):
    assert features(linker, "What about Apple today", "apple")["capitals"] == 1
    assert features(linker, "What about an apple of Barack", "fruit")["no capitals"] == 1
    for text in ("what about apple today", "WHAT ABOUT APPLE TODAY", "What about apple today", "Apple Sofas and York"):
        seen = features(linker, text, "apple")
        assert (seen["capitals"], seen["no capitals"], seen["capitals beside"]) == (0, 0, 0), text


def test_writing_without_capitals_is_no_evidence_either_way(linker):
    seen = features(linker, "which phone is 沙发 or Xiaomi", "sofa")
    assert (seen["capitals"], seen["no capitals"]) == (0, 0)
    assert features(linker, "is the 小米 MIX good", "mix")["no capitals"] == 0


def test_capitals_beside_look_like_more_of_the_name(linker):
    assert features(linker, "what is Old York Pudding made of", "york")["capitals beside"] == 2
    assert features(linker, "what is Old, York Pudding made of", "york")["capitals beside"] == 1
    assert features(linker, "what is the York made of", "york")["capitals beside"] == 0


def test_acronyms_in_small_letters_are_doubted(linker):
    assert features(linker, "trips to the us", "us", "us")["lower-case acronym"] == 1
    assert features(linker, "trips to the US", "us", "US")["lower-case acronym"] == 0
    assert features(linker, "trips to the united states", "us")["lower-case acronym"] == 0


def test_kinds_of_names_and_how_they_are_written(linker):
    assert features(linker, "a sofa", "sofa")["as written"] == 0
    assert features(linker, "the sofas", "sofa")["as written"] == 1
    assert features(linker, "a couch", "sofa")["alias"] == 1
    assert features(linker, "买沙发", "sofa")["translation"] == 1
    assert features(linker, "new york", "nyc")["two words"] == 1
    assert features(linker, "new york city", "nyc", "new york city")["more words"] == 1
    assert features(linker, "an apple", "fruit")["common noun"] == 1
    assert features(linker, "France", "fr")["prominence"] == pytest.approx(1.0)
    assert features(linker, "in France", "fr")["share of text"] == pytest.approx(6 / 9)


def test_function_words_alone_are_no_name_unless_written_or_asked_as_one(linker):
    assert named(linker, "tell me who the who is") == []
    assert linker.link("and who is the who again").candidates == ()
    assert [c.entity for c in linker.link("songs of The Who please").candidates] == [ROWS["who"]]
    assert [c.entity for c in linker.link("the who").candidates] == [ROWS["who"]]


def test_the_probability_is_the_logistic_of_the_weighted_features(dictionary):
    (candidate,) = Linker(dictionary).link("What is the capital of France?").candidates
    odds = sum(WEIGHTS[name][1] * value for name, value in zip(FEATURES, candidate.features, strict=True))
    assert candidate.probability == pytest.approx(1 / (1 + math.exp(-odds)))
    assert candidate.log_odds == pytest.approx(odds)
    for certain in (0.0, 1.0):
        assert math.isfinite(replace(candidate, probability=certain).log_odds)


# ------------------------------------------------------------------ vectors


def test_the_vector_tells_namesakes_apart(dictionary):
    vectors = np.zeros((len(ENTITIES), 2), np.float16)
    vectors[ROWS["apple"]], vectors[ROWS["fruit"]] = (1, 0), (0, 1)
    linker = Linker(dictionary, LinkSpec(threshold=0.0), vectors, scale=CosineScale(0.2, 0.1))
    assert named(linker, "the apple", np.array([1, 0], np.float32)) == [("apple", "apple")]
    assert named(linker, "the apple", np.array([0, 1], np.float32)) == [("apple", "fruit")]
    found = linker.link("the apple", np.array([0, 1], np.float32)).candidates
    seen = {ENTITIES[c.entity].id: dict(zip(FEATURES, c.features, strict=True)) for c in found}
    assert (seen["fruit"]["cosine"], seen["fruit"]["cosine below best"]) == pytest.approx((8, 0))
    assert (seen["apple"]["cosine"], seen["apple"]["cosine below best"]) == pytest.approx((-2, -10))


def test_an_entity_without_a_vector_is_weighed_as_if_there_were_none(dictionary):
    vectors = np.zeros((len(ENTITIES), 2), np.float16)
    vectors[ROWS["apple"]] = (1, 0)
    with_vectors = Linker(dictionary, None, vectors).link("the apple", np.array([0.6, 0.8], np.float32)).candidates
    without = Linker(dictionary).link("the apple").candidates
    chance = {c.entity: c.probability for c in without}
    assert {c.entity: c.probability for c in with_vectors}[ROWS["fruit"]] == pytest.approx(chance[ROWS["fruit"]])


# ------------------------------------------------------------------ whatever the text


WORDS = ["France", "new", "York", "city", "the", "Who", "barack", "obmaa", "沙发床", "apple", "Apple", "US", "'s", "-"]
TEXTS = st.one_of(st.text(max_size=60), st.lists(st.sampled_from(WORDS), max_size=9).map(" ".join))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TEXTS, st.sampled_from([0.0, 0.3, 0.6]))
@example("½ İstanbul e\u0301 🙂 沙發床", 0.0)
def test_mentions_lie_in_the_text_and_never_overlap(dictionary, text, threshold):
    linker = Linker(dictionary, LinkSpec(threshold=threshold))
    found = linker.link(text)
    mentions = found.mentions
    assert all(0 <= c.start < c.end <= len(text) and 0 <= c.probability <= 1 for c in found.candidates)
    assert all(before.end <= after.start for before, after in pairwise(mentions))
    assert all(mention.probability >= threshold for mention in mentions)
    assert [c.probability for c in found.candidates] == sorted((c.probability for c in found.candidates), reverse=True)
    assert linker.link(text) == found


def test_two_words_of_one_character_are_one_place(tmp_path):
    linker = Linker(opened(tmp_path, [Entity("1", name="c"), Entity("2", name="o")], [1, 1]), LinkSpec(threshold=0.0))
    assert len(linker.link("℅").candidates) == 2
    assert [(m.start, m.end) for m in linker.link("℅").mentions] == [(0, 1)]


@pytest.mark.parametrize("row", range(len(ENTITIES)))
def test_every_name_is_found_in_itself(dictionary, row):
    linker = Linker(dictionary, LinkSpec(threshold=0.0))
    for name in (ENTITIES[row].name, *ENTITIES[row].aliases, *ENTITIES[row].names.values()):
        whole = [c for c in linker.link(name).candidates if c.first == 0 and c.last == len(linker.link(name).words)]
        assert row in {c.entity for c in whole}, name


def test_a_very_long_text_is_linked(dictionary):
    text = "x" * 1_000_000 + " France " + "lorem " * 2_000
    assert named(Linker(dictionary, LinkSpec(threshold=0.0)), text) == [("France", "fr")]


@pytest.mark.parametrize(("key", "value"), [("threshold", 1.1), ("threshold", math.nan), ("most", 0), ("most", 33)])
def test_a_spec_out_of_range_is_refused(key, value):
    with pytest.raises(ValueError, match=f"{key} is {value}"):
        LinkSpec(**{key: value})


ARTICLES = [
    Entity("short", "film", "Hollow"),
    Entity("long", "film", "The Hollow"),
    Entity("an", "film", "An Orchard"),
    Entity("orchard", "film", "Orchard"),
    Entity("brand", "brand", "Velorin"),
    Entity("near", "brand", "Velarin"),
    Entity("lone", "brand", "Brumaltic"),
    Entity("ada", "person", "Ada Quillson"),
    Entity("common", "thing", "Thing"),
]


@pytest.fixture(scope="module")
def articles(tmp_path_factory):
    return Linker(opened(tmp_path_factory.mktemp("articles"), ARTICLES, [9, 9, 9, 9, 8, 8, 8, 9, 100]), LinkSpec())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("who stars in The Hollow", [("The Hollow", "long")]),
        ("The Hollow stars whom?", [("The Hollow", "long")]),
        ("who stars in the hollow", [("the hollow", "long")]),
        ("who stars in Hollow", [("Hollow", "short")]),
        ("who directed An Orchard", [("An Orchard", "an")]),
        ("who directed the Orchard", [("Orchard", "orchard")]),
        # The article belongs to the sentence, not to the name.
        ("Who stars in the Hollow", [("Hollow", "short")]),
        # The last name of only one person.
        ("films by Quillson", [("Quillson", "ada")]),
        ("films by quillson", [("quillson", "ada")]),
        # One letter off one name, and off two.
        ("Brumaltec", [("Brumaltec", "lone")]),
        ("brumaltec headphones", [("brumaltec", "lone")]),
        ("velerin headphones", []),
    ],
)
def test_articles_last_names_and_single_letters(articles, text, expected):
    assert [(text[m.start : m.end], ARTICLES[m.entity].id) for m in articles.link(text).mentions] == expected


def test_a_name_with_its_article_explains_why_the_shorter_one_is_dropped(articles):
    [dropped] = [c for c in articles.link("who stars in The Hollow").candidates if c.dropped]
    assert dropped.dropped.startswith("overlaps 'The Hollow', which")


# ------------------------------------------------------------------ Chinese


CHINESE = [
    Entity("zh", "person", "顾衡"),
    Entity("river", "river", "白苇河"),
    Entity("tower", "building", "望月楼"),
    Entity("game", "game", "星海无双3"),
    Entity("corp", "company", "华为"),
    Entity("middle", "value", "中"),
    Entity("china", "country", "中国"),
    Entity("place", "value", "地区"),
    Entity("first", "value", "第一"),
    Entity("bank", "company", "云岭银行"),
    Entity("town", "town", "云岭"),
    Entity("what", "film", "什么"),
    Entity("measles", "disease", "百日咳"),
    Entity("hub", "value", "综合条目"),
    Entity("kettle", "category", "Kettles", names={"zh": "烧水壶"}),
]


@pytest.fixture(scope="module")
def chinese(tmp_path_factory):
    degrees = [1, 2, 1, 1, 5, 2, 9, 6, 6, 2, 1, 1, 1, 60, 3]
    return Linker(opened(tmp_path_factory.mktemp("chinese"), CHINESE, degrees), LinkSpec())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("顾衡的职业是什么？", [("顾衡", "zh")]),
        ("请问白苇河有多长？", [("白苇河", "river")]),
        ("你知道望月楼有多高吗？", [("望月楼", "tower")]),
        ("你知道望月樓有多高嗎？", [("望月樓", "tower")]),
        ("星海无双3是由哪家公司开发的", [("星海无双3", "game")]),
        ("华为的创始人是谁？", [("华为", "corp")]),
        ("百日咳应该看什么科？", [("百日咳", "measles")]),
        ("烧水壶", [("烧水壶", "kettle")]),
        # The whole of a longer name, not its parts.
        ("云岭银行在哪里？", [("云岭银行", "bank")]),
        # Common words and words of questions are not what is meant.
        ("谁建造了这个地区的第一座桥？", []),
        ("那是什么", []),
        # Part of a word of the language (中 in 中国 and in 其中), and the border of two (华|为 in 中华|为什么).
        ("中国的首都在哪里？", [("中国", "china")]),
        ("其中哪一个最大？", []),
        ("中华为什么叫中华？", []),
    ],
)
def test_chinese_names_are_linked(chinese, text, expected):
    assert [(text[m.start : m.end], CHINESE[m.entity].id) for m in chinese.link(text).mentions] == expected


@pytest.mark.parametrize("text", ["中国队赢了吗", "其中哪一个最大", "在中间的是什么"])
def test_one_or_two_characters_inside_a_longer_word_are_no_candidate(chinese, text):
    assert "中" not in {text[c.start : c.end] for c in chinese.link(text).candidates}


def test_a_short_name_that_is_the_whole_text_is_a_candidate(chinese):
    assert {CHINESE[c.entity].id for c in chinese.link("中").candidates} == {"middle"}
    assert {CHINESE[c.entity].id for c in chinese.link("什么").candidates} == {"what"}


_NAME_CHARACTERS = "沅岫峦澜霁昀瑾蓁泓锦"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.text(_NAME_CHARACTERS, min_size=2, max_size=6),
    st.sampled_from(["{}的作者是谁？", "{}在哪里？", "请问{}是什么？", "你知道{}有多高吗？", "《{}》是哪一年写的？"]),
)
def test_a_name_between_other_words_of_a_chinese_question_is_found(tmp_path_factory, name, question):
    entities = [Entity("name", "thing", name), Entity("hub", "thing", "综合条目")]
    linker = Linker(opened(tmp_path_factory.mktemp("name"), entities, [1, 40]), LinkSpec())
    text = question.format(name)
    assert [(text[m.start : m.end], m.entity) for m in linker.link(text).mentions] == [(name, 0)]


@pytest.mark.parametrize("name", ["さくら堂", "Αθήνα", "กรุงเทพ", "دمشق", "서울"])
def test_no_capitals_count_against_no_name_of_a_script_without_them(tmp_path, name):
    linker = Linker(opened(tmp_path, [Entity("name", "thing", name)], [1]), LinkSpec(threshold=0.0))
    (candidate,) = linker.link(name).candidates
    seen = dict(zip(FEATURES, candidate.features, strict=True))
    assert (seen["common noun"], seen["no capitals"]) == (0, 0)


def test_a_longer_name_around_a_name_counts_against_it_but_an_article_does_not(linker, articles):
    assert features(linker, "hotels in New York City", "york")["inside a longer name"] == 1
    assert features(linker, "hotels in New York City", "nyc", "New York City")["inside a longer name"] == 0
    (short,) = (c for c in articles.link("who stars in the Hollow").candidates if ARTICLES[c.entity].id == "short")
    assert dict(zip(FEATURES, short.features, strict=True))["inside a longer name"] == 0


def test_a_thousand_names_in_a_text_are_linked_in_linear_time(tmp_path):
    linker = Linker(opened(tmp_path, [Entity("a", name="沅岫"), Entity("b", name="岫沅")], [1, 1]), LinkSpec())
    assert len(linker.link("沅岫" * 5_000).candidates) == 9_999
