"""A cross-encoder shared by several systems: each pair is scored once, and requests are counted per system."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from clew.core.types import Vectors
from clew.models.protocols import LanguageReader, PairScorer


@dataclass(slots=True)
class SharedScorer:
    """A cross-encoder as one of several systems uses it.

    known: cache (query, text) → score, shared by the systems and cleared by their owner. pairs: number of pairs
    requested, cached or not.
    """

    scorer: PairScorer
    known: dict[tuple[str, str], float]
    pairs: int = 0

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the scorer."""
        return self.scorer.fingerprint

    @property
    def runtime(self) -> str:
        """Runtime of the scorer."""
        return self.scorer.runtime

    @property
    def max_length(self) -> int:
        """Maximum length of the scorer, in tokens."""
        return self.scorer.max_length

    def score(self, query: str, texts: Sequence[str]) -> Vectors:
        """Return (n,) float32 scores, from the cache if a pair was scored before."""
        self.pairs += len(texts)
        new = list(dict.fromkeys(text for text in texts if (query, text) not in self.known))
        if new:
            scores = self.scorer.score(query, new).tolist()
            self.known.update(zip([(query, text) for text in new], scores, strict=True))
        return np.array([self.known[query, text] for text in texts], np.float32)

    def unread_share(self, query: str) -> float:
        """Return the share of a query's tokens that say nothing to the scorer; 0 if it cannot tell."""
        return self.scorer.unread_share(query) if isinstance(self.scorer, LanguageReader) else 0.0
