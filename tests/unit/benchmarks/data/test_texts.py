import pytest

from clew.benchmarks.data.texts import phrases, queries_of, spans, synthetic
from clew.core.errors import DataError


def test_texts_are_seeded_and_of_the_promised_length():
    texts = synthetic(50, seed=1)
    assert texts == synthetic(50, seed=1)
    assert texts != synthetic(50, seed=2)
    assert all(8 <= len(text.split()) <= 20 for text in texts)


def test_each_query_has_words_of_one_text():
    texts = synthetic(20, seed=1)
    queries = queries_of(texts, 30, seed=1)
    assert len(queries) == 30
    assert all(any(set(query.split()) <= set(text.split()) for text in texts) for query in queries)
    assert all(2 <= len(query.split()) <= 5 for query in queries)


class Texts:
    def __init__(self, name, *rows):
        self.name = name
        self.rows = rows

    def texts(self):
        return iter(self.rows)


DATA = [Texts("a", ("1", "t1", "a b c d e f g h i j k l m n o p q")), Texts("b", ("1", "", "x"), ("2", "t2", "s " * 7))]


def test_spans_are_eight_words_in_a_row_of_the_texts_in_order():
    first, others = spans(DATA, 2)
    assert first == ["t1 a b c d e f g", "h i j k l m n o"]
    assert others == ["t2 s s s s s s s"]
    with pytest.raises(DataError, match="a, b have 3 spans of 8 words"):
        spans(DATA, 4)


def test_phrases_are_words_in_a_row():
    first, _ = spans(DATA, 3)
    found = phrases(first, 40, seed=3)
    assert found == phrases(first, 40, seed=3)
    assert all(any(query in text for text in first) for query in found)
    assert {len(query.split()) for query in found} == {3, 4, 5, 6}
