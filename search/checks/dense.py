"""Check the vectors of a shard, their approximate index and the sums of a version; see `dense.files`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from clew.core.check import check_range, int_of, read_json, refuse, require
from clew.core.mapped import open_array
from clew.search.candidates.dense.files import ANN, CODES, FACTORS, SETTINGS, STATISTICS, VECTOR_SUMS, VECTORS
from clew.search.candidates.dense.int16 import STEPS, parts
from clew.search.candidates.dense.kernel import LANES
from clew.search.checks.faiss_file import check_hnsw, check_ivf

_MOST_DIM = 65_536
_MOST_EFFORT = 65_536
# How far the length of a stored vector, quantised to 16 bits, may be from 1.
_LENGTH = 0.02


def check_vector_sums(folder: Path, passages: int) -> int:
    """Check the counts and sums of a version; return the dimensions of its vectors."""
    path = folder / STATISTICS
    table = read_json(path)
    require(isinstance(table, dict), path, "it is not a JSON object")
    require(int_of(table, "passages", 0, passages, path) == passages, path, f"it is not of {passages} passages")
    dim = int_of(table, "dim", 0, _MOST_DIM, path)
    int_of(table, "known", 0, passages, path)
    sums = open_array(folder / VECTOR_SUMS, np.int64, (None, None))
    known = table["known"] > 0
    require(sums.shape == (dim + 1, dim) or not known, folder / VECTOR_SUMS, f"its shape is {sums.shape}")
    require(sums.flags.c_contiguous, folder / VECTOR_SUMS, "its rows are not stored one after the other")
    return dim


def check_vectors(folder: Path, passages: int, dim: int) -> None:
    """Check the vectors and the approximate index of a shard with so many passages."""
    path = folder / SETTINGS
    table = read_json(path)
    require(isinstance(table, dict), path, "it is not a JSON object")
    require(int_of(table, "passages", 0, passages, path) == passages, path, f"it is not of {passages} passages")
    int_of(table, "effort", 0, _MOST_EFFORT, path)
    vectors = open_array(folder / VECTORS, np.int16, (passages, dim if passages else None))
    require(vectors.flags.c_contiguous, folder / VECTORS, "its rows are not stored one after the other")
    for first, part in parts(vectors):
        length = np.linalg.norm(part.astype(np.float32), axis=1) / STEPS
        wrong = np.flatnonzero((np.abs(length - 1) > _LENGTH) & (length != 0))
        if len(wrong):
            refuse(folder / VECTORS, f"vector {first + int(wrong[0])} is not of unit length")
    kind = table.get("kind")
    if kind == "rabitq":
        blocks = -(-passages // LANES)
        codes = open_array(folder / CODES, np.uint64, (blocks, -(-dim // 64), LANES))
        require(codes.flags.c_contiguous, folder / CODES, "its rows are not stored one after the other")
        check_range(open_array(folder / FACTORS, np.float32, (blocks * LANES,)), 0, 1e6, folder / FACTORS)
    elif kind == "hnsw":
        check_hnsw(folder / ANN, passages, dim)
    elif kind == "ivf":
        check_ivf(folder / ANN, passages, dim)
    elif kind != "flat":
        refuse(path, f"kind is {str(kind)[:80]}, expected flat, rabitq, hnsw or ivf")
