"""Unknown Chinese words stand for words of the index that sound like them."""

import pytest

from clew.core.text import Analyzer
from clew.search.homophones import HOMOPHONE_WEIGHT, homophones
from clew.search.protocols import Spelling
from clew.search.query_analysis import QueryAnalyzer

ANALYZER = Analyzer()


class Index:
    """The words of some texts, each text a passage."""

    def __init__(self, *texts):
        self.passages = [set(ANALYZER.terms(text)) for text in texts]

    def document_frequency(self, term):
        return sum(term in passage for passage in self.passages)

    def matches_any(self, terms):
        raise AssertionError("no compound is asked for")

    passages_with = matches_any


SHOP = Index("无线耳机 降噪", "蓝牙耳机", "羊毛毯子", "电热水壶", "充电宝", "洗发水")


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("无线耳基", "耳机"),
        ("蓝牙儿机", "耳机"),
        ("羊毛毯字", "毯子"),
        ("電熱水湖", "水壶"),
        ("冲电宝", "充电"),
        ("洗法水", "洗发"),
        ("red 耳基", "耳机"),
    ],
)
def test_a_wrong_character_of_the_right_syllable_is_found(query, word):
    assert word in [each.term for each in homophones(query, ANALYZER, SHOP)]
    parsed = QueryAnalyzer(ANALYZER, None)
    terms = dict(parsed.respelled(parsed.terms(query), SHOP).terms)
    assert terms[word] == HOMOPHONE_WEIGHT


def test_the_word_is_a_spelling_of_what_was_typed():
    assert homophones("耳基", ANALYZER, SHOP) == [Spelling("耳机", "耳基")]


@pytest.mark.parametrize(
    "query",
    [
        "无线耳机",
        "羊毛毯子",  # 毛毯 is in no text as a word, but every character belongs to a word that is
        "耳",
        "红色帽衫",  # nothing sounds like it
        "wireless headphones",
        "",
    ],
)
def test_known_words_and_those_without_homophones_stay_as_they_are(query):
    assert homophones(query, ANALYZER, SHOP) == []


def test_only_words_of_the_dictionary_are_added():
    # 机耳 is a pair of adjacent characters in the text, but no word.
    assert homophones("鸡耳", ANALYZER, Index("耳机耳机")) == []


def test_the_most_frequent_three_words_are_added():
    index = Index(*["时事"] * 4, *["世事"] * 3, *["实事"] * 2, "失势")
    assert [each.term for each in homophones("失事", ANALYZER, index)] == ["时事", "世事", "实事"]


def test_a_long_query_of_unknown_words_asks_for_few():
    asked = []

    class Counting(Index):
        def document_frequency(self, term):
            asked.append(term)
            return 0

    assert homophones("魑魅魍魉" * 2_000, ANALYZER, Counting()) == []
    assert len(asked) < 40_000
