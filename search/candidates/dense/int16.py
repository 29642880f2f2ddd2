"""Vectors in whole numbers, as an index keeps them.

A unit vector is int16 in steps of 1/32767: half the bytes of float32, and cosines are off by about 1e-5.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clew.core.types import Vectors

# Unit vectors in steps of 1/STEPS.
Fixed: TypeAlias = NDArray[np.int16]
STEPS = 32_767
_ROWS = 65_536


def fixed(vectors: Vectors) -> Fixed:
    """(…, dim) int16 steps of unit (or zero) vectors; a number a little beyond 1 is 1."""
    steps = np.rint(np.asarray(vectors, np.float32) * np.float32(STEPS))
    return np.ascontiguousarray(np.clip(steps, -STEPS, STEPS), np.int16)


def floats(vectors: Fixed) -> Vectors:
    """(…, dim) float32 of vectors in steps."""
    return vectors.astype(np.float32) / np.float32(STEPS)


def parts(vectors: Any) -> Iterator[tuple[int, Any]]:
    """The rows of many vectors, so many at a time that copies of them take little memory: (first row, rows)."""
    for first in range(0, len(vectors), _ROWS):
        yield first, vectors[first : first + _ROWS]
