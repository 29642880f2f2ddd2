"""Run a sentence-transformers bi-encoder on any runtime: tokenise, run the network, pool, normalise."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from clew.core import threads
from clew.core.types import Vectors
from clew.models.batches import batches, padded
from clew.models.folder import read_config
from clew.models.runtimes import TokenModel
from clew.models.unread import knows_words, reads_han

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

# Number of texts tokenised at once, which bounds memory; texts are sorted by length within such a window.
WINDOW = 2048


class BiEncoder:
    """Bi-encoder that maps texts to unit vectors. May be called from several threads.

    Vectors are always normalised, so inner products are cosines.
    """

    def __init__(self, folder: Path, model: TokenModel, fingerprint: str, agreement: float = 1.0) -> None:
        """folder: a model folder (see clew.models.folder); model: its loaded transformer."""
        self._config = read_config(folder)
        self._model = model
        self._tokenizer = open_tokenizer(folder)
        self._truncating = open_tokenizer(folder)
        self._truncating.enable_truncation(self._config.max_length)
        self._unknown = unknown_id(self._tokenizer)
        self._reads_han = reads_han(self._tokenizer, self._unknown)
        self.fingerprint = fingerprint
        self.agreement = agreement
        self.dim = model.dim
        self.runtime = model.name
        self.max_length = self._config.max_length

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Return (n, dim) float32 unit vectors of n queries."""
        return self._encode(texts, self._config.query_prompt)

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """Return (n, dim) float32 unit vectors of n passages."""
        return self._encode(texts, self._config.passage_prompt)

    def unknown_shares(self, texts: Sequence[str]) -> list[float]:
        """Return the share (0 to 1) of each text's tokens that the vocabulary lacks; 1 for a text without tokens."""
        prepared = [self._with_prompt(text, "") for text in texts]
        found = (encoding.ids for encoding in self._tokenizer.encode_batch_fast(prepared, add_special_tokens=False))
        return [sum(token == self._unknown for token in ids) / len(ids) if ids else 1.0 for ids in found]

    def knows_words(self, text: str) -> bool:
        """Return whether a word of the text is in the vocabulary (see clew.models.unread)."""
        return knows_words(self._tokenizer, self._unknown, self._with_prompt(text, ""), han=self._reads_han)

    def _with_prompt(self, text: str, prompt: str) -> str:
        return (prompt + text).lower() if self._config.lower else prompt + text

    def _encode(self, texts: Sequence[str], prompt: str) -> Vectors:
        vectors = np.empty((len(texts), self.dim), np.float32)
        for first in range(0, len(texts), WINDOW):
            window = [self._with_prompt(text, prompt) for text in texts[first : first + WINDOW]]
            encodings = self._truncating.encode_batch_fast(window)
            workers = self._model.workers
            groups = list(batches([len(encoding.ids) for encoding in encodings], self._model.batch_tokens, workers))
            found = threads.in_workers(self._run, [[encodings[row] for row in rows] for rows in groups], workers)
            for rows, part in zip(groups, found, strict=True):
                vectors[[first + row for row in rows]] = part
        return vectors

    def _run(self, encodings: Sequence[Encoding]) -> Vectors:
        """Return (b, dim) unit vectors of one batch; encodings: the longest text first."""
        ids, mask, _ = padded(encodings)
        pooled = self._model.run(ids, mask, self._config.pooling)
        lengths = np.linalg.norm(pooled, axis=1, keepdims=True)
        unit: Vectors = pooled / np.maximum(lengths, 1e-12)
        return unit


def open_tokenizer(folder: Path) -> Tokenizer:
    """Open the folder's tokenizer, without truncation and padding."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def unknown_id(tokenizer: Tokenizer) -> int | None:
    """Return the id of the token for unknown characters; None if a vocabulary of bytes has no such token."""
    for name in ("[UNK]", "<unk>"):
        found = tokenizer.token_to_id(name)
        if found is not None:
            return int(found)
    return None
