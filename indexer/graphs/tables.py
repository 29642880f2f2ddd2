"""Convert rows of CSV and Parquet to the records that JSON lines would give.

CSV headers can be those of neo4j-admin: `id:ID`, `:LABEL`, `aliases:string[]`, `level:int`; `:START_ID`, `:TYPE`,
`:END_ID`; `:IGNORE`. Several values in a cell are separated by ";", or are a JSON list.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from clew.indexer.sources.record import Fault, Read, Record, shown

SEPARATOR = ";"
_HEADER = re.compile(r"(?P<name>[^:]*):(?P<kind>[A-Za-z_]+)(?:\([^()]*\))?(?:\{[^{}]*\})?(?P<list>\[\])?")
# The type after the colon of a header → the key of the column in records.
_ROLES = {"ID": "id", "START_ID": "source", "END_ID": "target", "TYPE": "relation"}
_TRUE_OR_FALSE = {"true": True, "false": False}


def _number(cell: str) -> float:
    number = float(cell)
    if not math.isfinite(number):
        raise ValueError
    return number


_KINDS: Mapping[str, Callable[[str], Any]] = {
    **dict.fromkeys(("int", "long", "short", "byte"), int),
    **dict.fromkeys(("float", "double"), _number),
    "boolean": lambda cell: _TRUE_OR_FALSE[cell.strip().lower()],
    **dict.fromkeys(
        ("string", "char", "point", "date", "time", "localtime", "datetime", "localdatetime", "duration"), str
    ),
}


def from_csv(read: Read) -> Read:
    """Convert a CSV row: interpret its headers, parse its cells; a cell that does not match its header is a fault."""
    if isinstance(read, Fault):
        return read
    values: dict[str, Any] = {}
    for column, cell in read.values.items():
        header = _HEADER.fullmatch(column)
        kind = header["kind"] if header else ""
        if kind == "LABEL":
            labels = cell.split(SEPARATOR)
            values |= {"type": labels[0]} | ({"labels": labels} if labels[1:] else {})
        elif kind in _ROLES:
            values[_ROLES[kind]] = cell
        elif header and kind in _KINDS:
            try:
                values[header["name"]] = _cell(cell, _KINDS[kind], many=bool(header["list"]))
            except (ValueError, KeyError):
                return Fault(read.origin, f"column {column!r} is {shown(cell)}, expected {kind}", "fix the cell")
        elif kind != "IGNORE":
            values[column] = cell
    return from_table(Record(values, read.origin))


def _cell(cell: str, kind: Callable[[str], Any], *, many: bool) -> Any:
    return [kind(part) for part in cell.split(SEPARATOR)] if many else kind(cell)


def from_table(read: Read) -> Read:
    """Convert a row whose aliases, names and properties can be strings, and whose names can be a list of pairs."""
    if isinstance(read, Fault):
        return read
    values = dict(read.values)
    aliases, names = values.get("aliases"), values.get("names")
    try:
        if isinstance(aliases, str):
            values["aliases"] = json.loads(aliases) if aliases.startswith("[") else aliases.split(SEPARATOR)
        for key in ("names", "properties"):
            if isinstance(values.get(key), str):
                values[key] = json.loads(values[key])
    except (ValueError, RecursionError) as error:
        return Fault(
            read.origin, f"a cell contains broken JSON: {error}", "write aliases as a list, names as an object"
        )
    if isinstance(names, list):
        values["names"] = dict(names)
    elif isinstance(names, Mapping):
        values["names"] = {language: name for language, name in names.items() if name is not None}
    return Record(values, read.origin)
