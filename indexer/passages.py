"""Cut a document's text into passages: windows of whole sentences, with offsets back to the source.

A window holds at most `size` word pieces of the encoder that will read it, the repeated title included, and
windows start about `step` pieces apart. Short documents (most products) are one passage.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from clew.core.sentences import sentence_ends


class TokenOffsets(Protocol):
    """The part of an encoder's tokenizer that cutting needs."""

    def token_offsets(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """Character (start, end) of every word piece of each text, special tokens left out."""
        ...


@dataclass(frozen=True, slots=True)
class PassagesSpec:
    """How documents are cut.

    size: most word pieces in a passage, title and special tokens included (8 to 8192).
    step: pieces between the starts of neighbouring windows (1 to size).
    """

    size: int = 256
    step: int = 192

    def __post_init__(self) -> None:
        if not 8 <= self.size <= 8192:
            raise ValueError(f"size is {self.size}, expected 8 to 8192 word pieces")
        if not 1 <= self.step <= self.size:
            raise ValueError(f"step is {self.step}, expected 1 to size ({self.size}), so that no text is skipped")


def windows(text: str, pieces: Sequence[tuple[int, int]], room: int, step: int) -> list[tuple[int, int]]:
    """Character (start, end) of every window of one text.

    pieces: character offsets of the text's word pieces; room: most pieces in a window; step: pieces between starts.
    Every piece is in at least one window. A window ends at the last sentence end that leaves it at least half
    full, and the next one starts at the last sentence start within its step (a whole step where there is none).
    """
    n = len(pieces)
    if n <= room:
        return [(0, len(text))]
    step = min(step, room)
    starts = [p[0] for p in pieces]
    # Piece index at which each sentence ends: cut points for both ends of a window.
    cuts = sorted({bisect.bisect_left(starts, end) for end in sentence_ends(text)})
    found: list[tuple[int, int]] = []
    first = 0
    while True:
        last = min(first + room, n)
        if last < n:
            cut = cuts[bisect.bisect_right(cuts, last) - 1] if cuts[0] <= last else 0
            if cut >= first + max(1, room // 2):
                last = cut
        found.append((starts[first], len(text) if last == n else pieces[last - 1][1]))
        if last == n:
            return found
        target = min(first + step, last)
        at = bisect.bisect_right(cuts, target) - 1
        first = cuts[at] if at >= 0 and cuts[at] > first + step // 2 else target


def cut(
    texts: Sequence[str], titles: Sequence[str], tokenizer: TokenOffsets, spec: PassagesSpec
) -> list[list[tuple[int, int]]]:
    """Windows of each text, as character (start, end) pairs; an empty text has one empty window (0, 0).

    The title is repeated in front of every window, so its pieces are taken off the room (at most half of it).
    """
    bodies = tokenizer.token_offsets(texts)
    heads = tokenizer.token_offsets(titles)
    cuts: list[list[tuple[int, int]]] = []
    for text, pieces, head in zip(texts, bodies, heads, strict=True):
        room = max(spec.size - 4 - len(head), spec.size // 2)
        cuts.append(windows(text, pieces, room, spec.step))
    return cuts
