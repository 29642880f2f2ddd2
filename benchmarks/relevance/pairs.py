"""A cross-encoder that several share: a pair is scored once, and what each of them asks for is counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from clew.core.types import Vectors
from clew.models.protocols import PairScorer


@dataclass(slots=True)
class SharedScorer:
    """A cross-encoder as one of several uses it.

    known: (query, text) → score, shared by whoever is given the same one, who may empty it. pairs: how many were asked
    for, known or not.
    """

    scorer: PairScorer
    known: dict[tuple[str, str], float]
    pairs: int = 0

    @property
    def fingerprint(self) -> str:
        """That of the scorer."""
        return self.scorer.fingerprint

    @property
    def runtime(self) -> str:
        """That of the scorer."""
        return self.scorer.runtime

    @property
    def max_length(self) -> int:
        """That of the scorer."""
        return self.scorer.max_length

    def score(self, query: str, texts: Sequence[str]) -> Vectors:
        """(n,) float32 scores as the scorer gives them, those that are known from memory."""
        self.pairs += len(texts)
        new = list(dict.fromkeys(text for text in texts if (query, text) not in self.known))
        if new:
            scores = self.scorer.score(query, new).tolist()
            self.known.update(zip([(query, text) for text in new], scores, strict=True))
        return np.array([self.known[query, text] for text in texts], np.float32)
