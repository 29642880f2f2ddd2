"""CSV and Parquet."""

from __future__ import annotations

import csv
import datetime
import decimal
import io
from collections.abc import Iterator
from typing import IO, Any, cast

from clew.core.errors import DataError
from clew.core.files import open_raw, open_source, reading, shown_url
from indexer.sources.forms import SourceSpec, files_of, plain_name
from indexer.sources.record import Fault, Read, Record

LONGEST_CELL = 1 << 26
_ROWS = 1024


def read_csv(source: SourceSpec) -> Iterator[Read]:
    """Rows of CSV files with a header line; an empty cell is no value. The line is the row's last one."""
    for url in files_of(source, "csv"):
        delimiter = source.delimiter or ("\t" if plain_name(url).endswith(".tsv") else ",")
        with reading(url), open_source(url) as file:
            yield from _rows(file, shown_url(url), delimiter)


def _rows(file: IO[bytes], name: str, delimiter: str) -> Iterator[Read]:
    csv.field_size_limit(LONGEST_CELL)
    rows = csv.reader(io.TextIOWrapper(file, "utf-8-sig", newline=""), delimiter=delimiter, strict=True)
    try:
        header = next(rows, [])
        if len(set(header)) != len(header):
            twice = next(column for column in header if header.count(column) > 1)
            raise DataError(f"{name}:1: column {twice!r} comes twice", "give every column its own name")
        for row in rows:
            origin = f"{name}:{rows.line_num}"
            if len(row) == len(header):
                yield Record({column: cell for column, cell in zip(header, row, strict=True) if cell != ""}, origin)
            elif row:
                yield Fault(
                    origin,
                    f"{len(row)} columns where the header has {len(header)}",
                    "quote cells that hold the delimiter",
                )
    except csv.Error as error:
        raise DataError(f"{name}:{rows.line_num}: broken CSV: {error}", "quote cells that hold quotes") from None
    except UnicodeDecodeError as error:
        raise DataError(
            f"{name}:{rows.line_num + 1}: not UTF-8 text ({error.reason})", "save the file as UTF-8"
        ) from None


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
                    for values in batch.to_pylist():
                        number += 1
                        yield Record(cast("dict[str, Any]", _plain(values)), f"{shown_url(url)}:{number}")
            except (pa.ArrowException, OSError) as error:
                reason = str(error).splitlines()[0]
                raise DataError(f"{shown_url(url)} is broken: {reason}", "write the Parquet file again") from None


def _plain(value: Any) -> Any:
    """Arrow's dates and decimals as JSON would have them, at any depth."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, datetime.datetime | datetime.date):
        return value.isoformat()
    return float(value) if isinstance(value, decimal.Decimal) else value
