"""What every reader yields: a record, or a fault in place of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a source. origin: where it stands, "file:line" (a line, a row, or a section's heading)."""

    values: Mapping[str, Any]
    origin: str


@dataclass(frozen=True, slots=True)
class Fault:
    """A record that cannot be read. reason: what is wrong, with the value at fault; hint: the mend."""

    origin: str
    reason: str
    hint: str = ""


Read: TypeAlias = Record | Fault


def shown(value: object, width: int = 60) -> str:
    """A value as messages show it: its repr, shortened."""
    text = repr(value)
    return text if len(text) <= width else text[: width - 1] + "…"


def lookup(values: Mapping[str, Any], name: str) -> Any:
    """The value under a name, or at a dotted path ("attributes.colour"); None where there is none."""
    if name in values:
        return values[name]
    at: Any = values
    for part in name.split("."):
        if not isinstance(at, Mapping) or part not in at:
            return None
        at = at[part]
    return at
