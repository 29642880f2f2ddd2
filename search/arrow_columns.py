"""Columns of an Arrow table: write the values of fields, and read them as Python values or NumPy arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from clew.core.arrow import to_numpy
from clew.core.errors import CorruptError, DataError
from clew.core.tables import REBUILD
from clew.core.types import Document, FieldValue, Ints
from clew.search.columns import Column, Keywords, Points, Scalars, Texts
from clew.search.dates import iso, microseconds
from clew.search.fields import Fields

ARROW_TYPES = {
    "text": pa.string(),
    "keyword": pa.string(),
    "number": pa.float64(),
    "bool": pa.bool_(),
    "date": pa.timestamp("us", tz="UTC"),
    "list": pa.list_(pa.string()),
    "geo": pa.list_(pa.float64(), 2),
}
_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "keyword": (str,),
    "number": (float, int),
    "bool": (bool,),
    "date": (str,),
    "list": (list, tuple),
    "geo": (list, tuple),
}


def field_arrays(batch: Sequence[Document], fields: Fields) -> list[Any]:
    """Return the columns of the fields, each a pyarrow.Array. Raises DataError for a value that does not fit."""
    return [array_of(batch, name, ARROW_TYPES[spec.type], _getter(name, spec.type)) for name, spec in fields.items()]


def _getter(name: str, kind: str) -> Callable[[Document], object]:
    """Return a function that reads a field's value from a document for its column (None: no value)."""
    expected = _PYTHON_TYPES[kind]

    def value_of(document: Document) -> object:
        value: Any = document.fields.get(name)
        if value is None or value in ("", []) or value != value:  # noqa: PLR0124 - only NaN differs from itself
            return None
        if not isinstance(value, expected) or (kind == "number" and isinstance(value, bool)):
            raise TypeError(f"{str(value)[:80]!r} is of type {type(value).__name__}")
        return microseconds(str(value)) if kind == "date" else value

    return value_of


def array_of(batch: Sequence[Document], name: str, kind: Any, value_of: Callable[[Document], object]) -> Any:
    """Return a column as a pyarrow.Array of the Arrow type `kind`. Raises DataError for a value that does not fit."""
    try:
        return pa.array([value_of(document) for document in batch], kind)
    except (pa.ArrowException, ValueError, TypeError) as error:
        if len(batch) > 1:
            # Find the document at fault, to name it in the error.
            for document in batch:
                array_of([document], name, kind, value_of)
        reason = str(error).splitlines()[0]
        message = f"{batch[0].origin or repr(batch[0].id)}: field {name!r}: {reason}"
        raise DataError(message, f"expected {kind}") from None


def read_table(path: Path) -> Any:
    """Return an Arrow IPC file as a memory-mapped pyarrow.Table. Raises CorruptError if it cannot be read."""
    try:
        with pa.memory_map(str(path)) as source:
            return pa.ipc.open_file(source).read_all()
    except (pa.ArrowException, OSError) as error:
        raise CorruptError(f"{path} cannot be read: {error}", REBUILD) from None


def read_value(kind: str, scalar: Any) -> FieldValue:
    """Return a value of a field that is not null; dates as ISO 8601 strings."""
    if kind == "date":
        return iso(scalar.value)
    value: FieldValue = scalar.as_py()
    return (value[0], value[1]) if kind == "geo" and isinstance(value, list) else value  # type: ignore[return-value]


def read_values(kind: str, chunks: Any) -> list[FieldValue]:
    """Return the values of a field, from a pyarrow.ChunkedArray; None for null."""
    if kind == "date":
        return [None if value is None else iso(value) for value in chunks.cast(pa.int64()).to_pylist()]
    values: list[FieldValue] = chunks.to_pylist()
    if kind == "geo":
        return [(value[0], value[1]) if isinstance(value, list) else None for value in values]  # type: ignore[misc]
    return values


def read_column(kind: str, chunks: Any) -> Column:
    """Return the column of a field, from a pyarrow.ChunkedArray."""
    present = to_numpy(chunks.is_valid())
    if kind == "text":
        return Texts(present)
    array = chunks.combine_chunks()
    if isinstance(array, pa.ChunkedArray):  # for an empty column
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.nulls(0, array.type)
    if kind == "keyword":
        return _keywords(len(array), np.flatnonzero(present), array.drop_null())
    if kind == "list":
        owners = to_numpy(pc.list_parent_indices(array)).astype(np.int64)
        return _keywords(len(array), owners, pc.list_flatten(array))
    # Missing values become 0 in numpy: filling them in Arrow would import pandas wherever it is installed.
    known = array.drop_null()
    if kind == "geo":
        places = np.zeros((2, len(array)))
        places[:, present] = to_numpy(known.flatten()).reshape(-1, 2).T
        return Points(places[0], places[1], present)
    found = to_numpy(known.cast(pa.int64()) if kind == "date" else known)
    values = np.zeros(len(array), found.dtype)
    values[present] = found
    return Scalars(values, present)


def _keywords(count: int, documents: Ints, values: Any) -> Keywords:
    encoded = values.dictionary_encode()
    return Keywords.of(count, documents, encoded.dictionary.to_pylist(), to_numpy(encoded.indices))
