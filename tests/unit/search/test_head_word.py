"""Which word of a query says what is asked for."""

from __future__ import annotations

import pytest

from clew.core.text import Analyzer
from clew.search.head_word import head_terms

ANALYZER = Analyzer()


def head(text: str) -> set[str]:
    content = {term for term in ANALYZER.terms(text) if term not in ANALYZER.function_terms}
    return set(head_terms(text, ANALYZER, content))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("iphone case", {"case"}),
        ("case for iphone", {"case"}),
        ("Shampoos for hair fall", {"shampoo"}),
        ("red wine glasses without stem", {"glass"}),
        ("symptoms of hay fever", {"symptom"}),
        ("in ear headphones", {"headphon"}),  # a preposition before any content word does not end the phrase
        ("bag for laptop 15.6 inch", {"bag"}),
        ("iphone 7", {"iphon"}),  # a number is no head
        ("running shoes men", {"men"}),  # there is no grammar here
        ("of the", set()),
        ("12 000", set()),
        ("", set()),
    ],
)
def test_it_is_the_last_content_word_before_a_preposition(query: str, expected: set[str]) -> None:
    assert head(query) == expected


@pytest.mark.parametrize(("query", "word"), [("婴儿沐浴露", "沐浴露"), ("嬰兒沐浴露", "沐浴露"), ("苹果 手机壳", "壳")])
def test_in_chinese_it_is_what_ends_the_query(query: str, word: str) -> None:
    assert word in head(query)
    assert all(word.endswith(term) or term.endswith(word) for term in head(query))


@pytest.mark.parametrize(
    "query",
    [
        "what are the symptoms of hay fever", "is hay fever inherited", "hay fever treatment?", "Who wrote Hamlet",
        "花粉症有哪些症状", "怎么治疗花粉症", "花粉症能治好吗？", "什麼是花粉症",
    ],
)  # fmt: skip
def test_a_question_has_none(query: str) -> None:
    assert head(query) == set()


def test_a_word_that_only_looks_like_a_question_does_not_make_one() -> None:
    assert head("can opener") == {"open"}
    assert "茶几" in head("实木茶几")


def test_languages_can_be_mixed() -> None:
    assert "壳" in head("iphone 手机壳")
    assert head("case for 手机") == {"case"}
