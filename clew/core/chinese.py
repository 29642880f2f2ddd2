"""Find Chinese in a text, convert it to simplified characters, and cut it into words, characters and pairs of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, Literal

_HAN = "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
HAN_RUN = re.compile(f"[{_HAN}]+")

# word: of the dictionary, or a character that is in no longer word. part: several characters that are no such word by
# themselves, inside a longer word or across two. character: a character of a longer word. written: what a quantity is
# written with, beside the term that all ways to write it share.
Kind = Literal["word", "part", "character", "written"]


def han_runs(folded: str) -> Iterator[tuple[int, int, bool]]:
    """Split a text into runs that are Chinese or not: (start, end, han)."""
    at = 0
    if not folded.isascii():
        for match in HAN_RUN.finditer(folded):
            if match.start() > at:
                yield at, match.start(), False
            yield match.start(), match.end(), True
            at = match.end()
    if at < len(folded):
        yield at, len(folded), False


def simplified(text: str) -> str:
    """Convert the Chinese characters of a text to simplified ones; the text keeps its length."""
    simplify, _ = _chinese()
    simple = simplify(text)
    if len(simple) == len(text):
        return simple
    # A phrase was replaced by one of another length; converting each character by itself preserves the positions.
    return "".join(new if len(new := simplify(c)) == 1 else c for c in text)


def words(
    simple: str, mode: Literal["default", "search"] = "default", *, new: bool = True
) -> list[tuple[str, int, int]]:
    """Cut a run of simplified characters into words: (word, start, end).

    mode: "search" adds the words inside longer ones. new: whether words that are not in the dictionary are found too.
    """
    _, cut = _chinese()
    return cut(simple, mode, new)


def segment(simple: str) -> list[tuple[str, int, int]]:
    """Return the terms of a run of simplified characters by place: words, words inside them, characters, pairs.

    Characters and pairs match text that the segmenter cuts differently in query and document, names above all. Each
    term occurs once in a place.
    """
    grams = [(simple[at : at + n], at, at + n) for n in (1, 2) for at in range(len(simple) - n + 1)]
    return sorted({*words(simple, "search"), *grams}, key=lambda word: word[1:])


def query_kinds(simple: str) -> list[tuple[str, int, int, Kind]]:
    """Return the terms that `segment` does, in the same order, each with what it is in the run."""
    whole = set(words(simple))
    inside = {at for _, start, end in whole if end - start > 1 for at in range(start, end)}
    found: list[tuple[str, int, int, Kind]] = []
    for term, start, end in segment(simple):
        kind: Kind = "part" if end - start > 1 else "character" if start in inside else "word"
        found.append((term, start, end, "word" if (term, start, end) in whole else kind))
    return found


@cache
def chinese_dictionary() -> Any:
    """Return the segmenter with its dictionary of Chinese words, a rjieba.Jieba, loaded at the first call (0.2 s)."""
    import rjieba

    return rjieba.Jieba()


@cache
def _chinese() -> tuple[Callable[[str], str], Callable[[str, str, bool], list[tuple[str, int, int]]]]:
    """Return the converter to simplified characters and the segmenter."""
    import opencc

    return opencc.OpenCC("t2s").convert, chinese_dictionary().tokenize
