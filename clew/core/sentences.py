"""Where sentences end, for cutting passages and for showing parts of them: one rule for both."""

from __future__ import annotations

import re

_SENTENCE_END = re.compile(r"[.!?][\"')\]]*(?=\s)|[。！？；][”’」』）]*|\n+")


def sentence_ends(text: str) -> list[int]:
    """Character positions just after each sentence (English and Chinese marks, and line ends)."""
    ends = [m.end() for m in _SENTENCE_END.finditer(text)]
    if not ends or ends[-1] != len(text):
        ends.append(len(text))
    return ends


def sentences(text: str) -> list[tuple[int, int]]:
    """(start, end) of each sentence, white space around it left out; none is empty."""
    found: list[tuple[int, int]] = []
    start = 0
    for end in sentence_ends(text):
        part = text[start:end]
        if shown := part.strip():
            first = start + part.index(shown[0])
            found.append((first, first + len(shown)))
        start = end
    return found
