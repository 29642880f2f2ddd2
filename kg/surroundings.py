"""What the text around some words says about whether they are a name: capitals, function words, dictionary words.

English shows a name by capitals. Chinese has none, but a name there rarely begins or ends inside a word of the
language, and is rarely a common word itself. So each script has features of its own, which are 0 for the other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate

from clew.core.text import FUNCTION_WORDS
from clew.core.words import Segment, Word, is_chinese, segments
from clew.kg.dictionary import UPPER, Span, shape_of

# The features of a span, in the order of `Surroundings.of_span`.
SHARED = (
    "two words", "more words", "log characters", "log rivals", "inside a longer name", "capitals", "no capitals",
    "capitals beside", "function words", "share of text", "Chinese", "log Chinese characters", "Chinese words cut",
    "common Chinese word", "long common Chinese word", "leads a Chinese text",
)  # fmt: skip
# Words that are written in lower case in headlines and product titles.
_SMALL_IN_TITLES = frozenset("a an and as at but by for from in into nor of on or over per the to via vs with".split())
# Parts of speech of Chinese function words (particles, prepositions, conjunctions, pronouns, modal particles), and
# words that work like them in questions.
_FUNCTION_TAGS = ("u", "p", "c", "r", "y")
_CHINESE_FUNCTION_WORDS = frozenset("是 有 为 多 请问 知道".split())
# Parts of speech of names of people, places, organisations and other proper names; these words are no common words.
_PROPER_TAGS = ("nr", "ns", "nt", "nz")
# Names of up to so many Chinese characters inside a longer word of the language are not names there.
_GUARDED = 2


class Surroundings:
    """Features from capital letters, function words and the words of the language around the spans of one text."""

    def __init__(self, text: str, found: Sequence[Word], spans: Sequence[Span]) -> None:
        """Analyse a text. found: its words. spans: all its spans, for names inside longer ones."""
        self._text = text
        self._words = found
        self._capital = [text[word.start].isupper() for word in found]
        self._small = [text[word.start].islower() for word in found]
        self._function = [word.plain in FUNCTION_WORDS for word in found]
        # The capital of the first word is not informative. In a text without other capitals, or with a capital in every
        # word as in a title, none is.
        small = any(s and word.plain not in _SMALL_IN_TITLES for s, word in zip(self._small, found, strict=True))
        self._cased = small and any(self._capital[1:])
        self._chinese = [is_chinese(word) for word in found]
        # The segment of each Chinese character, and whether it is a function word.
        self._segment: dict[int, Segment] = {}
        for segment in segments(found) if any(self._chinese) else ():
            function = self._is_function(segment)
            for at in range(segment.first, segment.last):
                self._segment[at] = segment
                self._function[at] = function
        # The first word that is no function word: 周 in 请问周衡的职业是什么.
        self._lead = next((at for at, function in enumerate(self._function) if not function), len(found))
        # Where the longest exact name from each word ends, and the furthest end of those from the words before it. What
        # makes a name longer are not function words: Hollow is as long as The Hollow.
        self._longest = [0] * (len(found) + 1)
        for span in spans:
            content = [at for at in range(span.first, span.last) if not self._function[at]]
            if content and not span.edits:
                self._longest[content[0]] = max(self._longest[content[0]], content[-1] + 1)
        self._furthest = list(accumulate([0, *self._longest], max))

    def idle(self, span: Span) -> bool:
        """Return whether a span is not a candidate, because it has only function words or is part of a word.

        Function words ("who", "it is") that are capitalised like a name, or that are the whole text, are a candidate.
        Part of a word are one or two Chinese characters inside a longer word of the language (中 in 中国).
        """
        if span.last - span.first == len(self._words):
            return False
        if self._chinese[span.first] and span.last - span.first <= _GUARDED:
            around = self._segment[span.first]
            if around.last - around.first > span.last - span.first and span.last <= around.last:
                return True
        if not all(self._function[span.first : span.last]):
            return False
        return not (self._cased and span.first > 0 and all(self._capital[span.first : span.last]))

    def all_capitals(self, span: Span) -> bool:
        """Return whether all letters of a span are capitals."""
        return shape_of(self._surface(span)) == UPPER

    def has_case(self, span: Span) -> bool:
        """Return whether a span has letters of a script with capitals."""
        return any(c.lower() != c.upper() for c in self._surface(span))

    def of_span(self, span: Span, rivals: int) -> list[float]:
        """Return the features that all entities of a span share, as SHARED names them."""
        first, last = span.first, span.last
        count = last - first
        surface = self._surface(span)
        chinese = any(self._chinese[first:last])
        content = [at for at in range(first, last) if not self._function[at]] or [first]
        capitals = sum(self._capital[at] for at in content) / len(content) if self._cased else 0.0
        small = sum(self._small[at] for at in content) / len(content) if self._cased else 0.0
        return [
            float(count == 2 and not chinese),
            float(count > 2 and not chinese),
            0.0 if chinese else math.log(len(surface)),
            math.log(rivals),
            float(self._inside_longer(span)),
            capitals,
            small,
            float(self._capitalised_neighbours(span)) if self._cased else 0.0,
            sum(self._function[first:last]) / count,
            len(surface) / len(self._text),
            *(self._of_chinese(first, last) if chinese else _NOT_CHINESE),
        ]

    def _of_chinese(self, first: int, last: int) -> list[float]:
        """Return the features of a name with Chinese characters."""
        common = self._is_common_word(first, last)
        return [
            1.0,
            math.log(last - first),
            float(self._cuts(first) + self._cuts(last)),
            float(common),
            float(common and last - first > _GUARDED),
            float(first <= self._lead),
        ]

    def _cuts(self, border: int) -> bool:
        """Return whether the place before a word is inside a word of the Chinese dictionary."""
        segment = self._segment.get(border)
        return segment is not None and segment.first < border

    def _is_common_word(self, first: int, last: int) -> bool:
        segment = self._segment.get(first)
        return segment is not None and segment[:2] == (first, last) and not segment.tag.startswith(_PROPER_TAGS)

    def _is_function(self, segment: Segment) -> bool:
        word = "".join(word.plain for word in self._words[segment.first : segment.last])
        return segment.tag.startswith(_FUNCTION_TAGS) or word in _CHINESE_FUNCTION_WORDS

    def _inside_longer(self, span: Span) -> bool:
        """Return whether the words of a span are part of a longer name of the text."""
        return self._longest[span.first] > span.last or self._furthest[span.first] >= span.last

    def _capitalised_neighbours(self, span: Span) -> int:
        """Count the neighbouring words (0 to 2) that look like part of the name: capitalised and one space away."""
        first, last = span.first, span.last
        before = first > 1 and self._capital[first - 1] and not self._function[first - 1]
        after = last < len(self._words) and self._capital[last] and not self._function[last]
        return int(before and self._text_between(first - 1) == " ") + int(after and self._text_between(last - 1) == " ")

    def _text_between(self, at: int) -> str:
        """Return the characters between a word and the next one."""
        return self._text[self._words[at].end : self._words[at + 1].start]

    def _surface(self, span: Span) -> str:
        return self._text[self._words[span.first].start : self._words[span.last - 1].end]


_NOT_CHINESE = [0.0] * (len(SHARED) - SHARED.index("Chinese"))
