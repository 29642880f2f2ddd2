"""Two models as one: "a+b" is the mean of what the models a and b say.

Bi-encoders: the mean of two cosines is the cosine of the two vectors one after the other. Cross-encoders: the mean of
two scores.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from clew.core.errors import UsageError
from clew.core.types import Vectors
from clew.models.protocols import Encoder, PairScorer

PLUS = "+"
# Scales two unit vectors, one after the other, to one unit vector.
_HALF = np.float32(np.sqrt(0.5))


class AveragedEncoder:
    """Two bi-encoders as one: an inner product of its vectors is the mean of the two cosines.

    Where the two differ, the stricter counts: a text is read as far as both read it, cut by whichever cuts it finer,
    and as unknown as it is to the one that knows less of it. May be called from several threads.
    """

    def __init__(self, first: Encoder, second: Encoder) -> None:
        self._parts = (first, second)
        self.dim = first.dim + second.dim
        self.fingerprint = _of_both(first, second)
        self.runtime = f"{first.runtime}{PLUS}{second.runtime}"
        self.agreement = (first.agreement + second.agreement) / 2  # as the cosine is of the two cosines
        self.max_length = min(first.max_length, second.max_length)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """(n, dim) float32 unit vectors of n queries."""
        first, second = (part.encode_queries(texts) for part in self._parts)
        return _joined(first, second)

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """(n, dim) float32 unit vectors of n passages."""
        first, second = (part.encode_passages(texts) for part in self._parts)
        return _joined(first, second)

    def token_offsets(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """Character (start, end) of the word pieces of each text, of the model that makes more of it (the first's on a
        tie): a passage that is cut by these fits the other too.
        """
        first, second = (part.token_offsets(texts) for part in self._parts)
        return [max(pair, key=len) for pair in zip(first, second, strict=True)]

    def unknown_shares(self, texts: Sequence[str]) -> list[float]:
        """Share (0 to 1) of each text's word pieces that a vocabulary does not know: the larger of the two."""
        return [max(shares) for shares in zip(*(part.unknown_shares(texts) for part in self._parts), strict=True)]


class AveragedScorer:
    """Two cross-encoders as one: the mean of their scores. May be called from several threads."""

    def __init__(self, first: PairScorer, second: PairScorer) -> None:
        self._first, self._second = first, second
        self.fingerprint = _of_both(first, second)
        self.runtime = f"{first.runtime}{PLUS}{second.runtime}"
        self.max_length = min(first.max_length, second.max_length)

    def score(self, query: str, texts: Sequence[str]) -> Vectors:
        """(n,) float32 means of the two log-odds."""
        mean: Vectors = (self._first.score(query, texts) + self._second.score(query, texts)) / np.float32(2)
        return mean


def parts_of(model: str, base: Path = Path()) -> tuple[str, str] | None:
    """The two models of "a+b"; None for the name of one model, which has no "+", and for a folder that has one.

    base: where relative folders start. Of several "+" the one counts that leaves a model on either side. Raises
    UsageError where a side is empty or where more than two models are joined.
    """
    if PLUS not in model or is_folder(model, base):
        return None
    pieces = model.split(PLUS)
    for at in range(1, len(pieces)):
        sides = PLUS.join(pieces[:at]), PLUS.join(pieces[at:])
        if not all(sides):
            continue
        if all(PLUS not in side or is_folder(side, base) for side in sides):
            return sides
    if all(pieces):
        raise UsageError(
            f"{model!r} joins {len(pieces)} models, and an average is of two", f"such as {PLUS.join(pieces[:2])!r}"
        )
    raise UsageError(f"{model!r} lacks a model beside {PLUS!r}", 'an average is of two models: "a+b"')


def is_folder(model: str, base: Path = Path()) -> bool:
    """Whether a model is named by a folder that is there. base: where relative ones start."""
    return bool(model) and (base / Path(model).expanduser()).is_dir()


def _joined(first: Vectors, second: Vectors) -> Vectors:
    """(n, d + e) float32 unit vectors of (n, d) and (n, e) ones."""
    joined: Vectors = np.concatenate([first, second], axis=1) * _HALF
    return joined


def _of_both(first: Encoder | PairScorer, second: Encoder | PairScorer) -> str:
    return hashlib.sha256(f"average 1 {first.fingerprint} {second.fingerprint}".encode()).hexdigest()
