"""Convert a source's records to Documents whose fields have their declared types."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from clew.core.errors import nearest
from clew.core.types import Document, FieldValue, Variant
from clew.indexer.money import currency
from clew.indexer.sources.forms import CONTENT_ID
from clew.indexer.sources.html_values import without_markup
from clew.indexer.sources.record import Fault, Record, lookup, shown
from clew.indexer.values import EXPECTED, convert, is_missing
from clew.indexer.variants import elements
from clew.search.fields import Fields, FieldSpec, searched

LONGEST_ID = 1024
# WooCommerce writes it before the id of a parent that has no SKU.
_PARENT = "id:"


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
    of the source may contain HTML, which `html = "auto"` fields then look for. group: the field that names the product
    that a record is a variant of ("": records are no variants). nested: fields whose values may be in an array of
    objects, each of which is then a variant.
    """

    fields: Fields
    id: str
    separator: str = "|"
    markup: bool = True
    group: str = ""
    nested: tuple[str, ...] = ()

    def convert(self, record: Record) -> Converted | Fault:
        """Return the typed document and the values that were left out, or what is wrong with the record's id."""
        own = self._identity(record)
        if isinstance(own, Fault):
            return own
        bad: list[BadValue] = []
        path, parts = next((found for name in self.nested if (found := elements(record.values, name))), ("", []))
        inner = {name for name in self.nested if parts and name.startswith(f"{path}.")}
        values = self._typed(record.values, [name for name in self.fields if name not in inner], bad)
        variants = tuple(
            Variant(self._typed(part, [name for name in self.fields if name in inner], bad, f"{path}."))
            for part in parts
        )
        product = _id_of(lookup(record.values, self.group)) if self.group else None
        product = product.removeprefix(_PARENT) if product else None
        if product:
            variants = tuple(Variant(variant.fields, own) for variant in variants or (Variant({}),))
        return Document(product or own, values, record.origin, variants), tuple(bad)

    def _typed(
        self, given: Mapping[str, Any], names: Iterable[str], bad: list[BadValue], prefix: str = ""
    ) -> dict[str, FieldValue]:
        """Return the typed values of some fields, and add those that do not fit to `bad`.

        given: a record, or an object in one; prefix: the part of the fields' paths that leads to it.
        """
        values: dict[str, FieldValue] = {}
        for name in names:
            spec = self.fields[name]
            found = lookup(given, name.removeprefix(prefix))
            if spec.currency_of and found is None:
                found = currency(lookup(given, spec.currency_of.removeprefix(prefix)))
            if is_missing(found, spec.type):
                continue
            try:
                value = convert(found, spec, self.separator)
            except (TypeError, ValueError, OverflowError, ZeroDivisionError):
                bad.append(_bad(name, found, spec))
                continue
            if not is_missing(value := self._clean(value, spec), spec.type):
                values[name] = value
        return values

    def has_text(self, document: Document) -> bool:
        """Return whether any searched field has text."""
        return any(
            "".join(value).strip() if isinstance(value, list) else str(value or "").strip()
            for values in (document.fields, *(variant.fields for variant in document.variants))
            for value in map(values.get, searched(self.fields))
        )

    def _clean(self, value: FieldValue, spec: FieldSpec) -> FieldValue:
        """Return a value without its HTML markup, if its field has markup removed."""
        html = spec.html if self.markup or spec.html is True else False
        if spec.type in {"text", "keyword"} and isinstance(value, str):
            return without_markup(value, html)
        if spec.type == "list" and isinstance(value, list):
            return list(dict.fromkeys(without_markup(one, html) for one in value))
        return value

    def _identity(self, record: Record) -> str | Fault:
        if self.id == CONTENT_ID:
            return _hash_of(record.values)
        given = lookup(record.values, self.id)
        return _id_of(given) or self._no_id(record, given)

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


def _id_of(given: Any) -> str | None:
    """Return a value as an id; None if it is none."""
    if isinstance(given, float) and given.is_integer() and abs(given) < 2**53:
        given = int(given)
    if isinstance(given, int) and not isinstance(given, bool):
        given = str(given)
    if isinstance(given, str) and given.strip() and len(given) <= LONGEST_ID and "\0" not in given:
        return given
    return None


def _bad(name: str, value: Any, spec: FieldSpec) -> BadValue:
    expected = f'date of the form "{spec.format}"' if spec.type == "date" and spec.format else EXPECTED[spec.type]
    return BadValue(
        name,
        value,
        f"field {name!r} is {shown(value)}, expected {expected}",
        f"correct the value, declare {name!r} with another type, or leave such values out with "
        '[source] on_error = "skip-value"',
    )
