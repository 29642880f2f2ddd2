"""Compiled loops over vectors: inner products of int16 vectors, and the scan of RaBitQ codes.

Sums of integers do not depend on the order of the summands, so the compiler may vectorise them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types as nb
from numba.extending import intrinsic

from clew.search.candidates.compiled import compiled, read_only

# Bits that a query's numbers are rounded to before they are compared with codes.
QUERY_BITS = 5
# Vectors that are compared in parallel, one 64-bit word of each code at a time.
LANES = 64


def _popcount_intrinsic(_typing: Any, word: Any) -> Any:  # noqa: ARG001 - the signature is numba's
    """Count the set bits of a uint64."""
    return nb.uint64(nb.uint64), lambda _context, builder, _signature, arguments: builder.ctpop(arguments[0])


_popcount: Any = intrinsic(_popcount_intrinsic)


@compiled(nb.void(read_only(nb.int16, 2), read_only(nb.int16), read_only(nb.int64), nb.int32[::1]))
def inner_products(vectors: Any, query: Any, rows: Any, products: Any) -> None:
    """Write the inner product of each of the rows with the query.

    vectors: (n, dim) int16. query: (dim,) int16. rows: (r,) int64. products: (r,) int32, output.

    By the Cauchy-Schwarz inequality, no partial sum overflows int32 if no vector is longer than 46,340. This holds for
    all unit vectors in steps of 1/32767.
    """
    for at in range(len(rows)):
        row = rows[at]
        total = np.int32(0)
        for place in range(len(query)):
            total = np.int32(total + np.int32(np.int32(vectors[row, place]) * np.int32(query[place])))
        products[at] = total


@compiled(nb.void(read_only(nb.uint64, 3), nb.uint64[:, ::1], read_only(nb.float32), nb.int64, nb.float32[::1]))
def estimate(codes: Any, planes: Any, factors: Any, dim: int, estimates: Any) -> None:
    """Write an estimate of each vector's inner product with the query, up to a constant positive factor.

    codes: (blocks, words, LANES) uint64: bit j of word w of a lane is the sign of its vector's number 64 w + j.
    planes: (QUERY_BITS, words) uint64: the query's quantised numbers, bit b of each in row b. Bits past dim are 0 in
    both. factors: (blocks * LANES,) float32, one for each vector. estimates: (blocks * LANES,) float32, output.

    The query's numbers are q = 2 u - 31 with u = sum 2^b u_b in 0..31, and the signs s are 1 or -1. Then the sum of
    s q is sum 2^b (dim - 2 |s xor u_b|).
    """
    differing = np.empty(LANES, np.int32)
    most = np.int32(31 * dim)
    for block in range(codes.shape[0]):
        for lane in range(LANES):
            differing[lane] = 0
        for word in range(codes.shape[1]):
            first, second, third = planes[0, word], planes[1, word], planes[2, word]
            fourth, fifth = planes[3, word], planes[4, word]
            for lane in range(LANES):
                code = codes[block, word, lane]
                differing[lane] += np.int32(
                    _popcount(code ^ first)
                    + (_popcount(code ^ second) << 1)
                    + (_popcount(code ^ third) << 2)
                    + (_popcount(code ^ fourth) << 3)
                    + (_popcount(code ^ fifth) << 4)
                )
        for lane in range(LANES):
            at = block * LANES + lane
            estimates[at] = factors[at] * np.float32(most - 2 * differing[lane])
