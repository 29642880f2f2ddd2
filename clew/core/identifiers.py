"""Identifiers such as ids, SKUs and GTINs, compared whole: folded, without separators.

An identifier becomes one index term that no word can become, because it begins with "=": MS-1042, ms1042 and
"MS 1042" all become =ms1042. A query names an identifier if some of its adjacent words, joined, are one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from clew.core.fold import fold

PREFIX = "="
LONGEST = 64
_WORD = re.compile(r"[^\W_]+")
# Words of a query that only say that an identifier follows.
_LABELS = frozenset(
    """
    sku item art article artikel artikelnummer code id model part product gtin ean upc isbn mpn asin ref no nr nummer
    number
    """.split()
)
# How many words of a query are looked at, and how many of them one identifier may be written in.
_MOST_WORDS = 64
_MOST_PARTS = 6
_SHORTEST_NUMBER = 5
_SHORTEST_GTIN = 8
_SHORTEST_AMONG_WORDS = 4


def identifier_term(value: str) -> str:
    """Return the index term of an identifier; "" if it has no letters and digits, only one, or more than 64."""
    joined = _joined(_WORD.findall(fold(value)[0]))
    return f"{PREFIX}{joined}" if 1 < len(joined) <= LONGEST else ""


@dataclass(frozen=True, slots=True)
class Named:
    """The identifiers that a query names, as index terms, and the rest of its text without labels such as "sku"."""

    terms: tuple[str, ...]
    rest: str


def named_identifiers(query: str, known: Callable[[str], bool], is_word: Callable[[str], bool]) -> Named:
    """Return the identifiers that a query names.

    known: whether an index term of an identifier is in the index. is_word: whether the index knows a word.

    A query that is an identifier as a whole names it unless it may as well be words or a quantity: only letters without
    a separator, or with spaces if the index knows one of the words, or under 5 digits. Among other words an identifier
    needs letters and digits, at least 4, or at least 8 digits. Of overlapping ones the longest from the left counts.
    """
    folded = fold(query)[0]
    words = [(match.group(), match.start(), match.end()) for match in _WORD.finditer(folded)][:_MOST_WORDS]
    for alone in (words, [word for word in words if word[0] not in _LABELS]):
        term = f"{PREFIX}{_joined([word for word, _, _ in alone])}"
        if 1 < len(term) - 1 <= LONGEST and known(term) and _may_be_alone(alone, folded, is_word):
            return Named((term,), "")
    found: list[str] = []
    rest: list[str] = []
    at = 0
    while at < len(words):
        length, term = _longest(words[at : at + _MOST_PARTS], known)
        if length:
            found.append(term)
        elif words[at][0] not in _LABELS:
            rest.append(words[at][0])
        at += length or 1
    if not found:
        return Named((), query)
    return Named(tuple(dict.fromkeys(found)), " ".join(rest))


def _longest(words: Sequence[tuple[str, int, int]], known: Callable[[str], bool]) -> tuple[int, str]:
    """Return how many of the words, from the first on, are one identifier, and its term; 0 if none are."""
    for length in range(len(words), 0, -1):
        joined = _joined([word for word, _, _ in words[:length]])
        digits = any(c.isdigit() for c in joined)
        shortest = _SHORTEST_GTIN if joined.isdigit() else _SHORTEST_AMONG_WORDS
        if digits and shortest <= len(joined) <= LONGEST and known(f"{PREFIX}{joined}"):
            return length, f"{PREFIX}{joined}"
    return 0, ""


def _may_be_alone(words: Sequence[tuple[str, int, int]], folded: str, is_word: Callable[[str], bool]) -> bool:
    """Return whether words that are a whole query may name an identifier, and not a thing or a quantity."""
    joined = "".join(word for word, _, _ in words)
    if joined.isdigit():
        return len(joined) >= _SHORTEST_NUMBER
    if any(c.isdigit() for c in joined):
        return True
    gaps = [folded[before[2] : after[1]] for before, after in pairwise(words)]
    if not any(gap.isspace() for gap in gaps):
        return bool(gaps)
    return not any(is_word(word) for word, _, _ in words)


def _joined(words: Sequence[str]) -> str:
    joined = "".join(words)
    # A GTIN of 8, 12 or 13 digits is also written with zeros in front, as one of 14.
    return joined.lstrip("0") if joined.isdigit() and len(joined) >= _SHORTEST_GTIN else joined
