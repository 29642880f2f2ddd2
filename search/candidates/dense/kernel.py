"""The loops over vectors, compiled: inner products of whole numbers, and the scan of one bit a dimension.

Sums of whole numbers have the same bits in any order, so the compiler may take them many at a time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types as nb
from numba.extending import intrinsic

from clew.search.candidates.compiled import compiled, read_only

# Bits that a query's numbers are rounded to before signs are compared with them.
QUERY_BITS = 5
# Vectors that are compared side by side, a word of 64 signs of each at a time.
LANES = 64


def _population(_typing: Any, word: Any) -> Any:  # noqa: ARG001 - the signature is numba's
    """How many bits of an uint64 are set."""
    return nb.uint64(nb.uint64), lambda _context, builder, _signature, arguments: builder.ctpop(arguments[0])


_ones: Any = intrinsic(_population)


@compiled(nb.void(read_only(nb.int16, 2), read_only(nb.int16), read_only(nb.int64), nb.int32[::1]))
def inner_products(vectors: Any, query: Any, rows: Any, products: Any) -> None:
    """Write the inner product of each of the rows with the query.

    vectors: (n, dim) int16. query: (dim,) int16. rows: (r,) int64. products: (r,) int32 written: by the inequality of
    Cauchy and Schwarz no partial sum leaves int32 where no vector is longer than 46,340, of unit vectors in steps of
    1/32767 none.
    """
    for at in range(len(rows)):
        row = rows[at]
        total = np.int32(0)
        for place in range(len(query)):
            total = np.int32(total + np.int32(np.int32(vectors[row, place]) * np.int32(query[place])))
        products[at] = total


@compiled(nb.void(read_only(nb.uint64, 3), nb.uint64[:, ::1], read_only(nb.float32), nb.int64, nb.float32[::1]))
def estimate(signs: Any, planes: Any, factors: Any, dim: int, estimates: Any) -> None:
    """Write about what each vector's inner product with the query is, times a constant above 0.

    signs: (blocks, words, LANES) uint64: bit j of word w of a lane is the sign of its vector's number 64 w + j.
    planes: (QUERY_BITS, words) uint64: the query's numbers in steps from the least, bit b of each in row b; bits past
    dim are 0 in both. factors: (blocks * LANES,) float32, by vector. estimates: (blocks * LANES,) float32.

    With numbers q = 2 u - 31 of u = sum 2^b u_b in 0..31, sum of s q over signs s of 1 and -1 is
    sum 2^b (dim - 2 |s xor u_b|).
    """
    differing = np.empty(LANES, np.int32)
    most = np.int32(31 * dim)
    for block in range(signs.shape[0]):
        for lane in range(LANES):
            differing[lane] = 0
        for word in range(signs.shape[1]):
            first, second, third = planes[0, word], planes[1, word], planes[2, word]
            fourth, fifth = planes[3, word], planes[4, word]
            for lane in range(LANES):
                sign = signs[block, word, lane]
                differing[lane] += np.int32(
                    _ones(sign ^ first)
                    + (_ones(sign ^ second) << 1)
                    + (_ones(sign ^ third) << 2)
                    + (_ones(sign ^ fourth) << 3)
                    + (_ones(sign ^ fifth) << 4)
                )
        for lane in range(LANES):
            at = block * LANES + lane
            estimates[at] = factors[at] * np.float32(most - 2 * differing[lane])
