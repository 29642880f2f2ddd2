"""Read JSON lines and JSON files, and BEIR corpora, which are JSON lines whose `metadata` holds further fields."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from clew.core.errors import DataError
from clew.core.files import open_source, reading, shown_url
from clew.indexer.sources.bulk import Changes, action_of, steps
from clew.indexer.sources.encodings import encoding_by_mark, is_valid, open_text
from clew.indexer.sources.forms import SourceSpec, files_of, id_field
from clew.indexer.sources.json_files import WRAPPERS, JSONStream, arrays, at_path, elements, has_member
from clew.indexer.sources.record import Fault, Read, Record, lookup, shown

LONGEST_LINE = 64 << 20
# A file whose first line is longer, in characters, is read as a stream of values.
_LOOKED_AT = 1 << 20
_BYTE_ORDER_MARK = "\ufeff"


def read_jsonl(source: SourceSpec) -> Iterator[Read]:
    """Yield the objects of JSON lines or JSON files.

    A file with one object on each line is read line by line, and a line that cannot be read is a fault. Any other file
    is read as `read_json` does. Bulk files of Elasticsearch are read as `clew.indexer.sources.bulk` says; a search
    result of Elasticsearch has the fields of its `_source`.
    """
    yield from _objects(files_of(source, "jsonl"), source)


def read_json(source: SourceSpec) -> Iterator[Read]:
    """Yield the objects of JSON files: of an array, of the array that an object contains, or one after another.

    The array in an object is the one at the path [source] records, else the only array of objects, else the only one
    under a usual key such as "products". An object that has an id itself, and no array of objects with ids under such a
    key, is a record. Raises DataError for a file that is not valid JSON, or whose array is unclear.
    """
    yield from _objects(files_of(source, "json"), source)


def read_beir(source: SourceSpec) -> Iterator[Read]:
    """Yield the documents of a BEIR corpus, with the keys of `metadata` as fields next to `_id`, `title` and `text`."""
    for read in _objects(files_of(source, "beir"), source):
        if isinstance(read, Record) and isinstance(read.values.get("metadata"), Mapping):
            yield Record({**read.values["metadata"], **read.values}, read.origin)
        else:
            yield read


def _objects(urls: Sequence[str], source: SourceSpec) -> Iterator[Read]:
    changes: Changes | None = None
    for url in urls:
        with reading(url):
            encoding = _encoding(url, source)
            if source.records or not _is_lines(url, encoding):
                yield from _structured(url, encoding, source)
                continue
            for action, found in steps(_lines(url, encoding)):
                if action is None:
                    assert found is not None  # noqa: S101 - only an action has no document
                    yield found
                    continue
                # Later files may change documents of this one.
                changes = changes or Changes(lambda: _every_line(urls, source))
                if (read := changes.applied(action, found)) is not None:
                    yield read


def _every_line(urls: Sequence[str], source: SourceSpec) -> Iterator[Read]:
    for url in urls:
        with reading(url):
            encoding = _encoding(url, source)
            if _is_lines(url, encoding):
                yield from _lines(url, encoding)


def _encoding(url: str, source: SourceSpec) -> str:
    with open_source(url) as file:
        return encoding_by_mark(file.read(4)) or source.encoding


# ------------------------------------------------------------------ one object on each line


def _is_lines(url: str, encoding: str) -> bool:
    """Return whether a file has one JSON value on each line, as its first two lines with text show."""
    with open_source(url) as file:
        text = open_text(file, encoding, newline="\n")
        found: list[str] = []
        while len(found) < 2 and (line := text.readline(_LOOKED_AT)):
            found += [line.strip()] if line.strip(" \t\r\n" + _BYTE_ORDER_MARK) else []
    if not found:
        return True
    whole = [_is_object(line) for line in found]
    # An array of one line, or an object of several, is no file of lines; neither is a single object.
    if found[0].startswith("[") and not any(whole[1:]):
        return False
    if len(found) == 1:
        only = _object(found[0].removeprefix(_BYTE_ORDER_MARK), url)
        return not whole[0] or (isinstance(only, Record) and action_of(only) is not None)
    return any(whole) or not found[0].startswith("{")


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line.removeprefix(_BYTE_ORDER_MARK)), dict)
    except (ValueError, RecursionError):
        return False


def _lines(url: str, encoding: str) -> Iterator[Read]:
    name = shown_url(url)
    with open_source(url) as file:
        text = open_text(file, encoding, newline="\n")
        number = 0
        while line := _next_line(text, name, number):
            number += 1
            if not (line := line.strip(" \t\r\n\v\f").removeprefix(_BYTE_ORDER_MARK)):
                continue
            yield _object(line, f"{name}:{number}")


def _next_line(text: io.TextIOWrapper, name: str, number: int) -> str:
    try:
        return text.readline(LONGEST_LINE)
    except UnicodeDecodeError as error:
        reason = f"{name}:{number + 1}: not {error.encoding} text ({error.reason})"
        raise DataError(reason, "replace the file, which is damaged or cut short") from None


def _object(line: str, origin: str) -> Read:
    if not is_valid(line):
        return Fault(origin, "not UTF-8 text", "save the file as UTF-8, or set [source] encoding")
    try:
        values: Any = json.loads(line)
    except json.JSONDecodeError as error:
        return Fault(origin, f"invalid JSON: {error.msg} at column {error.colno}", "write one JSON object on each line")
    except (ValueError, RecursionError) as error:
        return Fault(origin, f"invalid JSON: {error}", "write one JSON object on each line")
    return _record(values, origin, "line")


def _record(values: Any, origin: str, what: str) -> Read:
    if not isinstance(values, dict):
        return Fault(
            origin,
            f"the {what} is {shown(values)}, not an object",
            'write one JSON object on each line, or an array of objects, for example {"id": "1", "title": "…"}',
        )
    if isinstance(values.get("_source"), dict) and "_id" in values:
        values = {**values["_source"], **values}
    return Record(values, origin)


# ------------------------------------------------------------------ arrays and objects of several lines


def _structured(url: str, encoding: str, source: SourceSpec) -> Iterator[Read]:
    name = shown_url(url)
    path = tuple(source.records.split(".")) if source.records else _path(url, encoding, source)
    with open_source(url) as file:
        stream = _stream(file, encoding, name)
        found = False
        while start := stream.peek():
            line = stream.line
            if start == "[" and not source.records:
                records = elements(stream)
            elif start == "{" and path:
                records = at_path(stream, path)
            else:
                records = iter([(stream.value(), line)])
            for values, at in records:
                found = True
                yield _record(values, f"{name}:{at}", "value")
            if stream.peek() == ",":
                stream.take(",")
    if source.records and not found:
        raise DataError(
            f"{name} has no records in an array at {source.records!r}",
            "set [source] records to the dotted path of the array, such as hits.hits",
        )


def _stream(file: Any, encoding: str, name: str) -> JSONStream:
    text = io.TextIOWrapper(file, encoding or "utf-8-sig", newline="")
    return JSONStream(text, name)


def records_path(source: SourceSpec) -> str:
    """Return the path of the array of records in the object that a source's only file is; "" if there is none."""
    if source.records:
        return source.records
    urls = files_of(source, "json")
    if len(urls) != 1:
        return ""
    with reading(urls[0]):
        with open_source(urls[0]) as file:
            encoding = encoding_by_mark(file.read(4)) or source.encoding
        return "" if _is_lines(urls[0], encoding) else ".".join(_path(urls[0], encoding, source))


def _path(url: str, encoding: str, source: SourceSpec) -> tuple[str, ...]:
    """Return the path of the array of records in a file with one object; () if the object is a record itself."""
    name = shown_url(url)
    with open_source(url) as file:
        stream = _stream(file, encoding, name)
        if stream.peek() != "{":
            return ()
        found = list(arrays(stream))
        if stream.peek():
            return ()  # several objects
    filled = [path for path, records in found if records] or [path for path, _ in found if path[-1] in WRAPPERS]
    usual = [path for path in filled if path[-1] in WRAPPERS]
    if _has_id(url, encoding, source, usual):
        return ()
    for candidates in (filled, usual):
        if len(candidates) == 1:
            return candidates[0]
    if filled:
        listed = ", ".join(".".join(path) for path in filled[:10])
        raise DataError(
            f"{name} has several arrays of objects: {listed}",
            f'set [source] records to the one with the records, for example records = "{".".join(filled[0])}"',
        )
    return ()


def _has_id(url: str, encoding: str, source: SourceSpec, usual: list[tuple[str, ...]]) -> bool:
    """Return whether the object of a file is a record: it has an id, and no usual array holds objects with ids."""
    name, field = shown_url(url), id_field(source, "json")
    for path in usual:
        with open_source(url) as file:
            first = next(at_path(_stream(file, encoding, name), path), None)
        if first is not None and lookup(first[0], field) is not None:
            return False
    with open_source(url) as file:
        return has_member(_stream(file, encoding, name), field)
