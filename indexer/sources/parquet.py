"""Read Parquet files."""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Iterator
from typing import Any, cast

from clew.core.errors import DataError
from clew.core.files import open_raw, shown_url
from clew.indexer.sources.forms import SourceSpec, files_of
from clew.indexer.sources.record import Fault, Read, Record

_ROWS = 1024


def read_parquet(source: SourceSpec) -> Iterator[Read]:
    """Yield the rows of Parquet files; the line in the origin is the row number, from 1."""
    import pyarrow as pa
    from pyarrow import parquet

    for url in files_of(source, "parquet"):
        with open_raw(url) as file:
            try:
                table = parquet.ParquetFile(file)
                number = 0
                for batch in table.iter_batches(batch_size=_ROWS):
                    for values in _records(_in_microseconds(batch)):
                        number += 1
                        origin = f"{shown_url(url)}:{number}"
                        yield Fault(origin, values) if isinstance(values, str) else Record(_plain(values), origin)
            except (pa.ArrowException, OSError) as error:
                reason = str(error).splitlines()[0]
                raise DataError(f"{shown_url(url)} is damaged: {reason}", "write the Parquet file again") from None


def _in_microseconds(batch: Any) -> Any:
    """Truncate a batch's nanosecond timestamps, for which Python has no type, to microseconds."""
    import pyarrow as pa

    for place, column in enumerate(batch.schema):
        if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
            cut = batch.column(place).cast(pa.timestamp("us", column.type.tz), safe=False)
            batch = batch.set_column(place, column.name, cut)
    return batch


def _records(batch: Any) -> list[dict[str, Any] | str]:
    """Return the rows of a batch.

    In place of a row with a value that Python cannot represent, such as the year 20000, return the reason as a string.
    """
    try:
        return cast("list[dict[str, Any] | str]", batch.to_pylist())
    except (ValueError, OverflowError) as error:
        if batch.num_rows == 1:
            return [f"a value cannot be read: {error}"]
        return [found for row in range(batch.num_rows) for found in _records(batch.slice(row, 1))]


def _plain(value: Any) -> Any:
    """Convert dates to ISO strings and decimals to floats, at any depth."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, datetime.datetime | datetime.date):
        return value.isoformat()
    return float(value) if isinstance(value, decimal.Decimal) else value
