"""The Analyzer: turn a text into index terms, in the same way at index time and at query time.

Words are folded (see `clew.core.fold`) and stemmed. Chinese is converted to simplified characters and segmented in
search mode, so that a compound and its parts are all terms; single characters and pairs of them are terms too. An
identifier is one unstemmed term without its separators, and its parts are terms as well:

    WH-1000XM5, wh_1000xm5 → wh1000xm5, wh, 1000xm5        8mm → 8mm, 8, mm        i7-9700k → i79700k, i7, 9700k
    WH 1000XM5             → wh, 1000xm5, 1000, xm5        7.6 → 7.6               noise-cancelling → nois, cancel

Quantities have one term for all ways to write them (see `clew.core.quantities`), and their numbers and units are terms:

    2,5kg, 2.5 kg → 2500g, 2.5, kg                         60 x 90 cm → 60x90, 600x900mm, 60, 900mm, 90, cm
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Container, Iterator
from dataclasses import asdict, dataclass
from functools import cache
from itertools import chain
from typing import Literal, NamedTuple

from clew.core.chinese import HAN_RUN, Kind, han_runs, query_kinds, segment, simplified
from clew.core.fold import fold, normalise
from clew.core.han_quantities import Found, han_quantities
from clew.core.quantities import QUANTITY, Amount, amounts, decimal, dimensions, measure

__all__ = ["Analyzer", "AnalyzerSpec", "Script", "Token", "normalise"]

VERSION = 3
LONGEST_TERM = 64
LONGEST_IDENTIFIER = 32

Script = Literal["latin", "han", "mixed", "other"]

_STOP_WORDS = """
a an and are as at be but by for from has have if in into is it its no not of on or such that the their then there these
they this to was were will with
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())
# Words that form a question but rarely say what it is about.
FUNCTION_WORDS = STOP_WORDS | frozenset(
    "can could did do does how should what when where which who whom whose why would".split()
)

_LATIN = re.compile("[A-Za-z\u00aa\u00ba\u00c0-\u024f\u1e00-\u1eff\uff21-\uff3a\uff41-\uff5a]")
# Combining marks such as vowel signs, which `re` does not treat as parts of words.
_MARKS = "".join(chr(c) for c in range(0x483, 0x1D00) if unicodedata.category(chr(c)) in {"Mn", "Mc"})


def _chunk_pattern(word: str, flags: int) -> re.Pattern[str]:
    """Return the pattern of quantities, and of words with inner joiners.

    Joiners are - and _, an apostrophe before a letter, . and , between digits.
    """
    inner = r"(?:[-_]|'(?![\d])|(?<=\d)[.,](?=\d))"
    return re.compile(rf"(?<!\w)c(?:\+\+|#)|(?=[\d.])(?:{QUANTITY})|{word}+(?:{inner}{word}+)*", flags)


_ASCII_CHUNK = _chunk_pattern("[a-z0-9]", re.ASCII)
_CHUNK = _chunk_pattern(rf"(?:[^\W_]|[{_MARKS}])", 0)
_LETTERS_OR_DIGITS = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d]+")


@dataclass(frozen=True, slots=True)
class AnalyzerSpec:
    """How texts are turned into terms.

    stem: reduce English words to their stem (snowball). stop_words: drop the most common English words.
    """

    stem: bool = True
    stop_words: bool = False


class Token(NamedTuple):
    """An index term and the characters of the original text it comes from (start inclusive, end exclusive)."""

    term: str
    start: int
    end: int


class _Memo(dict[str, tuple[Token, ...]]):
    """A cache of analysed chunks. Texts repeat their words, so most lookups are answered here, as fast as a dict."""

    capacity = 1 << 18

    def __init__(self, analyse: Callable[[str], tuple[Token, ...]]) -> None:
        self._analyse = analyse

    def __missing__(self, chunk: str) -> tuple[Token, ...]:
        found = self._analyse(chunk)
        if len(chunk) <= LONGEST_TERM:
            if len(self) >= self.capacity:
                self.clear()
            self[chunk] = found
        return found


class _Terms(dict[str, tuple[str, ...]]):
    """A cache of the terms of analysed chunks, without their positions."""

    def __init__(self, memo: _Memo) -> None:
        self._memo = memo

    def __missing__(self, chunk: str) -> tuple[str, ...]:
        found = tuple(token.term for token in self._memo[chunk])
        if len(chunk) <= LONGEST_TERM:
            if len(self) >= _Memo.capacity:
                self.clear()
            self[chunk] = found
        return found


class Analyzer:
    """Cuts texts into terms. It holds no state except caches, so threads may share it, and it can be pickled."""

    def __init__(self, spec: AnalyzerSpec | None = None) -> None:
        self.spec = spec or AnalyzerSpec()
        self._stem = stemmer() if self.spec.stem else str
        self._function_terms = frozenset(map(self._stem, FUNCTION_WORDS))
        self._chunks = _Memo(self._analyse)
        self._chunk_terms = _Terms(self._chunks)

    def __reduce__(self) -> tuple[type[Analyzer], tuple[AnalyzerSpec]]:
        return (type(self), (self.spec,))

    @property
    def function_terms(self) -> frozenset[str]:
        """The terms of words such as "the", "of" and "what", which matter less in a query."""
        return self._function_terms

    @property
    def fingerprint(self) -> str:
        """The sha256 of everything that determines the terms: the version of the rules and the spec."""
        return hashlib.sha256(json.dumps({"version": VERSION} | asdict(self.spec), sort_keys=True).encode()).hexdigest()

    def terms(self, text: str) -> list[str]:
        """Return the index terms of a text in text order, with repetitions."""
        if text.isascii():
            return list(chain.from_iterable(map(self._chunk_terms.__getitem__, _ASCII_CHUNK.findall(text.lower()))))
        folded, _, _ = fold(text)
        if HAN_RUN.search(folded) is None:
            return list(chain.from_iterable(map(self._chunk_terms.__getitem__, _CHUNK.findall(folded))))
        found: list[str] = []
        for simple, start, end, added in _parts(folded):
            if added:
                found += [token.term for token in self._part_tokens(folded, simple, start, end, added, None)]
            elif simple:
                found += [term for term, _, _ in segment(simple)]
            else:
                found += chain.from_iterable(map(self._chunk_terms.__getitem__, _CHUNK.findall(folded, start, end)))
        return found

    def query_terms(self, text: str) -> list[tuple[str, Kind]]:
        """Return the terms of a text, each with what it is there (of other scripts than Chinese all are words).

        What is no word by itself says less: 子 is in 毯子 (blanket) and in many other words.
        """
        folded, _, _ = fold(text)
        if text.isascii() or HAN_RUN.search(folded) is None:
            return [(term, "word") for term in self.terms(text)]
        kinds: dict[Token, Kind] = {}
        found: list[Token] = []
        starts: list[int] = []  # of the quantities so far
        reach = [0]  # the furthest end of the first n of them
        for simple, start, end, added in _parts(folded):
            for each in added:
                starts.append(each.start)
                reach.append(max(reach[-1], each.end))
            for term, first, last, kind in query_kinds(simple):
                token = Token(term, start + first, start + last)
                inside = token.end <= reach[bisect_right(starts, token.start)]
                kinds[token] = "written" if inside else kind
            found += self._part_tokens(folded, simple, start, end, added, None)
        return [(token.term, kinds.get(token, "word")) for token in found]

    def tokens(self, text: str, among: Container[str] | None = None) -> list[Token]:
        """Return the terms with their positions in the original text, by start. among: terms to return (None: all)."""
        folded, starts, ends = fold(text)
        found = self._folded_tokens(folded, _ASCII_CHUNK if text.isascii() else _CHUNK, among)
        if starts is None or ends is None:
            return found
        return [Token(term, starts[start], ends[end - 1]) for term, start, end in found]

    def script(self, text: str) -> Script:
        """Return the script of the letters of a text; "other" if none is Latin or Han (only digits, for example)."""
        latin = _LATIN.search(text) is not None
        han = not text.isascii() and HAN_RUN.search(text) is not None
        if han:
            return "mixed" if latin else "han"
        return "latin" if latin else "other"

    def _folded_tokens(self, folded: str, pattern: re.Pattern[str], among: Container[str] | None) -> list[Token]:
        if folded.isascii() or HAN_RUN.search(folded) is None:
            return list(self._chunk_tokens(folded, pattern, 0, len(folded), among))
        return list(chain.from_iterable(self._part_tokens(folded, *part, among) for part in _parts(folded)))

    def _part_tokens(
        self, folded: str, simple: str, start: int, end: int, added: list[Found], among: Container[str] | None
    ) -> list[Token]:
        """Return the tokens of a part of a text (see `_parts`)."""
        if simple:
            found = [Token(term, start + a, start + b) for term, a, b in segment(simple)]
            found = [token for token in found if among is None or token.term in among]
        else:
            found = list(self._chunk_tokens(folded, _CHUNK, start, end, among))
        if not added:
            return found
        found += [Token(*each) for each in added if among is None or each.term in among]
        return sorted(found, key=lambda token: token.start)

    def _chunk_tokens(
        self, folded: str, pattern: re.Pattern[str], first: int, last: int, among: Container[str] | None
    ) -> Iterator[Token]:
        for match in pattern.finditer(folded, first, last):
            for term, a, b in self._chunks[match.group()]:
                if among is None or term in among:
                    yield Token(term, match.start() + a, match.start() + b)

    def _analyse(self, chunk: str) -> tuple[Token, ...]:
        """Return the tokens of a chunk, with positions in the chunk."""
        if chunk.isalpha():
            return self._word(chunk, 0, len(chunk))
        if chunk in {"c++", "c#"}:
            return (Token(chunk, 0, len(chunk)),)
        if found := amounts(chunk):
            return tuple(self._quantity(found, chunk))
        parts = [(m.start(), m.end()) for m in re.finditer("[^-_]+", chunk)]
        tokens: list[Token] = []
        if len(parts) > 1:
            tokens += self._compound(chunk, parts)
        for start, end in parts:
            tokens += self._part(chunk[start:end], start, end, alone=len(parts) == 1)
        return tuple(tokens)

    def _compound(self, chunk: str, parts: list[tuple[int, int]]) -> tuple[Token, ...]:
        """Return the parts joined to one token, if the chunk is an identifier (has a digit or _) or like e-mail."""
        whole = "".join(chunk[start:end] for start, end in parts)
        # Two numbers are a range (1939-1945); three may be a part number or a date.
        if (any(c.isdigit() for c in whole) and (len(parts) > 2 or not whole.isdigit())) or "_" in chunk:
            return (Token(whole, 0, len(chunk)),) if len(whole) <= LONGEST_IDENTIFIER else ()
        short = len(parts) == 2 and parts[0][1] <= 2
        return self._word(whole.replace("'", ""), 0, len(chunk)) if short else ()

    def _part(self, part: str, start: int, end: int, *, alone: bool) -> tuple[Token, ...]:
        """Return the tokens of a word, a number or a mixture. A mixture is one token, plus its parts if `alone`."""
        if "'" in part:
            # Drop the possessive 's. Other apostrophes are removed, because most people omit them (loreal, dont).
            part, end = (part[:-2], end - 2) if part.endswith("'s") else (part, end)
            part = part.replace("'", "")
        if not any(c.isdigit() for c in part):
            return self._word(part, start, end)
        runs = [(m.group(), m.start(), m.end()) for m in _LETTERS_OR_DIGITS.finditer(part)]
        if len(runs) == 1:
            return _number(part, start)
        if not alone and len(found := amounts(part)) == 1:
            return (Token(measure(found[0])[:LONGEST_TERM] or part, start, end),)
        whole = Token(decimal(part)[:LONGEST_TERM], start, end)
        if not alone or end - start != len(part):
            return (whole,)
        cut = runs[0][2]
        return (whole, *self._part(part[:cut], start, start + cut, alone=False), *self._rest(part[cut:], start + cut))

    def _rest(self, rest: str, start: int) -> tuple[Token, ...]:
        return self._part(rest, start, start + len(rest), alone=False)

    def _quantity(self, found: list[Amount], chunk: str) -> Iterator[Token]:
        """Yield the terms of a quantity in its base unit, and its numbers and units as written."""
        if len(found) > 1:
            yield from (Token(term[:LONGEST_TERM], 0, len(chunk)) for term in dimensions(found))
        for amount in found:
            # The unit of lengths is in the term of the dimensions already.
            if term := measure(amount):
                yield Token(term[:LONGEST_TERM], amount.start, amount.last)
            yield from _number(chunk[amount.start : amount.end], amount.start, alone=amount.value is None)
            for match in re.finditer(r"[^\W\d_]+", chunk[amount.end : amount.last]):
                yield from self._word(match.group(), amount.end + match.start(), amount.end + match.end())

    def _word(self, word: str, start: int, end: int) -> tuple[Token, ...]:
        if self.spec.stop_words and word in STOP_WORDS:
            return ()
        return (Token(self._stem(word)[:LONGEST_TERM], start, end),)


def _number(digits: str, start: int, *, alone: bool = True) -> tuple[Token, ...]:
    """Return the tokens of a number: 1,000, 7.6 and 3.11.2 are one each, 1,2,3 are three.

    2,5 may be a decimal number or two numbers; if it is `alone`, without a unit, it is all of them.
    """
    whole = decimal(digits)
    if not alone or "," not in digits or whole != digits.replace(",", "."):
        return (Token(whole[:LONGEST_TERM], start, start + len(digits)),)
    parts = [Token(m.group()[:LONGEST_TERM], start + m.start(), start + m.end()) for m in re.finditer("[^,]+", digits)]
    return (Token(whole[:LONGEST_TERM], start, start + len(digits)), *parts) if len(parts) == 2 else tuple(parts)


def _parts(folded: str) -> Iterator[tuple[str, int, int, list[Found]]]:
    """Split a text into runs that are Chinese or not: (its simplified characters or "", start, end, quantities)."""
    simple = simplified(folded)
    added, at = han_quantities(simple), 0
    for start, end, han in han_runs(simple):
        first = at
        while at < len(added) and added[at].start < end:
            at += 1
        yield simple[start:end] if han else "", start, end, added[first:at]


@cache
def stemmer() -> Callable[[str], str]:
    """Return the English stemmer, a function of one lower-case word."""
    import Stemmer

    # Size 0 disables its cache, because ours is faster.
    stem: Callable[[str], str] = Stemmer.Stemmer("english", 0).stemWord
    return stem
