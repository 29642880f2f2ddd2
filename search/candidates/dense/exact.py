"""Exact scores and exact search over unit vectors.

A score is the inner product of two float32 vectors in float64, computed row by row, so that it has the same bits
however many rows are scored together (a product of matrices rounds by the shape of its input).
"""

from __future__ import annotations

import numpy as np

from clew.core.types import Bools, Floats, Ints, Ranking, Vectors, ranked

_ROWS = 8192
_WHOLE_SCAN_SHARE = 0.25
"""From this share of wanted rows on, reading all vectors in order is faster than picking rows."""


def cosines(vectors: Vectors, query: Vectors, rows: Ints) -> Floats:
    """(n,) float64 scores of the given rows of (passages, dim) unit vectors against a (dim,) unit vector."""
    scores = np.empty(len(rows), np.float64)
    wide = query.astype(np.float64)
    for first in range(0, len(rows), _ROWS):
        part = rows[first : first + _ROWS]
        scores[first : first + len(part)] = np.vecdot(vectors[part].astype(np.float64), wide)
    return scores


def exact_top(vectors: Vectors, query: Vectors, k: int, allowed: Bools | None = None) -> Ranking:
    """The k best of all, or of the allowed, passages."""
    return best_of(vectors, query, k, np.arange(len(vectors)) if allowed is None else np.flatnonzero(allowed))


def best_of(vectors: Vectors, query: Vectors, k: int, rows: Ints) -> Ranking:
    """The k best of some passages.

    A quick float32 pass keeps whatever may be among the k best within its largest possible rounding error; the
    rest is decided by `cosines`.
    """
    if len(rows) == 0 or k <= 0:
        return ranked(rows[:0], np.empty(0), 0)
    if len(rows) > k:
        rough = _rough(vectors, query, rows)
        error = 2 * vectors.shape[1] * float(np.finfo(np.float32).eps)
        rows = rows[rough >= np.partition(rough, len(rough) - k)[len(rough) - k] - error]
    return ranked(rows, cosines(vectors, query, rows), k)


def _rough(vectors: Vectors, query: Vectors, rows: Ints) -> Vectors:
    """(n,) float32 scores of the rows."""
    query = np.ascontiguousarray(query, np.float32)
    if len(rows) >= _WHOLE_SCAN_SHARE * len(vectors):
        scores: Vectors = vectors @ query
        return scores if len(rows) == len(vectors) else scores[rows]
    return np.concatenate([vectors[rows[at : at + _ROWS]] @ query for at in range(0, len(rows), _ROWS)])


def exact_scores(vectors: Vectors, queries: Vectors, k: int) -> Vectors:
    """(q, min(k, passages)) float32 scores of each query's best passages, descending, for measuring recall."""
    best = np.empty((len(queries), 0), np.float32)
    for first in range(0, len(vectors), 8 * _ROWS):
        best = np.concatenate([best, queries @ vectors[first : first + 8 * _ROWS].T], axis=1)
        if best.shape[1] > k:
            best = np.partition(best, best.shape[1] - k, axis=1)[:, -k:]
    ordered: Vectors = -np.sort(-best, axis=1)
    return ordered
