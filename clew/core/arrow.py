"""Convert between Arrow and numpy without pandas, which pyarrow's own conversions import if it is installed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from clew.core.types import Ints


def to_numpy(array: Any) -> NDArray[Any]:
    """Return the (n,) values of an Arrow array of numbers or booleans without nulls. Numbers are not copied."""
    if isinstance(array, pa.ChunkedArray):
        if array.num_chunks != 1:
            parts = [to_numpy(chunk) for chunk in array.chunks]
            return np.concatenate(parts) if parts else to_numpy(pa.nulls(0, array.type))
        array = array.chunk(0)
    if pa.types.is_boolean(array.type):
        return np.from_dlpack(array.cast(pa.uint8())).astype(np.bool_)
    return np.from_dlpack(array)


def to_arrow(values: Ints) -> Any:
    """Return an Arrow int64 array, which shares the memory of `values` if they are contiguous int64, else is a copy."""
    contiguous = np.ascontiguousarray(values, np.int64)
    return pa.Array.from_buffers(pa.int64(), len(contiguous), [None, pa.py_buffer(contiguous)])
