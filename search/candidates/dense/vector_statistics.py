"""Vector statistics: the mean and covariance of a version's vectors.

For a query vector q, the mean of its cosines over the collection is q . mean and their variance is q' covariance q,
exactly and without a scan. These are the score statistics that fusion normalises a dense score with.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from clew.core.types import Floats, Ints, Vectors

# Numbers are quantised in steps of 2^-16 and summed as integers, so that sums do not depend on how passages are sharded
# and deleted passages are subtracted exactly. Blocks are small enough for float64 to hold their sums without rounding.
_STEPS = 1 << 16
_ROWS = 65_536


@dataclass(frozen=True, eq=False)
class VectorStatistics:
    """Sums over vectors; a zero vector (a text that the model cannot read) is not counted.

    count: the number of vectors. total: (dim,) int64 sum, in steps. product: (dim, dim) int64 sum of outer products, in
    steps^2.
    """

    count: int
    total: Ints
    product: Ints

    @classmethod
    def of(cls, vectors: Vectors) -> VectorStatistics:
        """Compute the statistics of (n, dim) unit vectors."""
        dim = vectors.shape[1]
        count, total, product = 0, np.zeros(dim, np.int64), np.zeros((dim, dim), np.int64)
        for first in range(0, len(vectors), _ROWS):
            part = np.rint(np.asarray(vectors[first : first + _ROWS], np.float64) * _STEPS)
            count += int(np.count_nonzero(part.any(axis=1)))
            total += part.sum(axis=0).astype(np.int64)
            product += (part.T @ part).astype(np.int64)
        return cls(count, total, product)

    def __add__(self, other: VectorStatistics) -> VectorStatistics:
        if not other.count or not self.count:
            return self if self.count else other
        return VectorStatistics(self.count + other.count, self.total + other.total, self.product + other.product)

    def __sub__(self, other: VectorStatistics) -> VectorStatistics:
        if not other.count:
            return self
        return VectorStatistics(self.count - other.count, self.total - other.total, self.product - other.product)

    def score_statistics(self, vector: Vectors) -> tuple[float, float]:
        """Return mean and standard deviation of the cosine with a (dim,) unit vector; (0, 0) without vectors."""
        if not self.count:
            return 0.0, 0.0
        query = vector.astype(np.float64) / _STEPS
        total, product = self._floats
        mean = float(np.vecdot(total, query)) / self.count
        # Row by row, because a matrix product would start the threads of BLAS, which then spin waiting for work.
        square = float(np.vecdot(np.vecdot(product, query), query)) / self.count
        return mean, math.sqrt(max(0.0, square - mean**2))

    @cached_property
    def _floats(self) -> tuple[Floats, Floats]:
        """Total and product as float64, converted once for all queries."""
        return self.total.astype(np.float64), self.product.astype(np.float64)
