"""Split a text into words that do not overlap, for matching names.

Index terms (`clew.core.text`) may overlap, because an ambiguous part of a text gives several terms; a name is matched
word by word instead. Words are folded, without possessives and apostrophes; English words also have a stem. Each
Chinese character is a word of its own, simplified, so that a name is found however a segmenter would cut the text.

    Sofas → sofas/sofa      WH-1000XM5 → wh, 1000xm5      A Bug's Life → a, bug, life      沙发床 → 沙, 发, 床
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from clew.core.chinese import chinese_dictionary, han_runs, simplified
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


class Segment(NamedTuple):
    """A word of the Chinese dictionary, or a character that belongs to none, in the words of a text.

    first, last: the characters are words[first:last]. tag: the part of speech in the dictionary ("n", "v", "ns", …), as
    jieba names them.
    """

    first: int
    last: int
    tag: str


def segments(found: Sequence[Word]) -> list[Segment]:
    """Return the dictionary words that the Chinese characters of a text are most probably made of, without overlaps.

    found: the words of the text, as `words` returns them. Unlike index terms, new words are not guessed: a name that is
    not in the dictionary is a sequence of shorter words and single characters.
    """
    cut: list[Segment] = []
    for first, last in _chinese_runs(found):
        at = first
        for word, tag in chinese_dictionary().tag("".join(word.plain for word in found[first:last]), False):
            cut.append(Segment(at, at + len(word), tag))
            at += len(word)
    return cut


def is_chinese(word: Word) -> bool:
    """Return whether a word is a Chinese character."""
    return not word.plain.isascii() and any(han for _, _, han in han_runs(word.plain))


def _chinese_runs(found: Sequence[Word]) -> list[tuple[int, int]]:
    """Return (first, last) of the runs of Chinese characters that nothing separates, last exclusive."""
    runs: list[tuple[int, int]] = []
    for at, word in enumerate(found):
        if is_chinese(word):
            joined = runs and runs[-1][1] == at and found[at - 1].end == word.start
            runs[-1 if joined else len(runs) :] = [(runs[-1][0] if joined else at, at + 1)]
    return runs


def stem(word: str) -> str:
    """Return the stem of a folded word. A word with digits or with more than 64 letters is returned unchanged."""
    return _stem(word) if len(word) <= LONGEST_WORD and word.isalpha() else word


@lru_cache(maxsize=1 << 18)
def _stem(word: str) -> str:
    return stemmer()(word)
