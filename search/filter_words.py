"""Filters as typed on a command line: "brand=Sony", "price<50", "category under Home > Kitchen".

A field whose name has a space is quoted: '"In stock"=true'.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from clew.core.errors import QueryError, nearest
from clew.search.fields import Fields

_SIGNS = {"=": "eq", "==": "eq", "!=": "ne", "<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}
_WORD = re.compile(
    r"\s*(?:\"([^\"]+)\"|([^\s=<>!]+))\s*"
    r"(?:(!=|<=|>=|==?|<|>)|(?<=\s)(under|in|near|exists|missing)(?!\S))\s*(.*?)\s*",
    re.DOTALL,
)
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
EXAMPLES = (
    '"brand=Sony", "price<50", "colour!=red", "brand in Sony, LG", "category under Home > Kitchen", '
    '"price exists", "price missing", "place near 48.85, 2.35, 10" (km); quote the name of a field that has a space: '
    """'"In stock"=true'"""
)
_WORDS = {"eq": "=", "ne": "!=", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}


def parse_filter_words(words: Sequence[str], fields: Fields) -> dict[str, Any]:
    """Combine the conditions into one filter; all of them must hold.

    `clew.search.filters.parse_filters` completes the check. Raises QueryError for a condition that cannot be parsed, an
    unknown field, or an invalid number or truth value.
    """
    found: dict[str, Any] = {}
    for word in words:
        match = _WORD.fullmatch(word)
        if match is None:
            raise QueryError(f"filter {word!r} cannot be parsed", f"write it like {EXAMPLES}")
        quoted, plain, sign, verb, text = match.groups()
        name = quoted or plain
        if name not in fields:
            raise QueryError(f"filter {word!r}: unknown field {name!r}", nearest(name, fields))
        operator, value = _condition(_SIGNS.get(sign, verb), text, fields[name].type, word)
        if operator in found.get(name, {}):
            # The same operator was given twice for a field: both conditions must hold.
            found.setdefault("must", []).append({name: {operator: value}})
        else:
            found.setdefault(name, {})[operator] = value
    return found


def filter_words(name: str, operator: str, value: object) -> str:
    """Return a condition as it is typed on a command line; the inverse of parsing it."""
    field = f'"{name}"' if re.search(r"[\s=<>!]", name) else name
    if operator == "exists":
        return f"{field} {'exists' if value else 'missing'}"
    if isinstance(value, Mapping):
        value = list(value.values())
    text = ", ".join(map(_text, value)) if isinstance(value, list | tuple) else _text(value)
    return f"{field}{_WORDS[operator]}{text}" if operator in _WORDS else f"{field} {operator} {text}"


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _condition(operator: str, text: str, kind: str, word: str) -> tuple[str, Any]:
    if operator in {"exists", "missing"}:
        if text:
            raise QueryError(f"filter {word!r} cannot be parsed", f"write nothing after {operator!r}")
        return "exists", operator == "exists"
    if not text:
        raise QueryError(f"filter {word!r} has no value", f"write it like {EXAMPLES}")
    if operator == "near":
        parts = text.split(",")
        if len(parts) != 3:
            raise QueryError(f"filter {word!r} cannot be parsed", "write near LATITUDE, LONGITUDE, KILOMETRES")
        return operator, dict(zip(("lat", "lon", "km"), (_value(part, "number", word) for part in parts), strict=True))
    if operator == "in":
        return operator, [_value(part, kind, word) for part in text.split(",")]
    return operator, _value(text, kind, word)


def _value(text: str, kind: str, word: str) -> str | float | bool:
    text = text.strip()
    if kind == "number":
        try:
            return float(text)
        except ValueError:
            raise QueryError(f"filter {word!r}: {text!r} is not a number", 'write it like "price<50"') from None
    if kind == "bool":
        if text.lower() not in _TRUTH:
            raise QueryError(f"filter {word!r}: {text!r} is neither true nor false", 'write it like "new=true"')
        return _TRUTH[text.lower()]
    return text
