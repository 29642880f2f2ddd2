"""The output of every reader: a record, or a fault in place of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Record:
    """A record of a source.

    origin: its location, "file:line" (line, row, page, or the line of a heading). note: what the user should know
    about how its file was read; only the first record of a file has one.
    """

    values: Mapping[str, Any]
    origin: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """A record that cannot be read. reason: what is wrong, with the invalid value; hint: how to fix it."""

    origin: str
    reason: str
    hint: str = ""


Read: TypeAlias = Record | Fault


def shown(value: object, width: int = 60) -> str:
    """Return a value as messages show it: its repr, shortened to `width` characters."""
    text = repr(value)
    return text if len(text) <= width else text[: width - 1] + "…"


def lookup(values: Mapping[str, Any], name: str) -> Any:
    """Return the value under a name, or at a dotted path ("attributes.colour"); None if there is none."""
    if name in values:
        return values[name]
    at: Any = values
    for part in name.split("."):
        if not isinstance(at, Mapping) or part not in at:
            return None
        at = at[part]
    return at
