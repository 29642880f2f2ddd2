"""Exact scores and exact search over vectors in whole numbers.

A score is the inner product of two of them, a sum of whole numbers, so that it has the same bits however many rows are
scored together and in whatever order.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from clew.core.types import Bools, Floats, Ints, Ranking, Vectors, ranked
from clew.search.candidates.dense.int16 import STEPS, Fixed, fixed, floats, parts
from clew.search.candidates.dense.kernel import inner_products


def cosines(vectors: Fixed, query: Vectors, rows: Ints) -> Floats:
    """(r,) float64 scores of the given rows of (passages, dim) vectors against a (dim,) unit vector."""
    return _products(vectors, query, rows) / float(STEPS**2)


def exact_top(vectors: Fixed, query: Vectors, k: int, allowed: Bools | None = None) -> Ranking:
    """The k best of all, or of the allowed, passages."""
    return best_of(vectors, query, k, np.arange(len(vectors)) if allowed is None else np.flatnonzero(allowed))


def best_of(vectors: Fixed, query: Vectors, k: int, rows: Ints) -> Ranking:
    """The k best of some passages."""
    if len(rows) == 0 or k <= 0:
        return ranked(rows[:0], np.empty(0), 0)
    products = _products(vectors, query, rows)
    if k < len(rows):
        # All that tie with the k-th, among which the ordinal decides.
        kept = np.flatnonzero(products >= np.partition(products, len(rows) - k)[len(rows) - k])
        rows, products = rows[kept], products[kept]
    return ranked(rows, products / float(STEPS**2), k)


def exact_scores(vectors: Fixed, queries: Vectors, k: int) -> Vectors:
    """(q, min(k, passages)) float32 scores of each query's best passages, descending, for measuring recall."""
    best = np.empty((len(queries), 0), np.float32)
    asked = floats(fixed(queries))
    for _, part in parts(vectors):
        best = np.concatenate([best, asked @ floats(part).T], axis=1)
        if best.shape[1] > k:
            best = np.partition(best, best.shape[1] - k, axis=1)[:, -k:]
    ordered: Vectors = -np.sort(-best, axis=1)
    return ordered


def _products(vectors: Fixed, query: Vectors, rows: Ints) -> NDArray[np.int32]:
    """(r,) int32 inner products, in steps of 1 / STEPS^2. Raises IndexError for a row that is not there."""
    if len(rows) and not 0 <= rows.min() <= rows.max() < len(vectors):
        raise IndexError(f"rows {rows.min()} to {rows.max()} of {len(vectors)} vectors")
    products = np.empty(len(rows), np.int32)
    inner_products(vectors, fixed(query), rows, products)
    return products
