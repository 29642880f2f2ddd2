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
    """Rows of CSV files with a header line; an empty cell is no value. The line is the row's last one."""
    for url in files_of(source, "csv"):
        delimiter = source.delimiter or ("\t" if plain_name(url).endswith(".tsv") else ",")
        with reading(url), open_source(url) as file:
            yield from _rows(file, shown_url(url), delimiter)


def _rows(file: IO[bytes], name: str, delimiter: str) -> Iterator[Read]:
    csv.field_size_limit(LONGEST_CELL)
    # Bytes that are no UTF-8 come through as surrogates, so that the row they are in can be named.
    text = io.TextIOWrapper(file, "utf-8-sig", errors="surrogateescape", newline="")
    rows = csv.reader(text, delimiter=delimiter, strict=True)
    try:
        header = next((row for row in rows if row), [])
        if not _is_text(header):
            raise DataError(f"{name}:{rows.line_num}: not UTF-8 text", "save the file as UTF-8")
        if len(set(header)) != len(header):
            twice = next(column for column in header if header.count(column) > 1)
            raise DataError(f"{name}:{rows.line_num}: column {twice!r} comes twice", "give every column its own name")
        for row in rows:
            origin = f"{name}:{rows.line_num}"
            if not _is_text(row):
                yield Fault(origin, "not UTF-8 text", "save the file as UTF-8")
            elif len(row) == len(header):
                yield Record({column: cell for column, cell in zip(header, row, strict=True) if cell != ""}, origin)
            elif row:
                yield Fault(
                    origin,
                    f"{len(row)} columns where the header has {len(header)}",
                    "quote cells that hold the delimiter",
                )
    except csv.Error as error:
        raise DataError(f"{name}:{rows.line_num}: broken CSV: {error}", "quote cells that hold quotes") from None


def _is_text(row: list[str]) -> bool:
    return all(cell.isascii() or not _ESCAPED.search(cell) for cell in row)


def read_parquet(source: SourceSpec) -> Iterator[Read]:
    """Rows of Parquet files; the line is the row, counted from 1."""
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
                raise DataError(f"{shown_url(url)} is broken: {reason}", "write the Parquet file again") from None


def _in_microseconds(batch: Any) -> Any:
    """A batch whose moments of nanoseconds, which Python has no type for, are cut to microseconds."""
    import pyarrow as pa

    for place, column in enumerate(batch.schema):
        if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
            cut = batch.column(place).cast(pa.timestamp("us", column.type.tz), safe=False)
            batch = batch.set_column(place, column.name, cut)
    return batch


def _records(batch: Any) -> list[dict[str, Any] | str]:
    """The rows of a batch; for one with a value that Python cannot hold, such as the year 20000, what is wrong."""
    try:
        return cast("list[dict[str, Any] | str]", batch.to_pylist())
    except (ValueError, OverflowError) as error:
        if batch.num_rows == 1:
            return [f"a value cannot be read: {error}"]
        return [found for row in range(batch.num_rows) for found in _records(batch.slice(row, 1))]


def _plain(value: Any) -> Any:
    """Arrow's dates and decimals as JSON would have them, at any depth."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, datetime.datetime | datetime.date):
        return value.isoformat()
    return float(value) if isinstance(value, decimal.Decimal) else value
