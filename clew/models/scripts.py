"""The scripts that languages are written in, and the script of a character."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache

from clew.core.errors import UsageError, nearest

LATIN, GREEK, HAN = "LATIN", "GREEK", "HAN"
EVERYWHERE = frozenset({LATIN, GREEK})
"""Scripts whose single letters occur in texts of every language, as in units, formulas and names of models."""
_LANGUAGES = {
    "af ca cs cy da de en es et eu fi fr ga gl hr hu id is it la lt lv ms mt nl no pl pt ro sk sl sq sv sw tl tr vi": (
        LATIN,
    ),
    "zh": (HAN, "BOPOMOFO"),
    "ja": (HAN, "HIRAGANA", "KATAKANA"),
    "ko": ("HANGUL",),
    "be bg kk ky mk mn ru tg uk": ("CYRILLIC",),
    "sr": ("CYRILLIC", LATIN),
    "el": (GREEK,),
    "ar fa ps ur": ("ARABIC",),
    "he yi": ("HEBREW",),
    "hi mr ne": ("DEVANAGARI",),
    "as bn": ("BENGALI",),
    "pa": ("GURMUKHI",),
    "gu": ("GUJARATI",),
    "or": ("ORIYA",),
    "ta": ("TAMIL",),
    "te": ("TELUGU",),
    "kn": ("KANNADA",),
    "ml": ("MALAYALAM",),
    "si": ("SINHALA",),
    "th": ("THAI",),
    "lo": ("LAO",),
    "km": ("KHMER",),
    "my": ("MYANMAR",),
    "bo": ("TIBETAN",),
    "ka": ("GEORGIAN",),
    "hy": ("ARMENIAN",),
    "am ti": ("ETHIOPIC",),
}
LANGUAGES = {language: frozenset(scripts) for names, scripts in _LANGUAGES.items() for language in names.split()}
"""ISO 639-1 code of a language → the scripts that it is written in, as Unicode names of characters begin."""
_SCRIPTS = frozenset(script for scripts in LANGUAGES.values() for script in scripts)
# First words of the names of letters that belong to no script of their own.
_COMMON_LETTERS = frozenset({"COMBINING", "MODIFIER"})
_HAN_LETTERS = frozenset({"CJK", "IDEOGRAPHIC", "KANGXI"})


def scripts_of_languages(languages: Iterable[str]) -> frozenset[str]:
    """Return the scripts of languages, by their ISO 639-1 codes. Raises UsageError for one that is not known."""
    found: set[str] = set()
    for language in languages:
        if language not in LANGUAGES:
            raise UsageError(
                f"language {language!r} is not known",
                f"{nearest(language, LANGUAGES)}; languages are named by ISO 639-1 codes, such as zh,en",
            )
        found |= LANGUAGES[language]
    return frozenset(found)


def scripts_of(text: str) -> frozenset[str]:
    """Return the scripts of a text's characters; digits, punctuation, symbols and spaces belong to none."""
    return frozenset(map(_script_of, text)) - {""}


@cache
def _script_of(character: str) -> str:
    """Return the script of a character; "" for one that every script uses.

    Presentation forms have the script of the character that they stand for, such as Latin for a fullwidth letter.
    """
    normal = unicodedata.normalize("NFKC", character)
    if normal != character:
        return min(scripts_of(normal), default="")
    kind = unicodedata.category(character)[0]
    if kind not in "LMN":
        return ""
    first = re.split("[ -]", unicodedata.name(character, ""))[0]
    if kind == "L":
        return HAN if first in _HAN_LETTERS else "" if first in _COMMON_LETTERS else first
    return first if first in _SCRIPTS else ""
