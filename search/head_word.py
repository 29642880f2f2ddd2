"""The head of a query: the word that says what is asked for, where the others only describe it.

It is the last content word before a preposition, if the query has one, and else the last of all:

    iphone case → case      case for iphone → case      婴儿沐浴露 → 沐浴露      symptoms of hay fever → symptoms

A question has no head: it asks for something that titles seldom name. Numbers and sizes are no heads. Modifiers that
follow their noun without a preposition ("running shoes men") are taken for the head, as there is no grammar here.
"""

from __future__ import annotations

from collections.abc import Collection

from clew.core.text import Analyzer
from clew.core.words import words

_PREPOSITIONS = frozenset("about as at by for from in into of on per to under with without".split())
# Words that make a query a question, wherever they stand, and those that do so at its beginning.
_QUESTION_WORDS = frozenset("how what when where which who whom whose why".split())
_OPENING = frozenset("are did do does has have is was were".split())
_HAN_QUESTION_WORDS = ("什么", "多少", "如何", "为何", "是否", "怎", "哪", "谁", "吗")


def head_terms(text: str, analyzer: Analyzer, content: Collection[str]) -> frozenset[str]:
    """Return the index terms that end where the head of a query ends; none if it has no head.

    content: the terms of the query that are not function words.
    """
    if _is_question(text):
        return frozenset()
    found: frozenset[str] = frozenset()
    last = -1
    for term, start, end in analyzer.tokens(text):
        word = text[start:end].lower()
        if word in _PREPOSITIONS and last >= 0:
            break
        if term not in content or any(sign.isdigit() for sign in word):
            continue
        found = found | {term} if end == last else frozenset({term}) if end > last else found
        last = max(last, end)
    return found


def _is_question(text: str) -> bool:
    plain = [word.plain for word in words(text)]
    together = "".join(plain)
    return (
        "?" in text
        or not _QUESTION_WORDS.isdisjoint(plain)
        or not _OPENING.isdisjoint(plain[:1])
        or any(word in together for word in _HAN_QUESTION_WORDS)
    )
