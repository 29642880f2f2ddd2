"""CSV and Parquet."""

from __future__ import annotations

import csv
import datetime
import decimal
import io
import re
from collections.abc import Iterator
from typing import IO, Any, cast

from clew.core.errors import DataError
from clew.core.files import open_raw, open_source, reading, shown_url
from clew.indexer.sources.forms import SourceSpec, files_of, plain_name
from clew.indexer.sources.record import Fault, Read, Record

LONGEST_CELL = 1 << 26
_ESCAPED = re.compile(r"[\udc80-\udcff]")
_ROWS = 1024


def read_csv(source: SourceSpec) -> Iterator[Read]:
    """Yield the rows of CSV files with a header line.

    An empty cell counts as a missing value. The origin of a row that spans several lines names the last one.
    """
    for url in files_of(source, "csv"):
        delimiter = source.delimiter or ("\t" if plain_name(url).endswith(".tsv") else ",")
        with reading(url), open_source(url) as file:
            yield from _rows(file, shown_url(url), delimiter)


def _rows(file: IO[bytes], name: str, delimiter: str) -> Iterator[Read]:
    csv.field_size_limit(LONGEST_CELL)
    # Bytes that are not UTF-8 are decoded to surrogates, so that the error can name the row.
    text = io.TextIOWrapper(file, "utf-8-sig", errors="surrogateescape", newline="")
    rows = csv.reader(text, delimiter=delimiter, strict=True)
    try:
        header = next((row for row in rows if row), [])
        if not _is_text(header):
            raise DataError(f"{name}:{rows.line_num}: not UTF-8 text", "save the file as UTF-8")
        if len(set(header)) != len(header):
            twice = next(column for column in header if header.count(column) > 1)
            raise DataError(f"{name}:{rows.line_num}: column {twice!r} occurs twice", "give every column a unique name")
        for row in rows:
            origin = f"{name}:{rows.line_num}"
            if not _is_text(row):
                yield Fault(origin, "not UTF-8 text", "save the file as UTF-8")
            elif len(row) == len(header):
                yield Record({column: cell for column, cell in zip(header, row, strict=True) if cell != ""}, origin)
            elif row:
                yield Fault(
                    origin,
                    f"{len(row)} columns, but the header has {len(header)}",
                    "quote cells that contain the delimiter",
                )
    except csv.Error as error:
        raise DataError(f"{name}:{rows.line_num}: invalid CSV: {error}", "quote cells that contain quotes") from None


def _is_text(row: list[str]) -> bool:
    return all(cell.isascii() or not _ESCAPED.search(cell) for cell in row)


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
