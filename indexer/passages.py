"""Cut a document's text into passages: windows of whole sentences, with offsets back to the source.

A window has at most `size` tokens, including the repeated title, and windows start about `step` tokens apart. A short
document (such as most products) is one passage. Tokens are counted by a rule of this module and not by the tokenizer
of the encoder, so that another encoder changes neither the passages nor how BM25 ranks them.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from clew.core.sentences import CJK, sentence_ends

# Counted like this, few texts have more tokens in the WordPiece vocabulary of BERT: on medquad, squad11, esci and
# pubmedqa the ratio is .83 to .90 on average, on drcd .98; 2 to 5 of 100 texts have more, at most 1.3 times as many.
_TOKEN = re.compile(rf"[{CJK}]|\d|[^\W\d_{CJK}]{{1,6}}|[^\w\s]|_")
_IS_CJK = re.compile(f"[{CJK}]")


def tokens(text: str) -> list[tuple[int, int]]:
    """Return the (start, end) of each token: up to six letters of a word, or one other character but white space."""
    return [found.span() for found in _TOKEN.finditer(text)]


@dataclass(frozen=True, slots=True)
class PassagesSpec:
    """How documents are cut.

    size: maximum number of tokens in a passage, including title and special tokens (8 to 8192).
    step: tokens between the starts of neighbouring windows (1 to size).
    """

    size: int = 256
    step: int = 192

    def fitting(self, longest: int) -> PassagesSpec:
        """Return these windows, not larger than the longest input of an encoder (in tokens)."""
        size = min(self.size, longest)
        return replace(self, size=size, step=min(self.step, size))

    def __post_init__(self) -> None:
        if not 8 <= self.size <= 8192:
            raise ValueError(f"size is {self.size}, expected 8 to 8192 tokens")
        if not 1 <= self.step <= self.size:
            raise ValueError(f"step is {self.step}, expected 1 to size ({self.size}); a larger step would skip text")


def windows(text: str, spans: Sequence[tuple[int, int]], room: int, step: int) -> list[tuple[int, int]]:
    """Return the character (start, end) of every window of one text.

    spans: (start, end) of the text's tokens; room: maximum number of tokens in a window; step: tokens between
    starts. Every token is in at least one window. A window ends at the last sentence end at which it is at least half
    full. The next one starts at the last sentence start within a step, or a full step later if there is none. Neither
    is inside a word, unless the word alone is longer than that.
    """
    n = len(spans)
    if n <= room:
        return [(0, len(text))]
    step = min(step, room)
    starts = [start for start, _ in spans]
    # Token index at which each sentence ends: possible cuts for both ends of a window.
    cuts = sorted({bisect.bisect_left(starts, end) for end in sentence_ends(text)})
    words = [at for at in range(n) if not _continues(text, spans, at)]
    found: list[tuple[int, int]] = []
    first = 0
    while True:
        last = min(first + room, n)
        if last < n:
            cut = cuts[bisect.bisect_right(cuts, last) - 1] if cuts[0] <= last else 0
            last = cut if cut >= first + max(1, room // 2) else _word_start(words, first, last)
        found.append((starts[first], len(text) if last == n else spans[last - 1][1]))
        if last == n:
            return found
        target = min(first + step, last)
        at = bisect.bisect_right(cuts, target) - 1
        first = cuts[at] if at >= 0 and cuts[at] > first + step // 2 else _word_start(words, first, target)


def _continues(text: str, spans: Sequence[tuple[int, int]], at: int) -> bool:
    """Return whether a token goes on with the word before it: no white space is between them, and neither is CJK."""
    start = spans[at][0]
    return (
        at > 0 and spans[at - 1][1] == start and not _IS_CJK.match(text[start - 1]) and not _IS_CJK.match(text[start])
    )


def _word_start(words: Sequence[int], first: int, most: int) -> int:
    """Return the last token up to `most` that starts a word, or `most` if there is none after `first`.

    words: the tokens that start words, ascending.
    """
    at = bisect.bisect_right(words, most) - 1
    return words[at] if at >= 0 and words[at] > first else most


def cut(texts: Sequence[str], titles: Sequence[str], spec: PassagesSpec) -> list[list[tuple[int, int]]]:
    """Return the windows of each text, as character (start, end) pairs; an empty text has one empty window (0, 0).

    The title is repeated in front of every window, so its tokens are subtracted from the size (at most half of it).
    """
    cuts: list[list[tuple[int, int]]] = []
    for text, title in zip(texts, titles, strict=True):
        room = max(spec.size - 4 - len(tokens(title)), spec.size // 2)
        cuts.append(windows(text, tokens(text), room, spec.step))
    return cuts
