"""Columns of a table that hold the names and the values of attributes.

Option1 Name, Option1 Value         of Shopify; "Attribute 1 name" and "Attribute 1 value(s)" of WooCommerce
Feature(Name:Value:Position)        of PrestaShop, with several in a cell: Colour:Red:1,Width:60 cm:2
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

_NAME = re.compile(r"(?P<base>[^\W\d_][\w -]*?)\s*(?P<number>\d+)\s+name", re.IGNORECASE)
_VALUE = re.compile(r"(?P<base>[^\W\d_][\w -]*?)\s*(?P<number>\d+)\s+value(?:s|\(s\))?", re.IGNORECASE)
# PrestaShop's column of features, in the languages of its exports, and what the cells of one look like.
_FEATURES = re.compile(
    r"(?P<base>features?|caract[ée]ristiques?|caracter[íi]sticas?|caratteristic[ahe]+|eigenschaft(?:en)?|merkmale?)"
    r"(?P<form>\s*\([^()]*:[^()]*\))?",
    re.IGNORECASE,
)
_LONGEST_NAME = 60
_NEXT_FEATURE = re.compile(r"[,;|]\s*(?=[^\W\d][^:,;|]{0,60}:)")


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
        self._features = {
            name: match["base"]
            for name in header
            if (match := _FEATURES.fullmatch(name)) and (match["base"] == name or match["base"] not in header)
        }

    def __bool__(self) -> bool:
        return bool(self._pairs or self._features)

    def columns(self) -> set[str]:
        """Return the columns of names and values, of which another column is made."""
        found = {name for _, *columns in self._pairs for name in columns}
        return found | {name for name, base in self._features.items() if name != base}

    def of(self, row: Mapping[str, str]) -> dict[str, Any]:
        """Return the attributes of a row: arrays of {name, value} objects under what their columns have in common."""
        found: dict[str, list[dict[str, Any]]] = {}
        for base, named, valued in self._pairs:
            name = self._above[named] = row.get(named) or self._above.get(named, "")
            if name and (value := row.get(valued)):
                found.setdefault(base, []).append({"name": name, "value": value})
        for column, base in self._features.items():
            # Where the header does not say what the cells have, each of them must have positions.
            if features := features_of(row.get(column, ""), positions=column == base):
                found[base] = [
                    {"name": name, "value": values[0] if len(values) == 1 else values}
                    for name, values in features.items()
                ]
        return found


def features_of(cell: str, *, positions: bool = False) -> dict[str, list[str]]:
    """Return name → values of the features in a cell: "Colour:Red:1,Width:60 cm:2"; {} if it holds anything else.

    The position, and a 0 or 1 after it, may be missing. positions: return {} if a position is missing.
    """
    found: dict[str, list[str]] = {}
    for part in _NEXT_FEATURE.split(cell.strip(" ,;|")):
        name, *rest = (one.strip() for one in part.split(":"))
        numbers = 0
        while numbers < min(2, len(rest) - 1) and rest[-1 - numbers].isdecimal():
            numbers += 1
        if numbers == 2 and rest[-1] not in {"0", "1"}:  # the value has a colon and a number: 16:9
            numbers = 1
        value = ":".join(rest[: len(rest) - numbers])
        if not 0 < len(name) <= _LONGEST_NAME or not value.strip(":") or (positions and not numbers):
            return {}
        if value not in found.setdefault(name, []):
            found[name].append(value)
    return found


def _key(match: re.Match[str]) -> tuple[str, str]:
    return match["base"].lower(), match["number"]
