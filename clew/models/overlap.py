"""A deterministic pair scorer without a model: shared words, no meaning. For tests and quick demonstrations."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import numpy as np

from clew.core.types import Vectors

_WORD = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]|[^\W\u3400-\u9fff\uf900-\ufaff]+")


class OverlapScorer:
    """Log-odds -4 for no word of the query in the text, 4 for all of them; of equals the shorter text is ahead."""

    runtime = "python"
    max_length = 512
    fingerprint = hashlib.sha256(b"overlap 1").hexdigest()

    def score(self, query: str, texts: Sequence[str]) -> Vectors:
        """(n,) float32 scores."""
        asked = set(_WORD.findall(query.lower()))
        return np.array([self._one(asked, text) for text in texts], np.float32)

    def _one(self, asked: set[str], text: str) -> float:
        words = _WORD.findall(text.lower())[: self.max_length]
        shared = len(asked.intersection(words)) / max(1, len(asked))
        return 8 * shared - 4 - 1e-4 * len(words)
