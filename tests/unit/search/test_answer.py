"""Sentences of documents by themselves: their places, which of them are read, and which answers are kept."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.core.errors import QueryError, StageUnavailable
from clew.core.text import Analyzer
from clew.core.types import Deadline
from clew.models.overlap import OverlapScorer
from clew.search.answer import (
    FLOOR,
    SENTENCES,
    Answers,
    Group,
    Sentence,
    best_by_terms,
    checked,
    most_promising,
    sentences_in_budget,
    sentences_of,
)
from clew.search.fields import FieldSpec, body
from clew.search.protocols import ParsedQuery
from clew.search.rerank.calibration import Calibration
from clew.search.rerank.spec import RerankSpec
from clew.search.rerank.stage import Reranker
from clew.search.terms import QueryTerms
from clew.search.trace import Trace
from clew.search.types import MAX_ANSWERS, Answer, AnswerRequest, SearchRequest

FIELDS = {"title": FieldSpec("text"), "intro": FieldSpec("text"), "text": FieldSpec("text")}
ANALYZER = Analyzer()


def terms(query: str) -> QueryTerms:
    return QueryTerms(ANALYZER, ParsedQuery(query, tuple((term, 1.0) for term in ANALYZER.terms(query))))


def found(text: str, *passages: tuple[int, int], query: str = "rust", **values: str) -> list[str]:
    document = {**values, "text": text}
    return [one.text for one in sentences_of(document, FIELDS, passages or [(0, 10_000)], terms(query))]


# ---------------------------------------------------------------- places


PIECES = [
    "Rust is red.",
    "锈是红色的。",
    "什么是锈？”",
    "no end",
    "\n",
    "\n\n",
    "  ",
    "a?",
    "é!",
    "“Q.”",
    "\u3000",
    "😀 x. ",
]


@settings(deadline=None)  # the first Chinese text loads the segmenter
@given(
    intro=st.lists(st.sampled_from(PIECES), max_size=4).map("".join),
    text=st.lists(st.sampled_from(PIECES), max_size=12).map(" ".join),
    cuts=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=1, max_size=3),
)
def test_a_sentence_is_exactly_its_slice_of_the_body_and_lies_in_its_passage_and_field(intro, text, cuts) -> None:
    values = {"title": "Rust", "intro": intro, "text": text}
    whole, places = body(values, FIELDS)
    passages = [(start, start + size) for start, size in cuts]
    sentences = sentences_of(values, FIELDS, passages, terms("rust 锈"))
    for one in sentences:
        assert whole[one.start : one.end] == one.text
        assert one.text == one.text.strip() != ""
        assert one.passage in passages
        assert one.passage[0] <= one.start < one.end <= one.passage[1]
        assert any(name == one.field and first <= one.start and one.end <= last for name, first, last in places)
    for one in sentences:
        inside = [other for other in sentences if one.start <= other.start and other.end <= one.end]
        assert inside == [one]
    # Nothing that a passage shows is lost.
    for first, last in passages:
        for at in range(first, min(last, len(whole))):
            assert whole[at].isspace() or any(one.start <= at < one.end for one in sentences)


def test_sentences_of_chinese_and_of_texts_without_an_end() -> None:
    assert found("铁会生锈。水和氧使铁生锈！为什么？") == ["铁会生锈。", "水和氧使铁生锈！", "为什么？"]
    assert found("no sentence end here") == ["no sentence end here"]
    assert found("a line\nanother\n\n\nlast") == ["a line", "another", "last"]


@pytest.mark.parametrize("values", [{}, {"title": "Rust"}, {"title": "Rust", "text": ""}, {"text": " \n\u3000 "}])
def test_a_document_without_text_has_none(values) -> None:
    assert sentences_of(values, FIELDS, [(0, 0), (0, 5)], terms("rust")) == ()


def test_the_field_is_named_and_the_place_is_that_in_the_body() -> None:
    values = {"title": "T", "intro": "An intro.", "text": "Rust is red."}
    one, two = sentences_of(values, FIELDS, [(0, 99)], terms("rust"))
    assert (one.field, one.start, one.weight) == ("intro", 0, 0)
    assert (two.field, two.start, two.weight) == ("text", 10, 1)


def test_what_two_passages_hold_comes_once_and_whole() -> None:
    text = "One is here. Rust is red. Three ends."
    assert found(text, (0, 25), (13, 37)) == ["One is here.", "Rust is red.", "Three ends."]
    # The first passage ends within "Rust is red.", the second holds it whole; and the other way round.
    assert found(text, (0, 17), (13, 25)) == ["One is here.", "Rust is red."]
    assert found(text, (13, 25), (0, 17)) == ["Rust is red.", "One is here."]


def test_questions_count_half() -> None:
    asking, telling = sentences_of({"text": "Rust? Rust."}, FIELDS, [(0, 11)], terms("rust"))
    assert (asking.weight, telling.weight) == (0.5, 1.0)


# ---------------------------------------------------------------- which are read


def group(*weights: float) -> Group:
    sentences = [Sentence(f"s{at}", "text", at, at + 1, (0, 99), weight) for at, weight in enumerate(weights)]
    return Group(0, "", ((0, 99),), tuple(sentences))


def test_each_document_has_its_best_sentence_read_before_any_has_a_second() -> None:
    groups = [group(1, 5, 4), group(0, 0), group(3, 2)]
    assert most_promising(groups, 3) == [(0, 1), (1, 0), (2, 0)]
    assert most_promising(groups) == [(0, 1), (1, 0), (2, 0), (0, 2), (2, 1), (0, 0), (1, 1)]
    assert most_promising([group(), group(1)]) == [(1, 0)]
    assert best_by_terms(group(1, 2, 2)) == 1


def test_no_more_sentences_are_read_than_the_bound() -> None:
    groups = [group(*range(40)) for _ in range(MAX_ANSWERS)]
    chosen = most_promising(groups)
    assert len(chosen) == len(set(chosen)) == SENTENCES
    assert {row for row, _ in chosen} == set(range(MAX_ANSWERS))
    assert MAX_ANSWERS <= SENTENCES


def reach(budget_ms: float, took_ms: float, reached: int, deadline: Deadline | None = None) -> int:
    reranker = Reranker(OverlapScorer(), RerankSpec("overlap", 50, budget_ms), Calibration())
    return sentences_in_budget(reranker, reached, Trace(deadline or Deadline(), {"rerank": took_ms}))


def test_only_as_many_sentences_are_read_as_the_time_reaches() -> None:
    assert reach(0, 1_000, 50) == SENTENCES
    assert reach(500, 200, 50) == SENTENCES
    assert reach(500, 500, 25) == 25
    assert reach(500, 500, 1) == 1
    assert 30 <= reach(0, 500, 25, Deadline.after_ms(800)) <= 40
    for left in ({"budget_ms": 500}, {"budget_ms": 0, "deadline": Deadline.after_ms(0)}):
        with pytest.raises(StageUnavailable, match="too short to read one sentence"):
            reach(took_ms=501, reached=1, **left)


# ---------------------------------------------------------------- which are kept


def kept(probabilities: Sequence[float | None], least: float | None) -> Answers:
    answers = [
        Answer(
            id=f"d{at}",
            rank=0,
            text="s",
            title="",
            field="text",
            start=0,
            end=1,
            passage=(0, 1),
            score=0.0,
            scored_by="terms",
            probability=probability,
        )
        for at, probability in enumerate(probabilities)
    ]
    return Answers.ranked(answers, least, len(answers))


@pytest.mark.parametrize(
    ("probabilities", "least", "ids", "bad"),
    [
        ([0.8, 0.4], None, ["d0", "d1"], False),
        ([0.8, 0.4], 0.4, ["d0", "d1"], False),
        ([0.8, 0.4, None], 0.5, ["d0", "d2"], False),
        ([0.4, 0.3, None], 0.5, [], True),
        ([None, None], 0.5, ["d0", "d1"], False),
        ([FLOOR - 0.01], None, ["d0"], True),
        ([None], None, ["d0"], False),
        ([], None, [], True),
        ([], 0.5, [], True),
    ],
)
def test_answers_that_are_not_likely_enough_are_left_out(probabilities, least, ids, bad) -> None:
    answers = kept(probabilities, least)
    assert [answer.id for answer in answers.found] == ids
    assert [answer.rank for answer in answers.found] == list(range(1, len(ids) + 1))
    assert answers.nothing_good is bad
    assert bool(answers.notes) is bad


def test_without_min_probability_answers_below_the_floor_stay_and_are_said_not_to_be_good() -> None:
    assert kept([0.04, 0.01], None).notes == (
        f"nothing good: the likeliest answer has the probability 0.04, below {FLOOR:g}",
    )
    by_words = [Answers.ranked(kept([None], None).found, None, 0, by_words=chance) for chance in (0.04, FLOOR)]
    assert [answers.nothing_good for answers in by_words] == [True, False]
    assert [len(answers.found) for answers in by_words] == [1, 1]
    assert "judged by its words, has the probability 0.04" in by_words[0].notes[0]


def test_the_note_has_the_best_probability() -> None:
    assert kept([0.4, 0.3], 0.5).notes == (
        "nothing good: none of 2 answers reaches min_probability 0.5, the best has 0.4",
    )


@pytest.mark.parametrize("k", [0, -1, MAX_ANSWERS + 1])
def test_a_k_out_of_range_is_named(k) -> None:
    with pytest.raises(QueryError, match=f"k is {k}") as caught:
        checked(AnswerRequest(search=SearchRequest(query="q"), k=k))
    assert "1 to 50" in caught.value.hint


def test_the_documents_of_an_answer_are_searched_as_the_question_says() -> None:
    asked = SearchRequest(query="q", k=9, offset=3, facets=("brand",), explain=True, filters={"a": 1}, graph="off")
    assert checked(AnswerRequest(search=asked, k=4, min_probability=0.5)) == SearchRequest(
        query="q", k=4, profile="qa", filters={"a": 1}, graph="off", min_probability=0.5
    )
