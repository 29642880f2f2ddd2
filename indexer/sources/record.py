"""The output of every reader: a record, or a fault in place of one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
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
    """Return the value under a name, or at a dotted path ("attributes.colour"); None if there is none.

    A path leads through arrays: "options.value" is the list of the values of all options. In an array of objects that
    each have a name and a value ("attributes": [{"name": "Colour", "value": "red"}]), the name of an object is a step
    of the path as well: "attributes.Colour" is "red". So is a name in a string of names and values, such as
    "colour=red,size=M" (see `pairs_of`).
    """
    return values[name] if name in values else _at(values, name)


# Keys under which exports write the name and the value of an attribute.
NAME_KEYS = ("name", "key", "label", "code", "attribute_code", "attribute", "title", "slug")
VALUE_KEYS = ("value", "values", "val", "option", "options", "content", "text")


# Ends a value in a string of names and values: the next name follows.
_NEXT_PAIR = re.compile(r"\"?[,;|\n]\s{0,8}\"?(?=[^\W\d][\w .\-/()]{0,60}=)")
_PAIR = re.compile(r"\s*([^\W\d][\w .\-/()]{0,60})=(.*)", re.DOTALL)


@lru_cache(maxsize=4096)
def pairs_of(text: str) -> Mapping[str, str]:
    """Return the names and values in a string such as "colour=red,size=M"; {} if it consists of anything else.

    The separator is a comma, a semicolon, a pipe or a line break that a name and "=" follow, so values may contain it.
    Quotes may enclose each pair.
    """
    inner = text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text
    pairs = [_PAIR.fullmatch(part) for part in _NEXT_PAIR.split(inner)] if "=" in text else []
    return {pair[1].strip(): pair[2].strip() for pair in pairs if pair} if all(pairs) else {}


def _at(value: Any, path: str) -> Any:
    """Return the value at a path, the list of the values if it leads through arrays, or None."""
    if isinstance(value, list):
        found = [inner for part in value if (inner := _at(part, path)) is not None]
        flat = [one for inner in found for one in (inner if isinstance(inner, list) else [inner])]
        return flat or _of_name(value, path)
    if isinstance(value, str):
        return pairs_of(value).get(path)
    if not isinstance(value, Mapping):
        return None
    if path in value:
        return value[path]
    # A key may contain dots itself.
    for at in _dots(path):
        if path[:at] in value and (found := _at(value[path[:at]], path[at + 1 :])) is not None:
            return found
    return None


def _of_name(parts: list[Any], path: str) -> Any:
    """Return the value at a path whose first step is the name of an object in an array of {name, value} objects.

    It is a list if several objects have the name.
    """
    for at in (len(path), *reversed(list(_dots(path)))):
        values = [value_of(part) for part in parts if isinstance(part, Mapping) and name_of(part) == path[:at]]
        found = [_at(value, path[at + 1 :]) for value in values] if at < len(path) else values
        if found:
            return found[0] if len(found) == 1 else found
    return None


def _dots(path: str) -> Iterator[int]:
    return (at for at, character in enumerate(path) if character == ".")


def value_of(part: Mapping[str, Any]) -> Any:
    """Return the value of an object that consists of a name and a value."""
    return next((part[key] for key in VALUE_KEYS if key in part), None)


def name_of(part: Mapping[str, Any]) -> str | None:
    """Return the name of an object that consists of a name and a value, such as an attribute; None if it is not one."""
    if not any(key in part for key in VALUE_KEYS):
        return None
    return next((part[key] for key in NAME_KEYS if isinstance(part.get(key), str)), None)
