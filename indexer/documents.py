"""Convert a source's records to Documents whose fields have their declared types."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from clew.core.errors import nearest
from clew.core.types import Document, FieldValue
from clew.indexer.sources.record import Fault, Record, lookup, shown
from clew.search.dates import iso, microseconds
from clew.search.fields import Fields, searched

_TRUE = {"true", "yes", "y", "1"}
_FALSE = {"false", "no", "n", "0"}
LONGEST_ID = 1024


@dataclass(frozen=True, slots=True)
class RecordConverter:
    """The conversion of records to documents. id: the field with the id; separator: between the values of a list."""

    fields: Fields
    id: str
    separator: str = "|"

    def document(self, record: Record) -> Document | Fault:
        """Return the typed document, or what is wrong with the record: the field, its value and what was expected."""
        identity = lookup(record.values, self.id)
        if isinstance(identity, int) and not isinstance(identity, bool):
            identity = str(identity)
        if not isinstance(identity, str) or not identity.strip() or len(identity) > LONGEST_ID or "\0" in identity:
            return self._no_id(record, identity)
        values: dict[str, FieldValue] = {}
        for name, spec in self.fields.items():
            value = lookup(record.values, name)
            if value is None or value in ("", []):
                continue
            if spec.type == "list" and isinstance(value, str):
                value = value.split(self.separator)
            try:
                values[name] = _TYPES[spec.type](value)
            except (TypeError, ValueError, OverflowError):
                return Fault(
                    record.origin,
                    f"field {name!r} is {shown(value)}, expected {_EXPECTED[spec.type]}",
                    f"correct the value, declare {name!r} with another type, or skip such records with "
                    '[source] on_error = "skip"',
                )
        return Document(identity, values, record.origin)

    def has_text(self, document: Document) -> bool:
        """Return whether any searched field has text."""
        for name in searched(self.fields):
            value = document.fields.get(name)
            if "".join(value).strip() if isinstance(value, list) else str(value or "").strip():
                return True
        return False

    def _no_id(self, record: Record, identity: object) -> Fault:
        if identity is None and self.id not in record.values:
            return Fault(
                record.origin,
                f"the record has no field {self.id!r}, which should hold its id",
                f"set [source] id to the field with the id; {nearest(self.id, map(str, record.values))}",
            )
        return Fault(
            record.origin,
            f"field {self.id!r} is {shown(identity)}, which is not a valid id",
            f"an id is a string of 1 to {LONGEST_ID} characters without NUL, or an integer",
        )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _keyword(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise TypeError
    return str(value).strip()


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise TypeError
    number = float(value)
    if not math.isfinite(number):
        raise ValueError
    return number


def _bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else None
    if word not in _TRUE | _FALSE:
        raise ValueError
    return word in _TRUE


def _date(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    # Also checks the UTC time: an offset may move it out of the years 1 to 9999, so that it could not be shown.
    iso(microseconds(value))
    return value.strip()


def _list(value: Any) -> list[str]:
    if not isinstance(value, list):
        raise TypeError
    return [word for word in (_keyword(part) for part in value) if word]


def _geo(value: Any) -> tuple[float, float]:
    if isinstance(value, str):
        value = value.split(",")
    if isinstance(value, Mapping):
        value = [value.get("lat", value.get("latitude")), value.get("lon", value.get("longitude"))]
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise TypeError
    latitude, longitude = (_number(part) for part in value)
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise ValueError
    return latitude, longitude


_TYPES: Mapping[str, Callable[[Any], FieldValue]] = {
    "text": _text,
    "keyword": _keyword,
    "number": _number,
    "bool": _bool,
    "date": _date,
    "list": _list,
    "geo": _geo,
}
_EXPECTED: Mapping[str, str] = {
    "text": "text (a string)",
    "keyword": "keyword (a string or an integer)",
    "number": "number",
    "bool": "bool (true or false)",
    "date": 'date (ISO 8601, such as "2024-05-01")',
    "list": "list (of strings)",
    "geo": "geo ([latitude, longitude] in degrees)",
}
