"""A deterministic pair scorer without a model: it counts shared words. For tests and quick demonstrations."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import numpy as np

from clew.core.types import Vectors

_WORD = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]|[^\W\u3400-\u9fff\uf900-\ufaff]+")


class OverlapScorer:
    """Pair scorer with log-odds from -4 (the text has no word of the query) to 4 (it has all of them).

    Of texts with the same share of the query's words, the shorter one has the higher score.
    """

    runtime = "python"
    max_length = 512
    fingerprint = hashlib.sha256(b"overlap 1").hexdigest()

    def score(self, query: str, texts: Sequence[str]) -> Vectors:
        """Return (n,) float32 scores, one for each text."""
        query_words = set(_WORD.findall(query.lower()))
        return np.array([self._score_text(query_words, text) for text in texts], np.float32)

    def _score_text(self, query_words: set[str], text: str) -> float:
        words = _WORD.findall(text.lower())[: self.max_length]
        shared = len(query_words.intersection(words)) / max(1, len(query_words))
        return 8 * shared - 4 - 1e-4 * len(words)
