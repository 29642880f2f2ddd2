"""Convert a source's records to Documents whose fields have their declared types."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from clew.core.errors import nearest
from clew.core.types import Document, FieldValue
from clew.indexer.sources.forms import CONTENT_ID
from clew.indexer.sources.html_values import without_markup
from clew.indexer.sources.record import Fault, Record, lookup, shown
from clew.indexer.values import EXPECTED, convert, currency, is_missing
from clew.search.fields import Fields, FieldSpec, searched

LONGEST_ID = 1024


@dataclass(frozen=True, slots=True)
class BadValue:
    """A value that does not fit the type of its field. reason: what was expected; hint: how to fix it."""

    field: str
    value: object
    reason: str
    hint: str

    def fault(self, origin: str) -> Fault:
        """Return the fault of the record at `origin` that has this value."""
        return Fault(origin, self.reason, self.hint)


Converted: TypeAlias = tuple[Document, tuple[BadValue, ...]]


@dataclass(frozen=True, slots=True)
class RecordConverter:
    """The conversion of records to documents.

    id: the field with the id. separator: between the values of a list that is one string. markup: whether the values
    of the source may contain HTML, which `html = "auto"` fields then look for.
    """

    fields: Fields
    id: str
    separator: str = "|"
    markup: bool = True

    def convert(self, record: Record) -> Converted | Fault:
        """Return the typed document and the values that were left out, or what is wrong with the record's id."""
        identity = self._identity(record)
        if isinstance(identity, Fault):
            return identity
        values: dict[str, FieldValue] = {}
        bad: list[BadValue] = []
        for name, spec in self.fields.items():
            given = lookup(record.values, name)
            if spec.currency_of and given is None:
                given = currency(lookup(record.values, spec.currency_of))
            if is_missing(given, spec.type):
                continue
            try:
                value = convert(given, spec, self.separator)
            except (TypeError, ValueError, OverflowError, ZeroDivisionError):
                bad.append(_bad(name, given, spec))
                continue
            if not is_missing(value := self._clean(value, spec), spec.type):
                values[name] = value
        return Document(identity, values, record.origin), tuple(bad)

    def has_text(self, document: Document) -> bool:
        """Return whether any searched field has text."""
        for name in searched(self.fields):
            value = document.fields.get(name)
            if "".join(value).strip() if isinstance(value, list) else str(value or "").strip():
                return True
        return False

    def _clean(self, value: FieldValue, spec: FieldSpec) -> FieldValue:
        """Return a value without its HTML markup, if its field has markup removed."""
        if spec.type == "text" and isinstance(value, str):
            return without_markup(value, spec.html if self.markup or spec.html is True else False)
        return value

    def _identity(self, record: Record) -> str | Fault:
        if self.id == CONTENT_ID:
            return _hash_of(record.values)
        given = lookup(record.values, self.id)
        if isinstance(given, float) and given.is_integer() and abs(given) < 2**53:
            given = int(given)
        if isinstance(given, int) and not isinstance(given, bool):
            given = str(given)
        if isinstance(given, str) and given.strip() and len(given) <= LONGEST_ID and "\0" not in given:
            return given
        return self._no_id(record, given)

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


def _hash_of(values: Mapping[str, Any]) -> str:
    """Return 16 hexadecimal digits that depend on the values of a record alone."""
    text = json.dumps(values, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _bad(name: str, value: Any, spec: FieldSpec) -> BadValue:
    expected = f'date of the form "{spec.format}"' if spec.type == "date" and spec.format else EXPECTED[spec.type]
    return BadValue(
        name,
        value,
        f"field {name!r} is {shown(value)}, expected {expected}",
        f"correct the value, declare {name!r} with another type, or leave such values out with "
        '[source] on_error = "skip-value"',
    )
