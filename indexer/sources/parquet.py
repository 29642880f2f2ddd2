"""Read Parquet files."""

from __future__ import annotations

import datetime
import decimal
import math
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from typing import IO, Any, cast

from clew.core.errors import DataError
from clew.core.files import COMPRESSED, open_raw, open_source, reading, shown_url
from clew.indexer.sources.forms import SourceSpec, files_of
from clew.indexer.sources.record import Fault, Read, Record

_ROWS = 1024


def read_parquet(source: SourceSpec) -> Iterator[Read]:
    """Yield the rows of Parquet files; the line in the origin is the row number, from 1."""
    import pyarrow as pa
    from pyarrow import parquet

    for url in files_of(source, "parquet"):
        name = shown_url(url)
        with _seekable(url) as file:
            try:
                # Times of the old type int96 in nanoseconds would overflow in years that others can have.
                table = parquet.ParquetFile(file, coerce_int96_timestamp_unit="us")
                number = 0
                for batch in table.iter_batches(batch_size=_ROWS):
                    for values in _records(_in_microseconds(batch)):
                        number += 1
                        origin = f"{name}:{number}"
                        yield Fault(origin, values) if isinstance(values, str) else Record(_plain(values), origin)
            except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError) as error:
                reason = (str(error) or type(error).__name__).splitlines()[0]
                raise DataError(f"{name} is damaged: {reason}", "write the Parquet file again") from None


def _seekable(url: str) -> IO[bytes]:
    """Open a file; one that is compressed as a whole is decompressed to a temporary file first."""
    if not url.lower().endswith(COMPRESSED):
        return open_raw(url)
    with reading(url), open_source(url) as packed:
        file = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
        shutil.copyfileobj(packed, file)
    file.seek(0)
    return cast("IO[bytes]", file)


def _in_microseconds(batch: Any) -> Any:
    """Truncate a batch's values in nanoseconds, for which Python has no type, to microseconds, at any depth."""
    for place, column in enumerate(batch.schema):
        kind = _without_nanoseconds(column.type)
        if kind != column.type:
            batch = batch.set_column(place, column.name, batch.column(place).cast(kind, safe=False))
    return batch


def _without_nanoseconds(kind: Any) -> Any:  # noqa: PLR0911 - one for each type
    """Return an Arrow type with microseconds in place of nanoseconds."""
    import pyarrow as pa

    types = pa.types
    if types.is_timestamp(kind) and kind.unit == "ns":
        return pa.timestamp("us", kind.tz)
    if types.is_time64(kind) and kind.unit == "ns":
        return pa.time64("us")
    if types.is_duration(kind) and kind.unit == "ns":
        return pa.duration("us")
    if types.is_struct(kind):
        return pa.struct(
            [kind.field(at).with_type(_without_nanoseconds(kind.field(at).type)) for at in range(kind.num_fields)]
        )
    if types.is_list(kind) or types.is_large_list(kind):
        new = pa.list_ if types.is_list(kind) else pa.large_list
        return new(kind.value_field.with_type(_without_nanoseconds(kind.value_type)))
    if types.is_map(kind):
        return pa.map_(_without_nanoseconds(kind.key_type), _without_nanoseconds(kind.item_type))
    if types.is_dictionary(kind):
        return _without_nanoseconds(kind.value_type)
    return kind


def _records(batch: Any) -> list[dict[str, Any] | str]:
    """Return the rows of a batch.

    In place of a row with a value that Python cannot represent, such as the year 20000, return the reason as a string.
    """
    try:
        return cast("list[dict[str, Any] | str]", batch.to_pylist(maps_as_pydicts="lossy"))
    except (ValueError, OverflowError) as error:
        if batch.num_rows == 1:
            return [f"a value cannot be read: {error}"]
        return [found for row in range(batch.num_rows) for found in _records(batch.slice(row, 1))]


def _plain(value: Any) -> Any:  # noqa: PLR0911 - one for each type
    """Convert a value to what JSON has, at any depth.

    NaN is no value; dates and times are ISO strings, decimals floats, durations seconds; bytes are text if they are
    UTF-8 and stay bytes otherwise.
    """
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    return _plain(float(value)) if isinstance(value, decimal.Decimal) else str(value)
