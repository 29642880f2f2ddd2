"""Texts of like length in batches, as a transformer takes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from clew.core.types import Ints

if TYPE_CHECKING:
    from tokenizers import Encoding


def batches(lengths: Sequence[int], pieces: int, lanes: int) -> Iterator[list[int]]:
    """Rows of each batch, longest texts first: equal lengths together, at most `pieces` word pieces, one text at least.

    lanes: how many batches can be computed at once; where there are few texts, batches are smaller, so that all have
    something to do.
    """
    order = sorted(range(len(lengths)), key=lambda row: -lengths[row])
    most = min(pieces, -(-sum(lengths) // lanes))
    at = 0
    while at < len(order):
        size = max(1, most // max(1, lengths[order[at]]))
        yield order[at : at + size]
        at += size


def padded(encodings: Sequence[Encoding]) -> tuple[Ints, Ints, Ints]:
    """Word pieces, mask (1 for a piece, 0 for padding) and types (1 in the second text), (b, s) int64 each.

    encodings: the longest first.
    """
    ids = np.zeros((len(encodings), len(encodings[0].ids)), np.int64)
    mask, types = np.zeros_like(ids), np.zeros_like(ids)
    for row, encoding in enumerate(encodings):
        size = len(encoding.ids)
        ids[row, :size], types[row, :size] = encoding.ids, encoding.type_ids
        mask[row, :size] = 1
    return ids, mask, types
