"""Which part of a text a model can read, by its tokenizer: models do not say reliably which languages they know."""

from __future__ import annotations

import unicodedata
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

# The most frequent Chinese characters, simplified and traditional. A vocabulary that lacks many of them was not made
# for Chinese, even if it has all characters of a short text.
COMMON_HAN = (
    "的一是不了在人有我他这這个個们們中来來上大为為国國地到以说說时時要就出"
    "会會可也你对對生能而子那得于着下自之年过過发發后後"
)
# Above this share of tokens that a model does not know, its vector or score says little about the text.
UNKNOWN_LIMIT = 0.2
# A word of this many letters that is cut into nearly as many tokens is spelled, not read.
_LEAST_LETTERS = 3
_SPELLED = 0.75


def reads_han(tokenizer: Tokenizer, unknown: int | None) -> bool:
    """Return whether a vocabulary has most of the common Chinese characters. unknown: id of the unknown token."""
    ids = tokenizer.encode(COMMON_HAN, add_special_tokens=False).ids
    return sum(token == unknown for token in ids) <= UNKNOWN_LIMIT * len(ids)


def unread_share(tokenizer: Tokenizer, unknown: int | None, text: str, *, han: bool) -> float:
    """Return the share (0 to 1) of a text's tokens that say nothing to the model; 1 for a text without tokens.

    A token says nothing if the vocabulary lacks it, if it is a Chinese character and the vocabulary was not made for
    Chinese (`han`: whether it was), or if it belongs to a word of another script than Latin that is spelled letter by
    letter: that vocabulary has the letters of the script, but not its words. unknown: id of the unknown token.
    """
    found = tokenizer.encode(text, add_special_tokens=False)
    if not found.ids:
        return 1.0
    unread = 0
    for _, group in groupby(range(len(found.ids)), key=lambda at: found.word_ids[at]):
        word = list(group)
        if _is_spelled(found, word, text):
            unread += len(word)
            continue
        for at in word:
            start, end = found.offsets[at]
            unread += found.ids[at] == unknown or (not han and any(map(_is_han, text[start:end])))
    return unread / len(found.ids)


def knows_words(tokenizer: Tokenizer, unknown: int | None, text: str, *, han: bool) -> bool:
    """Return whether a vocabulary has a word of a text as one token, so that the text is not a mere string of letters.

    A word has at least three letters; Chinese characters that the vocabulary knows are words too, if it was made for
    Chinese (`han`: whether it was). A query of nothing but rare words, brands and model numbers may have none.
    """
    found = tokenizer.encode(text, add_special_tokens=False)
    for _, group in groupby(range(len(found.ids)), key=lambda at: found.word_ids[at]):
        parts = [at for at in group if found.offsets[at][0] < found.offsets[at][1]]
        for at in parts:
            letters = text[slice(*found.offsets[at])].strip()
            known = found.ids[at] != unknown
            if known and han and any(map(_is_han, letters)):
                return True
            if known and len(parts) == 1 and len(letters) >= _LEAST_LETTERS and letters.isalpha():
                return True
    return False


def _is_spelled(found: Encoding, word: list[int], text: str) -> bool:
    start, end = found.offsets[word[0]][0], found.offsets[word[-1]][1]
    letters = sum(letter.isalpha() and not _is_latin(letter) and not _is_han(letter) for letter in text[start:end])
    return letters >= _LEAST_LETTERS and len(word) >= _SPELLED * letters


def _is_han(letter: str) -> bool:
    return "\u3400" <= letter <= "\u9fff" or "\uf900" <= letter <= "\ufaff"


def _is_latin(letter: str) -> bool:
    return unicodedata.name(letter, "").startswith("LATIN")
