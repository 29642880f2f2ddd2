"""Unicode folding with a map from each folded character to its place in the original text.

`normalise` is for texts that people see (a query in a response). `fold` is for index terms: NFKC, case folding, Latin
letters without accents, one form of dashes and apostrophes, with a map back to the original text.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

# Letters that Unicode does not decompose, although people type them without the stroke.
_STROKED = {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "æ": "ae", "œ": "oe", "þ": "th", "ı": "i"}
# Signs with one form for all their variants. NFKC would turn the last into letters of the preceding word ("sonytm").
_VARIANTS = {
    **dict.fromkeys("\u2010\u2011\u2012\u2212\ufe63\uff0d", "-"),
    **dict.fromkeys("\u2018\u2019\u02bc\u2032\uff07", "'"),
    **dict.fromkeys("\u2044\u2215", "/"),
    **dict.fromkeys("\u2033\u201d", '"'),
    **dict.fromkeys("\u2122\u2120\u00a9\u00ae", " "),
}
_SENTINEL = "\ue000"
_SPACES = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")


def normalise(text: str) -> str:
    """Return the NFKC form, stripped, with each run of white space and control characters as one space. Case stays."""
    return _SPACES.sub(" ", unicodedata.normalize("NFKC", text)).strip()


class _OneToOne(dict[int, str]):
    """Table for str.translate: the fold of each character if that is one character, else the sentinel."""

    def __missing__(self, code: int) -> str:
        folded = _fold_cluster(chr(code))
        alone = len(folded) == 1 and not _joins_the_last(chr(code))
        self[code] = found = folded if alone else _SENTINEL
        return found


_TABLE = _OneToOne()


def fold(text: str) -> tuple[str, list[int] | None, list[int] | None]:
    """Fold a text, from which index terms are then cut; return (folded, starts, ends).

    starts[i] and ends[i]: start and end in `text` of the character folded[i]; both None if folding moves no character.
    """
    if text.isascii():
        return text.lower(), None, None
    if unicodedata.is_normalized("NFC", text):
        folded = text.translate(_TABLE)
        if _SENTINEL not in folded:
            return folded, None, None
    return _fold_slowly(text)


def _fold_slowly(text: str) -> tuple[str, list[int], list[int]]:
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    at = 0
    while at < len(text):
        end = at + 1
        while end < len(text) and _joins_the_last(text[end]):
            end += 1
        piece = _fold_cluster(text[at:end])
        if "\u2044" in piece:
            piece = _fraction(text[at:end], piece, pieces, starts, ends)
        pieces.append(piece)
        starts += [at] * len(piece)
        ends += [end] * len(piece)
        at = end
    return "".join(pieces), starts, ends


def _fraction(cluster: str, folded: str, pieces: list[str], starts: list[int], ends: list[int]) -> str:
    """Return a sign such as ½ as a decimal number, joined to a whole number before it (1½ and 1 ½ are 1.5).

    folded: what the sign is otherwise folded to. pieces, starts, ends: what is folded so far; a space before the sign
    is removed if a number precedes it.
    """
    value = unicodedata.numeric(cluster[0], None)
    if value is None or not 0 < value < 1:
        return folded.replace("\u2044", "/")
    decimal = f"{value:.4g}"
    if len(pieces) > 1 and pieces[-1] == " " and pieces[-2][-1:].isdigit():
        pieces.pop()
        starts.pop()
        ends.pop()
    return decimal[1:] if pieces and pieces[-1][-1:].isdigit() else decimal


@cache
def _joins_the_last(character: str) -> bool:
    """Return whether a character may compose with preceding ones: combining mark, Hangul jamo, halfwidth voice mark."""
    return (
        unicodedata.category(character).startswith("M")
        or "\u1160" <= character <= "\u11ff"
        or character in "\uff9e\uff9f"
    )


def _fold_cluster(cluster: str) -> str:
    """Return the fold of a character with its combining marks: "" for invisible characters, " " for signs."""
    if cluster in _VARIANTS:
        return _VARIANTS[cluster]
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", cluster).casefold())
    folded = "".join(_plain(c) for c in folded)
    if not folded and not cluster.isspace():
        return " " if cluster == "\u200b" else ""
    # ASCII stays as it is, so that a text has the same terms whether or not another character is in it.
    if folded.isascii() or any(c.isalnum() or c == "\u00d7" or unicodedata.category(c)[0] == "M" for c in folded):
        return folded
    return " "


@cache
def _plain(character: str) -> str:
    """Return a Latin letter without its accents; "" for invisible format characters and separate combining accents."""
    if "\u0300" <= character <= "\u036f" or unicodedata.category(character) == "Cf":
        return ""
    base = unicodedata.normalize("NFKD", character)[0]
    if base != character and base.isascii() and base.isalpha():
        return base
    return _STROKED.get(character, character)
