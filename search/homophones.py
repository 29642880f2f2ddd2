"""Words of the index that sound like unknown Chinese words of a query: 耳基 → 耳机 (headphones, both ěrjī).

Who types by sound picks the wrong character of the right syllable. A run of two to four characters that no passage has
stands for the dictionary's words that the index has and that differ in one character of the same syllable, tones aside.
Runs are left alone whose characters all belong to longer words that the index has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

from clew.core.chinese import HAN_RUN, chinese_dictionary
from clew.core.text import Analyzer, Token
from clew.search.protocols import Spelling, Vocabulary

# Weight of a word that sounds like one of the query; a word of the query has 1. Chosen on dev questions with a typing
# error each: docs/benchmarks/method.md#chinese-typing-errors.
HOMOPHONE_WEIGHT = 0.75
_LENGTHS = range(2, 5)
_MOST_RUNS = 32
_MOST_WORDS = 3


def homophones(text: str, analyzer: Analyzer, words: Vocabulary) -> list[Spelling]:
    """Return the words of the index that sound like unknown Chinese words of a text, three of each by frequency."""
    if text.isascii() or HAN_RUN.search(text) is None:
        return []
    runs = [token for token in analyzer.tokens(text) if token.end - token.start > 1 and HAN_RUN.fullmatch(token.term)]
    known = [words.document_frequency(token.term) > 0 for token in runs]
    sure = {at for token, found in zip(runs, known, strict=True) if found for at in range(token.start, token.end)}
    found: dict[str, Spelling] = {}
    unsure = [
        token
        for token, seen in zip(runs, known, strict=True)
        if not seen and len(token.term) in _LENGTHS and not sure.issuperset(range(token.start, token.end))
    ]
    for token in unsure[:_MOST_RUNS]:
        frequent = sorted(_candidates(token, words), key=lambda pair: (-pair[1], pair[0]))
        for word, _ in frequent[:_MOST_WORDS]:
            found.setdefault(word, Spelling(word, token.term))
    return list(found.values())


def _candidates(token: Token, words: Vocabulary) -> Iterator[tuple[str, int]]:
    """Yield the dictionary's words of the index with another character of the same syllable, and their frequencies."""
    term = token.term
    for at, character in enumerate(term):
        for other in same_syllable().get(character, ""):
            word = f"{term[:at]}{other}{term[at + 1 :]}"
            frequency = words.document_frequency(word) if other != character else 0
            if frequency and chinese_dictionary().has_word(word):
                yield word, frequency


@cache
def same_syllable() -> Mapping[str, str]:
    """Return the common simplified characters (GB 2312) → all of them that share its syllable, tones aside."""
    from anyascii import anyascii

    # The bytes of a character in GB 2312: rows B0 to F7 are Chinese, by frequency and then by radical.
    rows = (bytes((row, cell)) for row in range(0xB0, 0xF8) for cell in range(0xA1, 0xFF))
    syllables: dict[str, str] = {}
    for encoded in rows:
        character = encoded.decode("gb2312", "ignore")
        if character:
            syllable = anyascii(character).lower()
            syllables[syllable] = syllables.get(syllable, "") + character
    return {character: group for group in syllables.values() for character in group}
