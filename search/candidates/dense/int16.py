"""Int16-quantised vectors, the form in which an index stores vectors.

A unit vector is stored as int16 in steps of 1/32767: half the bytes of float32, with cosines off by about 1e-5.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clew.core.types import Vectors

# Unit vectors in steps of 1/STEPS.
Int16Vectors: TypeAlias = NDArray[np.int16]
STEPS = 32_767
_ROWS = 65_536


def to_int16(vectors: Vectors) -> Int16Vectors:
    """Quantise (…, dim) unit or zero vectors to int16; a number slightly beyond 1 or -1 is clipped."""
    steps = np.rint(np.asarray(vectors, np.float32) * np.float32(STEPS))
    return np.ascontiguousarray(np.clip(steps, -STEPS, STEPS), np.int16)


def to_float32(vectors: Int16Vectors) -> Vectors:
    """Convert (…, dim) int16-quantised vectors back to float32."""
    return vectors.astype(np.float32) / np.float32(STEPS)


def parts(vectors: Any) -> Iterator[tuple[int, Any]]:
    """Yield (first row, rows) for successive blocks of rows, small enough that copies of a block take little memory."""
    for first in range(0, len(vectors), _ROWS):
        yield first, vectors[first : first + _ROWS]
