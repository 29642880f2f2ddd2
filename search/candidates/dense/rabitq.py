"""A scan of RaBitQ codes, one bit per dimension (Gao, Long, SIGMOD 2024, without its random rotation).

Let r = v - mean be a vector's residual. Then q . r is approximately |r|^2 / |r|_1 times the sum of q_j sign(r_j), and
q . v differs from q . r by the same constant for every v. The files hold the codes, which are the signs of r,
(blocks, words, LANES) uint64 (see `kernel.estimate`), and the factors |r|^2 / |r|_1, (blocks * LANES,) float32.
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
from clew.search.candidates.dense.files import CODES, FACTORS
from clew.search.candidates.dense.int16 import Int16Vectors, parts, to_float32
from clew.search.candidates.dense.kernel import LANES, QUERY_BITS, estimate

EFFORTS = (256, 512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192)
# The cost of scanning a code, and of scoring a proposal at a random row, in exact comparisons of consecutive vectors.
_CODE_COST = 1 / 20
_PROPOSAL_COST = 3.0
# A filter is taken to remove what the query is about if more than this many times the expected number of passages have
# an estimate as high as the proposals'.
_FILTER_MISMATCH = 1.1


class RaBitQScan:
    """A Proposer of the passages whose codes agree best with the query. Its effort is how many it proposes."""

    efforts = EFFORTS

    def __init__(self, codes: Any, factors: Any, passages: int, dim: int) -> None:
        """codes, factors: as stored in the files, for `passages` vectors of `dim` numbers."""
        self._codes = codes
        self._factors = factors
        self._passages = passages
        self._dim = dim

    @classmethod
    def make(cls, vectors: Int16Vectors) -> RaBitQScan:
        """Encode (passages, dim) vectors."""
        passages, dim = vectors.shape
        blocks, words = -(-passages // LANES), -(-dim // 64)
        mean = (
            sum((to_float32(part).sum(axis=0, dtype=np.float64) for _, part in parts(vectors)), np.zeros(dim))
            / passages
        )
        bits = np.zeros((blocks * LANES, words * 8), np.uint8)
        factors = np.zeros(blocks * LANES, np.float32)
        for first, part in parts(vectors):
            residuals = to_float32(part) - mean.astype(np.float32)
            last = first + len(part)
            bits[first:last, : -(-dim // 8)] = np.packbits(residuals > 0, axis=1, bitorder="little")
            length = np.abs(residuals).sum(axis=1)
            factors[first:last] = np.divide((residuals**2).sum(axis=1), length, out=length * 0, where=length > 0)
        lanes = bits.view("<u8").reshape(blocks, LANES, words).transpose(0, 2, 1)
        return cls(np.ascontiguousarray(lanes, np.uint64), factors, passages, dim)

    @classmethod
    def read(cls, directory: Path, passages: int, dim: int) -> RaBitQScan:
        """Memory-map the files in `directory`.

        Raises NotFoundError if a file is missing, CorruptError if it does not fit the vectors.
        """
        codes, factors = open_array(directory / CODES), open_array(directory / FACTORS)
        blocks = -(-passages // LANES)
        expected = ((blocks, -(-dim // 64), LANES), np.uint64), ((blocks * LANES,), np.float32)
        if ((codes.shape, codes.dtype), (factors.shape, factors.dtype)) != expected:
            raise CorruptError(
                f"{directory / CODES} or {FACTORS} in the same folder does not fit {passages} vectors of {dim} numbers",
                REBUILD,
            )
        return cls(codes, factors, passages, dim)

    def write(self, directory: Path) -> None:
        """Write the files into `directory`."""
        for name, array in ((CODES, self._codes), (FACTORS, self._factors)):
            with disk_errors(directory / name):
                np.save(directory / name, array)

    def effort_for(self, fetch: int, effort: int, share: float) -> int:  # noqa: ARG002 - it ranks only allowed passages
        """Return the effort, at least `effort`, at which a search can return `fetch` passages."""
        return max(effort, fetch)

    def compared(self, effort: int) -> float:
        """Return the approximate cost of a search, in exact comparisons of vectors."""
        return self._passages * _CODE_COST + effort * _PROPOSAL_COST

    def search(self, query: Vectors, fetch: int, effort: int, allowed: Bools | None = None) -> Ints:  # noqa: ARG002
        """Return the `effort` allowed passages with the highest estimates, and all that tie with the last, by ordinal.

        Returns nothing if a filter excludes the passages that the query is about. Many of the others are then about
        equally far, and the effort, which was measured on near passages, would not suffice.
        """
        estimates = np.empty(len(self._factors), np.float32)
        estimate(self._codes, _planes(query), self._factors, self._dim, estimates)
        every = estimates[: self._passages]
        rows = None if allowed is None else np.flatnonzero(allowed)
        likely = every if rows is None else every[rows]
        if effort >= len(likely):
            return np.arange(len(likely)) if rows is None else rows
        least = np.partition(likely, len(likely) - effort)[len(likely) - effort]
        if rows is None:
            return np.flatnonzero(likely >= least)
        expected = effort * len(every) / len(rows)
        return rows[likely >= least] if np.count_nonzero(every >= least) <= _FILTER_MISMATCH * expected else rows[:0]


def _planes(query: Vectors) -> Any:
    """Return (QUERY_BITS, words) uint64: the bits of a query's numbers, quantised to 2^QUERY_BITS levels around 0."""
    levels = (1 << QUERY_BITS) - 1
    widest = float(np.abs(query).max()) or 1.0
    steps = np.rint((query / widest + 1) * (levels / 2)).astype(np.uint8)
    bits = np.unpackbits(steps[None], axis=0, count=QUERY_BITS, bitorder="little")
    planes = np.zeros((QUERY_BITS, -(-len(query) // 64) * 8), np.uint8)
    planes[:, : -(-len(query) // 8)] = np.packbits(bits, axis=1, bitorder="little")
    return planes.view("<u8").astype(np.uint64, copy=False)
