"""Protocols of the models that the rest of Clew uses. They are structural: a model need not import this module."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from clew.core.types import Vectors


class Encoder(Protocol):
    """A bi-encoder, which maps queries and passages to unit vectors in one space.

    A text's vector does not depend on the other texts of the call: encoded alone and in a batch, its two vectors have a
    cosine of at least .9999.
    """

    @property
    def dim(self) -> int:
        """Width of the vectors."""
        ...

    @property
    def fingerprint(self) -> str:
        """sha256 over what determines the vectors: weights, tokenizer, pooling, prompts, maximum length."""
        ...

    @property
    def runtime(self) -> str:
        """Runtime and precision that compute the vectors, such as "onnxruntime-fp32"; part of the cache key."""
        ...

    @property
    def agreement(self) -> float:
        """Mean cosine of the vectors with those of the fp32 model (clew.models.agreement); 1 for fp32."""
        ...

    @property
    def max_length(self) -> int:
        """Maximum number of tokens that the model reads of a text, special tokens included."""
        ...

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Return (n, dim) float32 unit vectors of n queries."""
        ...

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """Return (n, dim) float32 unit vectors of n passages."""
        ...

    def unknown_shares(self, texts: Sequence[str]) -> list[float]:
        """Return the share (0 to 1) of each text's tokens that the vocabulary lacks; 1 for a text without tokens."""
        ...

    def knows_words(self, text: str) -> bool:
        """Return whether a word of the text is in the vocabulary (see clew.models.unread)."""
        ...


class PairScorer(Protocol):
    """A cross-encoder: how well each text answers the query.

    A pair's score does not depend on the other pairs of the call: scored alone and in a batch, it differs by at most
    0.01.
    """

    @property
    def fingerprint(self) -> str:
        """sha256 over what determines the scores: weights, tokenizer, maximum length."""
        ...

    @property
    def runtime(self) -> str:
        """Runtime and precision that compute the scores, such as "onnxruntime-int8"."""
        ...

    @property
    def max_length(self) -> int:
        """Maximum number of tokens that the model reads of a query and a text together, special tokens included."""
        ...

    def score(self, query: str, texts: Sequence[str]) -> Vectors:
        """Return (n,) float32 log-odds that each text is relevant to the query; higher is better."""
        ...


@runtime_checkable
class LanguageReader(Protocol):
    """A cross-encoder that can tell whether it reads the language of a query. One that cannot is taken to read all."""

    def unread_share(self, query: str) -> float:
        """Return the share (0 to 1) of a query's tokens that say nothing to the model (see clew.models.unread)."""
        ...
