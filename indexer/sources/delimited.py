"""Read CSV and TSV files, as spreadsheets, databases and shops write them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from itertools import islice
from typing import Any

from clew.core.errors import DataError
from clew.core.files import open_source, reading, shown_url
from clew.indexer.sources.attribute_columns import AttributeColumns
from clew.indexer.sources.configurable import Configurable, has_configurable
from clew.indexer.sources.dialect import Quoting, detected_delimiter, sep_line
from clew.indexer.sources.encodings import detected_note, encoding_by_mark, encoding_of, is_valid, open_text
from clew.indexer.sources.forms import SourceSpec, files_of, plain_name
from clew.indexer.sources.record import Fault, Read, Record

LONGEST_CELL = 1 << 26
# Lines and characters of a file from which its delimiter is detected.
_SAMPLE_LINES = 200
_SAMPLE_SIZE = 1 << 20
# Lines that may be read again after rows with an unclosed quote, beyond those that the file has.
_MOST_AGAIN = 1_000_000
_UNQUOTED = "double the quotes inside quoted cells, or set [source] quoting = false if quotes enclose no cells"


def read_csv(source: SourceSpec) -> Iterator[Read]:
    """Yield the rows of CSV files with a header line.

    Encoding and delimiter are detected where the source names none. An empty cell counts as a missing value, and a row
    without any value is skipped. A column without a name is called column_N (N from 1), a second column of the same
    name NAME_2. Columns of attributes, such as "Option1 Name" and "Option1 Value", also make an array of objects with
    a name and a value, called "Option". Rows of variants of Magento's configurable products get the SKU of their
    product as parent_sku. The origin of a row that spans several lines names the last one. Raises DataError for a file
    that is damaged or whose encoding is unclear.
    """
    for url in files_of(source, "csv"):
        with reading(url):
            encoding = _encoding(url, source.encoding)
            with open_source(url) as file:
                rows = _Rows(open_text(file, encoding), url, source, encoding)
                # The row of a variant may come before that of its product.
                rows.configurable = Configurable(_read(url, encoding, source)) if rows.has_configurable() else None
                yield from rows.read()


def _read(url: str, encoding: str, source: SourceSpec) -> Iterator[Read]:
    with open_source(url) as file:
        yield from _Rows(open_text(file, encoding), url, source, encoding).read()


def dialect_of(source: SourceSpec) -> dict[str, str]:
    """Return the delimiter and the encoding of a source's first file where they are not "," and UTF-8."""
    url = files_of(source, "csv")[0]
    with reading(url):
        encoding = _encoding(url, source.encoding)
        with open_source(url) as file:
            lines = _Lines(open_text(file, encoding), shown_url(url))
            delimiter = _delimiter(lines, url, source)
    found = {"delimiter": delimiter if delimiter != "," else ""}
    return {key: value for key, value in found.items() if value} | (
        {"encoding": encoding} if not encoding.startswith("utf-") else {}
    )


def _encoding(url: str, declared: str) -> str:
    if not declared:
        return encoding_of(url)
    with open_source(url) as file:
        return encoding_by_mark(file.read(4)) or declared


class _Lines:
    """The lines of a file, which can be looked at before they are read, and read again."""

    def __init__(self, text: io.TextIOWrapper, name: str) -> None:
        self._text = text
        self._name = name
        self._ahead: list[str] = []
        self.number = 0
        self.taken: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._ahead.pop() if self._ahead else self._line()
        if not line:
            raise StopIteration
        self.number += 1
        self.taken.append(line)
        return line

    def look(self) -> list[str]:
        """Return the next lines, at most `_SAMPLE_LINES`, without reading them."""
        size, seen = 0, []
        for line in islice(self, _SAMPLE_LINES):
            seen.append(line)
            size += len(line)
            if size > _SAMPLE_SIZE:
                break
        self.back(len(seen))
        return seen

    def back(self, count: int) -> None:
        """Return the last `count` lines, so that they are read again."""
        if count:
            self._ahead.extend(reversed(self.taken[-count:]))
            del self.taken[-count:]
            self.number -= count

    def _line(self) -> str:
        try:
            line = self._text.readline(LONGEST_CELL)
        except UnicodeDecodeError as error:
            raise DataError(
                f"{self._name}:{self.number + 1}: not {error.encoding} text ({error.reason})",
                "replace the file, which is damaged or cut short, or set [source] encoding",
            ) from None
        if len(line) >= LONGEST_CELL:
            raise DataError(f"{self._name}:{self.number + 1}: the line is longer than {LONGEST_CELL:,} characters")
        return line


def _delimiter(lines: _Lines, url: str, source: SourceSpec) -> str:
    """Return the delimiter, and leave out the line that names it, if there is one."""
    ahead = lines.look()
    named = sep_line(ahead[0]) if ahead else ""
    if named:
        next(lines)
        ahead = ahead[1:]
    if source.delimiter or named:
        return source.delimiter or named
    default = {".tsv": "\t", ".tab": "\t", ".psv": "|"}.get(plain_name(url)[-4:], ",")
    return detected_delimiter(ahead, quoting=source.quoting) or default


class _Rows:
    """The rows of one file."""

    def __init__(self, text: io.TextIOWrapper, url: str, source: SourceSpec, encoding: str) -> None:
        csv.field_size_limit(LONGEST_CELL)
        self._name = shown_url(url)
        self._lines = _Lines(text, self._name)
        self._delimiter = _delimiter(self._lines, url, source)
        self._quoting = source.quoting
        self._how: Quoting = csv.QUOTE_MINIMAL if source.quoting else csv.QUOTE_NONE
        self._width = -1
        self._attributes = AttributeColumns(())
        self.configurable: Configurable | None = None
        self._again = 0
        self._notes: list[str] = []
        if note := detected_note(encoding, source.encoding):
            self._notes.append(f"{self._name} {note}")

    def has_configurable(self) -> bool:
        """Return whether the header, which may span several lines, says so. No line counts as read."""
        rows = csv.reader(self._lines.look(), delimiter=self._delimiter, quoting=self._how)
        try:
            return has_configurable([cell.strip() for cell in next(rows, [])])
        except csv.Error:
            return False

    def read(self) -> Iterator[Read]:
        rows = self._cells()
        header: list[str] = []
        for found in rows:
            if isinstance(found, Fault):
                raise DataError(f"{found.origin}: {found.reason}", found.hint)
            header = found
            break
        names = self._names(header)
        self._width = len(names)
        self._attributes = AttributeColumns(names)
        named = max((at for at, cell in enumerate(header, 1) if cell.strip()), default=0)
        for row in rows:
            yield row if isinstance(row, Fault) else self._record(row, names, named)

    def _record(self, row: list[str], names: list[str], named: int) -> Read:
        origin = f"{self._name}:{self._lines.number}"
        if len(row) < named or any(row[len(names) :]):
            return Fault(origin, f"{len(row)} columns, but the header has {len(names)}", self._hint(row, names))
        values: dict[str, Any] = {name: cell for name, cell in zip(names, row, strict=False) if cell != ""}
        if self._attributes:
            values |= self._attributes.of(values)
        if self.configurable is not None:
            values = self.configurable.applied(values)
        note, self._notes = "; ".join(self._notes), []
        return Record(values, origin, note)

    def _hint(self, row: list[str], names: list[str]) -> str:
        if len(row) == 1 or len(names) == 1:
            return f"the columns are cut at {self._delimiter!r}; if that is wrong, set [source] delimiter"
        if len(row) > len(names):
            return f"quote cells that contain the delimiter {self._delimiter!r}"
        if self._quoting and any('"' in cell or "\n" in cell for cell in row):
            return _UNQUOTED
        return "complete the row: every row needs a cell for every column"

    def _names(self, header: list[str]) -> list[str]:
        """Return a unique name for each column."""
        names: list[str] = []
        taken = {cell.strip() for cell in header}
        for number, cell in enumerate(header, 1):
            name = base = cell.strip() or f"column_{number}"
            count = 1
            while name in names or (count > 1 and name in taken):
                count += 1
                name = f"{base}_{count}"
            if name != base:
                self._notes.append(
                    f"{self._name}: column {base!r} occurs more than once; column {number} is called {name!r}"
                )
            names.append(name)
        return names

    def _cells(self) -> Iterator[list[str] | Fault]:
        """Yield the cells of each row that has any, or what is wrong with it; reading continues on the next line."""
        while True:
            rows = csv.reader(self._lines, delimiter=self._delimiter, strict=True, quoting=self._how)
            while True:
                self._lines.taken.clear()
                try:
                    row = next(rows, None)
                except csv.Error as error:
                    yield self._recovered(error)
                    break
                if row is None:
                    return
                if not all(map(is_valid, row)):
                    yield self._fault("not UTF-8 text", "save the file as UTF-8, or set [source] encoding")
                elif any(cell and not cell.isspace() for cell in row):
                    yield row

    def _recovered(self, error: csv.Error) -> list[str] | Fault:
        """Read a row with invalid quotes again: if it is one line, as a row whose quotes enclose no cells."""
        lines = self._lines
        first, count = lines.taken[0], len(lines.taken)
        lines.back(count - 1)
        self._again += count - 1
        if self._again > _MOST_AGAIN + lines.number:
            raise DataError(f"{self._name}:{lines.number}: too many rows with invalid quotes: {error}", _UNQUOTED)
        if count == 1 and is_valid(first) and not str(error).startswith("unexpected end"):
            (row,) = csv.reader([first], delimiter=self._delimiter, quoting=csv.QUOTE_NONE)
            if len(row) == self._width:
                return row
        return self._fault(f"invalid CSV: {error}", _UNQUOTED)

    def _fault(self, reason: str, hint: str) -> Fault:
        return Fault(f"{self._name}:{self._lines.number}", reason, hint)
