"""Columns of a table that hold the names and the values of attributes, such as "Option1 Name" and "Option1 Value"."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

_NAME = re.compile(r"(?P<base>[^\W\d_][\w -]*?)\s*(?P<number>\d+)\s+name", re.IGNORECASE)
_VALUE = re.compile(r"(?P<base>[^\W\d_][\w -]*?)\s*(?P<number>\d+)\s+value(?:s|\(s\))?", re.IGNORECASE)


class AttributeColumns:
    """The columns of attributes in the header of one file.

    The value of a row without a name belongs to the name above it: Shopify writes the names of a product's options in
    its first row only.
    """

    def __init__(self, header: Sequence[str]) -> None:
        values = {_key(match): name for name in header if (match := _VALUE.fullmatch(name))}
        self._pairs = [
            (match["base"], name, values[_key(match)])
            for name in header
            if (match := _NAME.fullmatch(name)) and _key(match) in values and match["base"] not in header
        ]
        self._above: dict[str, str] = {}

    def __bool__(self) -> bool:
        return bool(self._pairs)

    def columns(self) -> set[str]:
        """Return the columns of names and values."""
        return {name for _, *columns in self._pairs for name in columns}

    def of(self, row: Mapping[str, str]) -> dict[str, Any]:
        """Return the attributes of a row: arrays of {name, value} objects under what their columns have in common."""
        found: dict[str, list[dict[str, str]]] = {}
        for base, named, valued in self._pairs:
            name = self._above[named] = row.get(named) or self._above.get(named, "")
            if name and (value := row.get(valued)):
                found.setdefault(base, []).append({"name": name, "value": value})
        return found


def _key(match: re.Match[str]) -> tuple[str, str]:
    return match["base"].lower(), match["number"]
