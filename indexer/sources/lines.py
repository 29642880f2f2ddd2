"""Read JSON lines, and BEIR corpora, which are JSON lines whose `metadata` holds further fields."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from clew.core.files import open_source, reading, shown_url
from clew.indexer.sources.forms import SourceSpec, files_of
from clew.indexer.sources.record import Fault, Read, Record, shown

LONGEST_LINE = 64 << 20


def read_jsonl(source: SourceSpec) -> Iterator[Read]:
    """Yield the objects of JSON lines files; empty lines are skipped."""
    for url in files_of(source, "jsonl"):
        yield from _objects(url)


def read_beir(source: SourceSpec) -> Iterator[Read]:
    """Yield the documents of a BEIR corpus, with the keys of `metadata` as fields next to `_id`, `title` and `text`."""
    for url in files_of(source, "beir"):
        for read in _objects(url):
            if isinstance(read, Record) and isinstance(read.values.get("metadata"), Mapping):
                yield Record({**read.values["metadata"], **read.values}, read.origin)
            else:
                yield read


def _objects(url: str) -> Iterator[Read]:
    name = shown_url(url)
    with reading(url), open_source(url) as file:
        number = 0
        while line := file.readline(LONGEST_LINE):
            number += 1
            if text := line.strip().removeprefix(b"\xef\xbb\xbf"):
                yield _object(text, f"{name}:{number}")


def _object(line: bytes, origin: str) -> Read:
    try:
        values: Any = json.loads(line.decode("utf-8"), parse_constant=_refuse)
    except UnicodeDecodeError as error:
        return Fault(origin, f"not UTF-8 text ({error.reason} at byte {error.start})", "save the file as UTF-8")
    except json.JSONDecodeError as error:
        return Fault(origin, f"invalid JSON: {error.msg} at column {error.colno}", "write one JSON object on each line")
    except (ValueError, RecursionError) as error:
        return Fault(origin, f"invalid JSON: {error}", "write one JSON object on each line")
    if not isinstance(values, dict):
        return Fault(
            origin,
            f"the line is {shown(values)}, not an object",
            'write one JSON object on each line, for example {"id": "1", "title": "…"}',
        )
    return Record(values, origin)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON number")
