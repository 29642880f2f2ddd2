"""A deterministic encoder without a model: it hashes words and character n-grams. For tests and quick demonstrations.

Texts that share words or parts of words get similar vectors; their meaning plays no role.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Sequence

import numpy as np

from clew.core.errors import unknown_name
from clew.core.types import Vectors

DEFAULT_DIM = 256
_TOKEN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]|[^\W\u3400-\u9fff\uf900-\ufaff]+|[^\w\s]")
_GRAMS = (3, 4)
_WORD_WEIGHT = 2.0


class HashingEncoder:
    """Encoder that hashes words (weight 2) and their character 3- and 4-grams (weight 1), signed, into `dim` cells."""

    runtime = "numpy-fp32"
    agreement = 1.0
    max_length = 512

    def __init__(self, dim: int = DEFAULT_DIM) -> None:
        self.dim = dim
        self.fingerprint = hashlib.sha256(f"hashing 1 {dim} {self.max_length}".encode()).hexdigest()

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Return (n, dim) float32 unit vectors of n queries."""
        return self.encode_passages(texts)

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """Return (n, dim) float32 unit vectors of n passages."""
        vectors = np.empty((len(texts), self.dim), np.float32)
        for row, text in enumerate(texts):
            vectors[row] = self._vector(text)
        return vectors

    def unknown_shares(self, texts: Sequence[str]) -> list[float]:
        """Return 0 for each text, because every word can be hashed; 1 for a text without words."""
        return [0.0 if _TOKEN.search(text) else 1.0 for text in texts]

    def knows_words(self, text: str) -> bool:  # noqa: ARG002 - the protocol has it
        """Return False: words are not told from strings of letters."""
        return False

    def _vector(self, text: str) -> Vectors:
        features, weights = [""], [1e-3]  # so that a text without words gets a direction too
        for number, match in enumerate(_TOKEN.finditer(text.lower())):
            if number == self.max_length:
                break
            word = match[0]
            features.append(word)
            weights.append(_WORD_WEIGHT)
            marked = f"<{word}>"
            grams = [marked[at : at + n] for n in _GRAMS for at in range(len(marked) - n + 1)]
            features += grams
            weights += [1.0] * len(grams)
        codes = np.fromiter((zlib.crc32(f.encode("utf-8", "replace")) for f in features), np.uint64, len(features))
        # crc32 of similar strings is similar; multiplying by 2^64 / golden ratio spreads it over the high bits.
        mixed = codes * np.uint64(0x9E3779B97F4A7C15)
        cells = ((mixed >> np.uint64(33)) % np.uint64(self.dim)).astype(np.int64)
        signs = np.where(mixed >> np.uint64(63), 1.0, -1.0)
        vector = np.bincount(cells, weights=signs * np.array(weights), minlength=self.dim)
        unit: Vectors = (vector / np.linalg.norm(vector)).astype(np.float32)
        return unit


def hashing_encoder(name: str) -> HashingEncoder:
    """Return the encoder "hashing" or "hashing-<dim>" (8 to 4096). Raises UnknownNameError for another width."""
    _, dash, given = name.partition("-")
    width = given if dash else str(DEFAULT_DIM)
    if not width.isdecimal() or not 8 <= int(width) <= 4096:
        raise unknown_name("model", name, ["hashing", "hashing-8", "hashing-4096"])
    return HashingEncoder(int(width))
