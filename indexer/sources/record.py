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
    """Return the value under a name, or at a dotted path ("attributes.colour"); None if there is none.

    A path leads through arrays: "options.value" is the list of the values of all options. In an array of objects that
    each have a name and a value ("attributes": [{"name": "Colour", "value": "red"}]), the name of an object is a step
    of the path as well: "attributes.Colour" is "red".
    """
    return values[name] if name in values else _at(values, name)


# Keys under which exports write the name and the value of an attribute.
NAME_KEYS = ("name", "key", "label", "code", "attribute_code", "attribute", "title", "slug")
VALUE_KEYS = ("value", "values", "val", "option", "options", "content", "text")


def _at(value: Any, path: str) -> Any:
    """Return the value at a path, the list of the values if it leads through arrays, or None."""
    if isinstance(value, list):
        found = [inner for part in value if (inner := _at(part, path)) is not None]
        flat = [one for inner in found for one in (inner if isinstance(inner, list) else [inner])]
        return flat or _of_name(value, path)
    if not isinstance(value, Mapping):
        return None
    if path in value:
        return value[path]
    # A key may contain dots itself.
    for dot in (at for at, character in enumerate(path) if character == "."):
        if path[:dot] in value and (found := _at(value[path[:dot]], path[dot + 1 :])) is not None:
            return found
    return None


def _of_name(parts: list[Any], name: str) -> Any:
    """Return the value of the object with this name in an array of {name, value} objects; a list if several have it."""
    found = [value_of(part) for part in parts if isinstance(part, Mapping) and name_of(part) == name]
    return found[0] if len(found) == 1 else found or None


def value_of(part: Mapping[str, Any]) -> Any:
    """Return the value of an object that consists of a name and a value."""
    return next((part[key] for key in VALUE_KEYS if key in part), None)


def name_of(part: Mapping[str, Any]) -> str | None:
    """Return the name of an object that consists of a name and a value, such as an attribute; None if it is not one."""
    if not any(key in part for key in VALUE_KEYS):
        return None
    return next((part[key] for key in NAME_KEYS if isinstance(part.get(key), str)), None)
