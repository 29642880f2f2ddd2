"""Run a cross-encoder on any runtime: it reads a query and a text together and returns one score for the pair."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from clew.core import threads
from clew.core.errors import FormatError
from clew.core.types import Vectors
from clew.models.batches import batches, padded
from clew.models.bi_encoder import open_tokenizer, unknown_id
from clew.models.runtimes import PairModel
from clew.models.unread import reads_han, unread_share

if TYPE_CHECKING:
    from tokenizers import Tokenizer


class CrossEncoder:
    """Cross-encoder that maps pairs to log-odds. May be called from several threads.

    Pairs of similar length are computed together, whatever their order in the call.
    """

    def __init__(self, folder: Path, model: PairModel, fingerprint: str, max_length: int) -> None:
        """folder: a folder with tokenizer.json; model: its loaded network.

        Raises FormatError for a tokenizer that leaves out the second text of a pair.
        """
        self._model = model
        self._tokenizer = open_pair_tokenizer(folder)
        self._unknown = unknown_id(self._tokenizer)
        self._reads_han = reads_han(self._tokenizer, self._unknown)
        self._tokenizer.enable_truncation(max_length, strategy="longest_first")
        self.fingerprint = fingerprint
        self.runtime = model.name
        self.max_length = max_length

    def score(self, query: str, texts: Sequence[str]) -> Vectors:
        """Return (n,) float32 log-odds that each text is relevant to the query."""
        encodings = self._tokenizer.encode_batch([(query, text) for text in texts])
        scores = np.empty(len(texts), np.float32)
        lengths, workers = [len(encoding.ids) for encoding in encodings], self._model.workers
        groups = list(batches(lengths, self._model.batch_tokens, workers))
        found = threads.in_workers(
            lambda rows: self._model.run(*padded([encodings[row] for row in rows])), groups, workers
        )
        for rows, part in zip(groups, found, strict=True):
            scores[rows] = part
        return scores

    def unread_share(self, query: str) -> float:
        """Return the share (0 to 1) of a query's tokens that say nothing to the model (see clew.models.unread)."""
        return unread_share(self._tokenizer, self._unknown, query, han=self._reads_han)


def open_pair_tokenizer(folder: Path) -> Tokenizer:
    """Open the folder's tokenizer, without truncation and padding, for a query and a text together.

    Raises FormatError if it leaves out the text: every text would have the same score.
    """
    tokenizer = open_tokenizer(folder)
    if 1 not in tokenizer.encode("a", "b").sequence_ids:
        raise FormatError(
            f"{folder / 'tokenizer.json'} leaves out the second text of a pair",
            "fix `pair` in its post_processor, or use another model",
        )
    return tokenizer
