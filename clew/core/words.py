"""Split a text into words that do not overlap, for matching names.

Index terms (`clew.core.text`) may overlap, because an ambiguous part of a text gives several terms; a name is matched
word by word instead. Words are folded, without possessives and apostrophes; English words also have a stem. Each
Chinese character is a word of its own, simplified, so that a name is found however a segmenter would cut the text.

    Sofas → sofas/sofa      WH-1000XM5 → wh, 1000xm5      A Bug's Life → a, bug, life      沙发床 → 沙, 发, 床
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from clew.core.chinese import han_runs, simplified
from clew.core.fold import fold
from clew.core.text import stemmer

# Natural words are not longer. A longer one is neither stemmed nor corrected for typing errors.
LONGEST_WORD = 64
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


class Word(NamedTuple):
    """A word: its folded form, its stem, and its position in the text (start inclusive, end exclusive)."""

    plain: str
    stem: str
    start: int
    end: int


def words(text: str) -> list[Word]:
    """Return the words of a text in order, without overlaps."""
    folded, starts, ends = fold(text)
    found: list[Word] = []
    for first, last, han in han_runs(folded):
        if han:
            simple = simplified(folded[first:last])
            found += [Word(c, c, at, at + 1) for at, c in enumerate(simple, first)]
            continue
        for match in _WORD.finditer(folded, first, last):
            plain, end = match.group(), match.end()
            if plain.endswith("'s"):
                plain, end = plain[:-2], end - 2
            plain = plain.replace("'", "")
            found.append(Word(plain, stem(plain), match.start(), end))
    if starts is None or ends is None:
        return found
    return [Word(plain, cut, starts[start], ends[end - 1]) for plain, cut, start, end in found]


def stem(word: str) -> str:
    """Return the stem of a folded word. A word with digits or with more than 64 letters is returned unchanged."""
    return _stem(word) if len(word) <= LONGEST_WORD and word.isalpha() else word


@lru_cache(maxsize=1 << 18)
def _stem(word: str) -> str:
    return stemmer()(word)
