"""Split text into sentences. The same rule is used to cut passages and to show parts of them."""

from __future__ import annotations

import re

CJK = "\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
"""The characters of Chinese, Japanese and Korean, which no white space separates, as ranges of a regular expression."""
_SENTENCE_END = re.compile(r"[.!?][\"')\]]*(?=\s)|[。！？；][”’」』）]*|\n+")


def sentence_ends(text: str) -> list[int]:
    """Return the position after the end of each sentence (English and Chinese punctuation, and line ends)."""
    ends = [m.end() for m in _SENTENCE_END.finditer(text)]
    if not ends or ends[-1] != len(text):
        ends.append(len(text))
    return ends


def sentences(text: str) -> list[tuple[int, int]]:
    """Return (start, end) of each sentence without surrounding white space. Empty sentences are skipped."""
    found: list[tuple[int, int]] = []
    start = 0
    for end in sentence_ends(text):
        part = text[start:end]
        if shown := part.strip():
            first = start + part.index(shown[0])
            found.append((first, first + len(shown)))
        start = end
    return found
