"""Two models as one: "a+b" averages the outputs of the models a and b.

Bi-encoders: the mean of two cosines is the cosine of the concatenated vectors. Cross-encoders: the mean of two scores.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from clew.core.errors import UsageError
from clew.core.types import Vectors
from clew.models.protocols import Encoder, LanguageReader, PairScorer

PLUS = "+"
# Scales the concatenation of two unit vectors to a unit vector.
_HALF = np.float32(np.sqrt(0.5))


class AveragedEncoder:
    """Two bi-encoders as one: an inner product of its vectors is the mean of the two cosines.

    If the two differ, the stricter value counts: the shorter maximum length, the larger share of unknown tokens, and
    for each text the tokens of the model that splits it into more tokens. May be called from several threads.
    """

    def __init__(self, first: Encoder, second: Encoder) -> None:
        self._parts = (first, second)
        self.dim = first.dim + second.dim
        self.fingerprint = _combined_fingerprint(first, second)
        self.runtime = f"{first.runtime}{PLUS}{second.runtime}"
        self.agreement = (first.agreement + second.agreement) / 2  # because the cosine is the mean of the two cosines
        self.max_length = min(first.max_length, second.max_length)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Return (n, dim) float32 unit vectors of n queries."""
        first, second = (part.encode_queries(texts) for part in self._parts)
        return _concatenated(first, second)

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """Return (n, dim) float32 unit vectors of n passages."""
        first, second = (part.encode_passages(texts) for part in self._parts)
        return _concatenated(first, second)

    def unknown_shares(self, texts: Sequence[str]) -> list[float]:
        """Return the larger one of the two models' shares (0 to 1) of each text's tokens that the vocabulary lacks."""
        return [max(shares) for shares in zip(*(part.unknown_shares(texts) for part in self._parts), strict=True)]


class AveragedScorer:
    """Two cross-encoders as one, whose score is the mean of their scores. May be called from several threads."""

    def __init__(self, first: PairScorer, second: PairScorer) -> None:
        self._first, self._second = first, second
        self.fingerprint = _combined_fingerprint(first, second)
        self.runtime = f"{first.runtime}{PLUS}{second.runtime}"
        self.max_length = min(first.max_length, second.max_length)

    def score(self, query: str, texts: Sequence[str]) -> Vectors:
        """Return (n,) float32 means of the two log-odds."""
        mean: Vectors = (self._first.score(query, texts) + self._second.score(query, texts)) / np.float32(2)
        return mean

    def unread_share(self, query: str) -> float:
        """Return the larger one of the two models' shares (0 to 1) of a query's tokens that say nothing to them."""
        parts = (part for part in (self._first, self._second) if isinstance(part, LanguageReader))
        return max((part.unread_share(query) for part in parts), default=0.0)


def split_average(model: str, base: Path = Path()) -> tuple[str, str] | None:
    """Return the two models of "a+b"; None for a name without "+", and for an existing folder whose path has one.

    base: folder that relative paths start from. If there are several "+", the first one with a model on both sides
    counts. Raises UsageError if a side is empty or if more than two models are joined.
    """
    if PLUS not in model or is_folder(model, base):
        return None
    names = model.split(PLUS)
    for at in range(1, len(names)):
        sides = PLUS.join(names[:at]), PLUS.join(names[at:])
        if not all(sides):
            continue
        if all(PLUS not in side or is_folder(side, base) for side in sides):
            return sides
    if all(names):
        raise UsageError(
            f"{model!r} joins {len(names)} models, but an average is of two",
            f"give two, such as {PLUS.join(names[:2])!r}",
        )
    raise UsageError(f"{model!r} lacks a model on one side of {PLUS!r}", 'give two models: "a+b"')


def is_folder(model: str, base: Path = Path()) -> bool:
    """Return whether a model is given as an existing folder. base: folder that relative paths start from."""
    return bool(model) and (base / Path(model).expanduser()).is_dir()


def _concatenated(first: Vectors, second: Vectors) -> Vectors:
    """Concatenate (n, d) and (n, e) float32 unit vectors to (n, d + e) ones."""
    concatenated: Vectors = np.concatenate([first, second], axis=1) * _HALF
    return concatenated


def _combined_fingerprint(first: Encoder | PairScorer, second: Encoder | PairScorer) -> str:
    return hashlib.sha256(f"average 1 {first.fingerprint} {second.fingerprint}".encode()).hexdigest()
