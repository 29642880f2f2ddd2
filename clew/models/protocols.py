"""What the rest of Clew needs of a model. Structural: a model need not import this."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from clew.core.types import Vectors


class Encoder(Protocol):
    """A bi-encoder: queries and passages to unit vectors in one space.

    A text's vector does not depend on the other texts of the call (cosine of alone against in a batch >= .9999).
    """

    @property
    def dim(self) -> int:
        """Width of the vectors."""
        ...

    @property
    def fingerprint(self) -> str:
        """sha256 over what decides the vectors: weights, tokenizer, pooling, prompts, maximum length."""
        ...

    @property
    def runtime(self) -> str:
        """Runtime and precision that compute the vectors, such as "onnxruntime-fp32"; part of the cache key."""
        ...

    @property
    def agreement(self) -> float:
        """Mean cosine of the vectors with those of the whole model (clew.models.agreement); 1 where it is that."""
        ...

    @property
    def max_length(self) -> int:
        """Most word pieces the model reads of a text, special tokens included."""
        ...

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """(n, dim) float32 unit vectors of n queries."""
        ...

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """(n, dim) float32 unit vectors of n passages."""
        ...

    def token_offsets(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """Character (start, end) of every word piece of each text, uncut, special tokens left out."""
        ...

    def unknown_shares(self, texts: Sequence[str]) -> list[float]:
        """Share (0 to 1) of each text's word pieces that the vocabulary does not know; 1 for a text without pieces."""
        ...


class PairScorer(Protocol):
    """A cross-encoder: how well each text answers the query.

    A pair's score does not depend on the other pairs of the call (alone against in a batch: within 0.01).
    """

    @property
    def fingerprint(self) -> str:
        """sha256 over what decides the scores: weights, tokenizer, maximum length."""
        ...

    @property
    def runtime(self) -> str:
        """Runtime and precision that compute the scores, such as "onnxruntime-int8"."""
        ...

    @property
    def max_length(self) -> int:
        """Most word pieces the model reads of a query and a text together, special tokens included."""
        ...

    def score(self, query: str, texts: Sequence[str]) -> Vectors:
        """(n,) float32 log-odds that each text is what the query wants; higher is better."""
        ...
