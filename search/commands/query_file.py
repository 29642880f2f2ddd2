"""Read the query file of `clew run`."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

from clew.core.errors import DataError
from clew.core.files import open_source, reading

FORMS = 'expected JSON lines with "_id" and "text" (BEIR), or lines of id, tab, text'


def read_queries(url: str) -> dict[str, tuple[str, str]]:
    """Return query id → (text, "file:line"), in file order.

    Accepts JSON lines as in BEIR ("_id" or "id"; "text" or "query") or id<TAB>text; plain, .gz or .zst. Raises
    DataError with file and line for any other line and for a repeated id, and for a file without queries.
    """
    queries: dict[str, tuple[str, str]] = {}
    with reading(url), open_source(url) as stream:
        try:
            for number, line in enumerate(io.TextIOWrapper(stream, encoding="utf-8-sig"), 1):
                if not line.strip():
                    continue
                where = f"{url}:{number}"
                name, text = _parsed(line, where)
                if name in queries:
                    raise DataError(f"{where}: duplicate query id {name!r}", f"first used at {queries[name][1]}")
                queries[name] = (text, where)
        except UnicodeDecodeError as error:
            raise DataError(f"{url} is not UTF-8 text: {error.reason}", "save it as UTF-8") from None
    if not queries:
        raise DataError(f"{url} contains no queries", FORMS)
    return queries


def _parsed(line: str, where: str) -> tuple[str, str]:
    if line.lstrip().startswith("{"):
        return _from_json(line, where)
    name, tab, text = line.rstrip("\r\n").partition("\t")
    if not tab or not name.strip() or not text.strip():
        raise DataError(f"{where}: line is neither JSON nor id, tab, text", FORMS)
    return name.strip(), text


def _from_json(line: str, where: str) -> tuple[str, str]:
    try:
        table = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: invalid JSON: {error}", FORMS) from None
    name, text = (next(_values(table, keys), None) for keys in (("_id", "id"), ("text", "query")))
    if isinstance(name, int) and not isinstance(name, bool):
        name = str(name)
    if not isinstance(name, str) or not name.strip():
        raise DataError(f'{where}: "_id" is missing, empty, or not a string or an integer', FORMS)
    if not isinstance(text, str) or not text.strip():
        raise DataError(f'{where}: "text" is missing, empty or not a string', FORMS)
    return name, text


def _values(table: dict[str, object], keys: tuple[str, ...]) -> Iterator[object]:
    return (table[key] for key in keys if key in table)
