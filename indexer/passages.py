"""Cut a document's text into passages: windows of whole sentences, with offsets back to the source.

A window has at most `size` tokens of the encoder that will read it, including the repeated title, and windows start
about `step` tokens apart. A short document (such as most products) is one passage.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from clew.core.sentences import sentence_ends


class TokenOffsets(Protocol):
    """The part of an encoder's tokenizer that is needed to cut passages."""

    def token_offsets(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """Return the character (start, end) of every token of each text, without special tokens."""
        ...


@dataclass(frozen=True, slots=True)
class PassagesSpec:
    """How documents are cut.

    size: maximum number of tokens in a passage, including title and special tokens (8 to 8192).
    step: tokens between the starts of neighbouring windows (1 to size).
    """

    size: int = 256
    step: int = 192

    def __post_init__(self) -> None:
        if not 8 <= self.size <= 8192:
            raise ValueError(f"size is {self.size}, expected 8 to 8192 tokens")
        if not 1 <= self.step <= self.size:
            raise ValueError(f"step is {self.step}, expected 1 to size ({self.size}); a larger step would skip text")


def windows(text: str, tokens: Sequence[tuple[int, int]], room: int, step: int) -> list[tuple[int, int]]:
    """Return the character (start, end) of every window of one text.

    tokens: character offsets of the text's tokens; room: maximum number of tokens in a window; step: tokens between
    starts. Every token is in at least one window. A window ends at the last sentence end at which it is at least half
    full. The next one starts at the last sentence start within a step, or a full step later if there is none.
    """
    n = len(tokens)
    if n <= room:
        return [(0, len(text))]
    step = min(step, room)
    starts = [start for start, _ in tokens]
    # Token index at which each sentence ends: possible cuts for both ends of a window.
    cuts = sorted({bisect.bisect_left(starts, end) for end in sentence_ends(text)})
    found: list[tuple[int, int]] = []
    first = 0
    while True:
        last = min(first + room, n)
        if last < n:
            cut = cuts[bisect.bisect_right(cuts, last) - 1] if cuts[0] <= last else 0
            if cut >= first + max(1, room // 2):
                last = cut
        found.append((starts[first], len(text) if last == n else tokens[last - 1][1]))
        if last == n:
            return found
        target = min(first + step, last)
        at = bisect.bisect_right(cuts, target) - 1
        first = cuts[at] if at >= 0 and cuts[at] > first + step // 2 else target


def cut(
    texts: Sequence[str], titles: Sequence[str], tokenizer: TokenOffsets, spec: PassagesSpec
) -> list[list[tuple[int, int]]]:
    """Return the windows of each text, as character (start, end) pairs; an empty text has one empty window (0, 0).

    The title is repeated in front of every window, so its tokens are subtracted from the size (at most half of it).
    """
    bodies = tokenizer.token_offsets(texts)
    heads = tokenizer.token_offsets(titles)
    cuts: list[list[tuple[int, int]]] = []
    for text, tokens, head in zip(texts, bodies, heads, strict=True):
        room = max(spec.size - 4 - len(head), spec.size // 2)
        cuts.append(windows(text, tokens, room, spec.step))
    return cuts
