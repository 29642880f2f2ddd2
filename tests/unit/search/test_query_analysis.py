"""From words to weighted terms and a vector, or a note why there is none."""

import pytest

from clew.core.errors import StageUnavailable
from clew.core.text import Analyzer
from clew.models.hashing import HashingEncoder
from clew.search.query_analysis import (
    CHARACTER_WEIGHT,
    FUNCTION_WEIGHT,
    PART_WEIGHT,
    UNKNOWN_LIMIT,
    QueryAnalyzer,
)


def test_function_words_count_less_than_content_words():
    query = QueryAnalyzer(Analyzer(), None).terms("What is the capital of Peru?")
    light = {"what", "is", "the", "of"}
    assert dict(query.terms) == {
        **dict.fromkeys(light, FUNCTION_WEIGHT),
        "capit": 1.0,
        "peru": 1.0,
    }


def test_repeated_words_stay_repeated():
    terms = QueryAnalyzer(Analyzer(), None).terms("new york new york").terms
    assert [term for term, _ in terms] == ["new", "york", "new", "york"]


def test_a_query_gets_the_encoders_vector():
    query_analyzer = QueryAnalyzer(Analyzer(), HashingEncoder(64))
    query = query_analyzer.vector(query_analyzer.terms("red kettle"))
    assert query.vector is not None
    assert (query.vector == HashingEncoder(64).encode_queries(["red kettle"])[0]).all()


class Unread(HashingEncoder):
    def unknown_shares(self, texts):
        return [UNKNOWN_LIMIT + 0.01 for _ in texts]


def test_words_the_model_does_not_know_get_no_vector_and_a_note():
    query_analyzer = QueryAnalyzer(Analyzer(), Unread(64))
    query = query_analyzer.vector(query_analyzer.terms("红色水壶"))
    assert query.vector is None
    assert "does not know 21%" in query.notes[0]


def test_an_index_without_vectors_has_no_dense_stage():
    query_analyzer = QueryAnalyzer(Analyzer(), None)
    with pytest.raises(StageUnavailable, match="no vectors"):
        query_analyzer.vector(query_analyzer.terms("red kettle"))


def test_what_is_no_chinese_word_by_itself_counts_less_than_a_word():
    weights = dict(QueryAnalyzer(Analyzer(), None).terms("羊毛毯子").terms)
    assert weights["羊毛"] == weights["毯子"] == 1.0
    assert weights["羊"] == weights["子"] == CHARACTER_WEIGHT < 1.0
    assert weights["毛毯"] == PART_WEIGHT < CHARACTER_WEIGHT
    assert dict(QueryAnalyzer(Analyzer(), None).terms("毯").terms) == {"毯": 1.0}


def test_what_a_quantity_is_written_with_counts_less_than_the_quantity():
    weights = dict(QueryAnalyzer(Analyzer(), None).terms("1500毫升").terms)
    assert weights["1500ml"] == 1.0
    assert sum(weights[term] for term in ("毫", "升", "毫升")) < 1.0
