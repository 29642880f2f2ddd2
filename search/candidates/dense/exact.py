"""Exact scores and exact search over int16-quantised vectors.

A score is the inner product of two int16 vectors, which is a sum of integers. It is therefore the same to the bit no
matter how many rows are scored together and in which order.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from clew.core.types import Bools, Floats, Ints, Ranking, Vectors, ranked
from clew.search.candidates.dense.int16 import STEPS, Int16Vectors, parts, to_float32, to_int16
from clew.search.candidates.dense.kernel import inner_products


def cosines(vectors: Int16Vectors, query: Vectors, rows: Ints) -> Floats:
    """Return (r,) float64 cosines of the given rows of (passages, dim) vectors with a (dim,) unit vector."""
    return _products(vectors, query, rows) / float(STEPS**2)


def exact_top(vectors: Int16Vectors, query: Vectors, k: int, allowed: Bools | None = None) -> Ranking:
    """Rank the k best of all passages, or of the allowed ones."""
    return best_of(vectors, query, k, np.arange(len(vectors)) if allowed is None else np.flatnonzero(allowed))


def best_of(vectors: Int16Vectors, query: Vectors, k: int, rows: Ints) -> Ranking:
    """Rank the k best of the passages at `rows`."""
    if len(rows) == 0 or k <= 0:
        return ranked(rows[:0], np.empty(0), 0)
    products = _products(vectors, query, rows)
    if k < len(rows):
        # Keep all that tie with the k-th; `ranked` breaks ties by ordinal.
        best = np.flatnonzero(products >= np.partition(products, len(rows) - k)[len(rows) - k])
        rows, products = rows[best], products[best]
    return ranked(rows, products / float(STEPS**2), k)


def exact_scores(vectors: Int16Vectors, queries: Vectors, k: int) -> Vectors:
    """Return (q, min(k, passages)) float32 scores of each query's best passages, descending, for measuring recall."""
    best = np.empty((len(queries), 0), np.float32)
    quantised = to_float32(to_int16(queries))
    for _, part in parts(vectors):
        best = np.concatenate([best, quantised @ to_float32(part).T], axis=1)
        if best.shape[1] > k:
            best = np.partition(best, best.shape[1] - k, axis=1)[:, -k:]
    ordered: Vectors = -np.sort(-best, axis=1)
    return ordered


def _products(vectors: Int16Vectors, query: Vectors, rows: Ints) -> NDArray[np.int32]:
    """Return (r,) int32 inner products, in steps of 1 / STEPS^2. Raises IndexError if a row is out of range."""
    if len(rows) and not 0 <= rows.min() <= rows.max() < len(vectors):
        raise IndexError(f"rows {rows.min()} to {rows.max()} are not all in 0 to {len(vectors) - 1}")
    products = np.empty(len(rows), np.int32)
    inner_products(vectors, to_int16(query), rows, products)
    return products
