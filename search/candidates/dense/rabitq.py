"""One bit a dimension, all of them scanned (RaBitQ: Gao, Long, SIGMOD 2024, without its random rotation).

For a vector v at r from the vectors' mean, q . r is about |r|^2 / |r|_1 times the sum of q_j sign(r_j), and q . v
differs from q . r by the same for every v. Files hold the signs, (blocks, words, LANES) uint64 (see `kernel.estimate`),
and the factors |r|^2 / |r|_1, (blocks * LANES,) float32.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from clew.core.errors import CorruptError
from clew.core.files import disk_errors
from clew.core.mapped import open_array
from clew.core.tables import REBUILD
from clew.core.types import Bools, Ints, Vectors
from clew.search.candidates.dense.files import FACTORS, SIGNS
from clew.search.candidates.dense.int16 import Fixed, floats, parts
from clew.search.candidates.dense.kernel import LANES, QUERY_BITS, estimate

EFFORTS = (256, 512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192)
# What a vector of signs and a proposal from anywhere take, in exact comparisons of vectors that follow one another.
_SIGNS_SHARE = 1 / 20
_PROPOSAL_SHARE = 3.0
# A filter takes out what a query is about where so many times the usual number are likelier than what it leaves.
_ASTRAY = 1.1


class RaBitQScan:
    """Proposes the passages whose signs agree best with the query. A Proposer; its effort is how many it proposes."""

    efforts = EFFORTS

    def __init__(self, signs: Any, factors: Any, passages: int, dim: int) -> None:
        """signs, factors: as the files hold them, for so many passages of so many numbers."""
        self._signs = signs
        self._factors = factors
        self._passages = passages
        self._dim = dim

    @classmethod
    def make(cls, vectors: Fixed) -> RaBitQScan:
        """The signs of (passages, dim) vectors."""
        passages, dim = vectors.shape
        blocks, words = -(-passages // LANES), -(-dim // 64)
        mean = sum((floats(part).sum(axis=0, dtype=np.float64) for _, part in parts(vectors)), np.zeros(dim)) / passages
        bits = np.zeros((blocks * LANES, words * 8), np.uint8)
        factors = np.zeros(blocks * LANES, np.float32)
        for first, part in parts(vectors):
            away = floats(part) - mean.astype(np.float32)
            last = first + len(part)
            bits[first:last, : -(-dim // 8)] = np.packbits(away > 0, axis=1, bitorder="little")
            length = np.abs(away).sum(axis=1)
            factors[first:last] = np.divide((away**2).sum(axis=1), length, out=length * 0, where=length > 0)
        lanes = bits.view("<u8").reshape(blocks, LANES, words).transpose(0, 2, 1)
        return cls(np.ascontiguousarray(lanes, np.uint64), factors, passages, dim)

    @classmethod
    def read(cls, directory: Path, passages: int, dim: int) -> RaBitQScan:
        """Open the files of a folder, mapped into memory. Raises CorruptError, NotFoundError."""
        signs, factors = open_array(directory / SIGNS), open_array(directory / FACTORS)
        blocks = -(-passages // LANES)
        wanted = ((blocks, -(-dim // 64), LANES), np.uint64), ((blocks * LANES,), np.float32)
        if ((signs.shape, signs.dtype), (factors.shape, factors.dtype)) != wanted:
            raise CorruptError(
                f"{directory / SIGNS} or {FACTORS} beside it is not of {passages} vectors of {dim} numbers",
                REBUILD,
            )
        return cls(signs, factors, passages, dim)

    def write(self, directory: Path) -> None:
        """Write the files into a folder."""
        for name, array in ((SIGNS, self._signs), (FACTORS, self._factors)):
            with disk_errors(directory / name):
                np.save(directory / name, array)

    def effort_for(self, fetch: int, effort: int, share: float) -> int:  # noqa: ARG002 - it looks at the allowed alone
        """The effort that can return `fetch` passages, at least `effort`."""
        return max(effort, fetch)

    def compared(self, effort: int) -> float:
        """Vectors that a search compares, about."""
        return self._passages * _SIGNS_SHARE + effort * _PROPOSAL_SHARE

    def search(self, query: Vectors, fetch: int, effort: int, allowed: Bools | None = None) -> Ints:  # noqa: ARG002
        """The `effort` likeliest allowed passages of a (dim,) query, with what ties with the last, by ordinal.

        Nothing where a filter takes out what the query is about: among the many that are about as far, the effort
        that was measured on what is near would not do.
        """
        estimates = np.empty(len(self._factors), np.float32)
        estimate(self._signs, _planes(query), self._factors, self._dim, estimates)
        every = estimates[: self._passages]
        rows = None if allowed is None else np.flatnonzero(allowed)
        likely = every if rows is None else every[rows]
        if effort >= len(likely):
            return np.arange(len(likely)) if rows is None else rows
        least = np.partition(likely, len(likely) - effort)[len(likely) - effort]
        if rows is None:
            return np.flatnonzero(likely >= least)
        usual = effort * len(every) / len(rows)
        return rows[likely >= least] if np.count_nonzero(every >= least) <= _ASTRAY * usual else rows[:0]


def _planes(query: Vectors) -> Any:
    """(QUERY_BITS, words) uint64: the bits of a query's numbers in 2^QUERY_BITS steps, evenly around 0."""
    levels = (1 << QUERY_BITS) - 1
    widest = float(np.abs(query).max()) or 1.0
    steps = np.rint((query / widest + 1) * (levels / 2)).astype(np.uint8)
    bits = np.unpackbits(steps[None], axis=0, count=QUERY_BITS, bitorder="little")
    planes = np.zeros((QUERY_BITS, -(-len(query) // 64) * 8), np.uint8)
    planes[:, : -(-len(query) // 8)] = np.packbits(bits, axis=1, bitorder="little")
    return planes.view("<u8").astype(np.uint64, copy=False)
