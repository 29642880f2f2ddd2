"""Batches of texts of similar length, as a transformer takes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from clew.core.types import Ints

if TYPE_CHECKING:
    from tokenizers import Encoding


def batches(lengths: Sequence[int], tokens: int, workers: int) -> Iterator[list[int]]:
    """Yield the rows of each batch, longest texts first: similar lengths together, at most `tokens` tokens.

    A batch has at least one text. workers: number of batches that can be computed at once; if there are few texts,
    batches are smaller, so that every worker has something to do.
    """
    order = sorted(range(len(lengths)), key=lambda row: -lengths[row])
    most = min(tokens, -(-sum(lengths) // workers))
    at = 0
    while at < len(order):
        size = max(1, most // max(1, lengths[order[at]]))
        yield order[at : at + size]
        at += size


def padded(encodings: Sequence[Encoding]) -> tuple[Ints, Ints, Ints]:
    """Return token ids, mask (1 for a token, 0 for padding) and types (1 in the second text), (b, s) int64 each.

    encodings: the longest first.
    """
    ids = np.zeros((len(encodings), len(encodings[0].ids)), np.int64)
    mask, types = np.zeros_like(ids), np.zeros_like(ids)
    for row, encoding in enumerate(encodings):
        size = len(encoding.ids)
        ids[row, :size], types[row, :size] = encoding.ids, encoding.type_ids
        mask[row, :size] = 1
    return ids, mask, types
