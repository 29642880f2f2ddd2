"""Filters: restrict a search to documents that meet conditions.

A filter is a mapping that JSON and TOML can hold. All its entries must hold:

    {"brand": "Sony"}                          one value
    {"brand": ["Sony", "LG"]}                  any of several
    {"price": {"gte": 10, "lt": 50}}           operators, all of which must hold
    {"should": [{"brand": "LG"}, {"new": true}], "min_should": 1, "must_not": [{"colour": "red"}], "must": [...]}

Operators by field type: keyword and list take eq, ne, in, under ("Home > Kitchen" and everything below it); number and
date take eq, ne, in, gt, gte, lt, lte; bool takes eq, ne, in; geo takes near ({"lat", "lon", "km"}); every field takes
exists (true or false), and a text field only that. A list matches if any of its elements does. Keywords are equal
without regard to case, kinds of spaces and Unicode form (NFKC). A date stands
for the whole interval it names: {"lte": "2024"} includes 31 December.

In an index with variants a filter is tested on each variant of a document as if it were a document of its own with all
fields; a document matches if one of its variants does. So all conditions hold on one and the same variant.

A document without a value matches only exists = false and ne, so must_not with any other operator does not exclude it.
"""

from __future__ import annotations

import datetime
import difflib
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from clew.core.errors import QueryError, nearest
from clew.core.types import Bools, Floats
from clew.search.columns import Column, Keywords, Points, Scalars, keyword_key, level_keys
from clew.search.dates import interval
from clew.search.fields import Fields
from clew.search.filter_words import parse_filter_words

if TYPE_CHECKING:
    from clew.search.docstore import DocStore
    from clew.search.variant_store import VariantStore

__all__ = ["Condition", "Filter", "parse_filter_words", "parse_filters", "passages", "unknown_values"]

MAX_DEPTH = 8
MAX_CONDITIONS = 1_000
# A filter's unknown value is compared with the values of a field only if the field has at most this many.
MAX_VALUES_COMPARED = 5_000
MAX_NOTES = 5
EARTH_KM = 6371.0088

_RANGE = ("eq", "ne", "in", "gt", "gte", "lt", "lte", "exists")
OPERATORS: Mapping[str, tuple[str, ...]] = {
    "text": ("exists",),
    "keyword": ("eq", "ne", "in", "under", "exists"),
    "list": ("eq", "ne", "in", "under", "exists"),
    "number": _RANGE,
    "date": _RANGE,
    "bool": ("eq", "ne", "in", "exists"),
    "geo": ("near", "exists"),
}
GROUPS = ("must", "should", "must_not", "min_should")


@dataclass(frozen=True, slots=True)
class Condition:
    """One operator on one field. values: what it compares with, in the form of the field's column."""

    field: str
    operator: str
    values: tuple[Any, ...]

    def holds(self, store: DocStore, variants: VariantStore | None) -> Bools:
        """Return (documents,) bool, true for documents that meet the condition.

        If `variants` is given: (variants,) bool, true for variants that meet it; a field of the document then counts
        for each of its variants.
        """
        found = self._column(store.column(self.field))
        return found if variants is None or self.field in variants.fields else found[variants.document_of]

    def fields(self) -> Iterator[str]:
        """Yield the field."""
        yield self.field

    def _column(self, column: Column) -> Bools:
        if self.operator == "exists":
            return column.present if self.values[0] else ~column.present
        if isinstance(column, Keywords):
            return self._keywords(column)
        if isinstance(column, Points):
            return _within(column, *self.values)
        if isinstance(column, Scalars):
            return self._scalars(column)
        raise TypeError(f"operator {self.operator} does not apply to a text field")

    def _keywords(self, column: Keywords) -> Bools:
        if self.operator == "under":
            (path,) = self.values
            return column.documents_with([code for code, own in enumerate(column.paths) if own[: len(path)] == path])
        keys = map(keyword_key, self.values)
        found = column.documents_with([column.code_of[key] for key in keys if key in column.code_of])
        return ~found if self.operator == "ne" else found

    def _scalars(self, column: Scalars) -> Bools:
        compare = _COMPARISONS["eq" if self.operator in {"ne", "in"} else self.operator]
        found = np.zeros(len(column.present), np.bool_)
        for low, high in self.values:
            found |= compare(column.values, low, high)
        found &= column.present
        return ~found if self.operator == "ne" else found


# A value is a closed interval [low, high]: a date may be a day or a year; for a number both ends are the same.
_COMPARISONS: Mapping[str, Callable[[Any, Any, Any], Bools]] = {
    "eq": lambda values, low, high: (values >= low) & (values <= high),
    "gt": lambda values, _, high: values > high,
    "gte": lambda values, low, _: values >= low,
    "lt": lambda values, low, _: values < low,
    "lte": lambda values, _, high: values <= high,
}


@dataclass(frozen=True, slots=True)
class Filter:
    """A combination of conditions: all of `must`, at least `min_should` of `should`, none of `must_not`.

    In an index with variants the whole filter is tested on each variant, and a document passes if one of its variants
    does.
    """

    must: tuple[Condition | Filter, ...] = ()
    should: tuple[Condition | Filter, ...] = ()
    must_not: tuple[Condition | Filter, ...] = ()
    min_should: int = 1

    def documents(self, store: DocStore) -> Bools:
        """Return (documents,) bool, true for documents that pass the filter."""
        variants = store.variants
        if variants is None or variants.fields.keys().isdisjoint(self.fields()):
            return self.holds(store, None)
        return variants.any(self.holds(store, variants))

    def variants(self, store: DocStore) -> Bools | None:
        """Return (variants,) bool, true for variants that pass the filter; None if the index has no variants."""
        return None if store.variants is None else self.holds(store, store.variants)

    def holds(self, store: DocStore, variants: VariantStore | None) -> Bools:
        """Return (documents,) bool, or (variants,) bool if `variants` is given, true for those that pass."""
        found = np.ones(store.documents if variants is None else len(variants.document_of), np.bool_)
        for part in self.must:
            found &= part.holds(store, variants)
        for part in self.must_not:
            found &= ~part.holds(store, variants)
        if self.should:
            held = np.zeros(len(found), np.int32)
            for part in self.should:
                held += part.holds(store, variants)
            found &= held >= self.min_should
        return found

    def without(self, field: str) -> Filter | None:
        """Return the filter without the conditions on a field; None if it has no others.

        Alternatives (`should`) and exclusions (`must_not`) go if they are about this field alone.
        """

        def about_it(part: Condition | Filter) -> bool:
            return set(part.fields()) == {field}

        rest = (part.without(field) if isinstance(part, Filter) else part for part in self.must if not about_it(part))
        found = replace(
            self,
            must=tuple(part for part in rest if part is not None),
            should=() if all(map(about_it, self.should)) else self.should,
            must_not=tuple(part for part in self.must_not if not about_it(part)),
        )
        return found if any((found.must, found.should, found.must_not)) else None

    def fields(self) -> Iterator[str]:
        """Yield the fields of all conditions."""
        for part in (*self.must, *self.should, *self.must_not):
            yield from part.fields()


def unknown_values(given: Filter | None, store: DocStore) -> list[str]:
    """Return a note for each keyword that a filter asks for and no document has, with the nearest value."""
    notes: list[str] = []
    if given is None:
        return notes
    for part in (*given.must, *given.should):
        if isinstance(part, Filter):
            notes += unknown_values(part, store)
        elif part.operator in {"eq", "in"} and isinstance(column := store.column(part.field), Keywords):
            for value in part.values:
                key = keyword_key(value)
                if key not in column.code_of and len(notes) < MAX_NOTES:
                    known = list(column.code_of) if len(column.code_of) <= MAX_VALUES_COMPARED else []
                    close = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
                    hint = f"; did you mean {column.values[column.code_of[close[0]]]!r}?" if close else ""
                    notes.append(f"no document has the {part.field} {value!r}{hint}")
    return notes


def passages(documents: Bools, store: DocStore) -> Bools:
    """Return (passages,) bool, true for the passages of documents for which (documents,) bool is true."""
    allowed: Bools = documents[store.document_of]
    return allowed


def _within(column: Points, latitude: float, longitude: float, km: float) -> Bools:
    """Return (documents,) bool, true for points within `km` of a place in degrees (haversine)."""
    there, here = np.radians(column.latitude), math.radians(latitude)
    half_turn = np.radians(column.longitude - longitude) / 2
    chord: Floats = np.sin((there - here) / 2) ** 2 + math.cos(here) * np.cos(there) * np.sin(half_turn) ** 2
    distance = 2 * EARTH_KM * np.arcsin(np.sqrt(np.clip(chord, 0, 1)))
    near: Bools = (distance <= km) & column.present
    return near


# ------------------------------------------------------------------ from a mapping


def parse_filters(filters: Mapping[str, Any], fields: Fields) -> Filter:
    """Check a filter against the declared fields and parse it.

    Raises QueryError that names the place ("filters.price.gte") for an unknown field or operator, an operator that
    does not fit the field's type, a value of the wrong type, more than 8 levels or 1,000 conditions.
    """
    return _Parser(fields).group(filters, "filters", 1)


class _Parser:
    def __init__(self, fields: Fields) -> None:
        self._fields = fields
        self._conditions = 0

    def group(self, filters: object, where: str, depth: int) -> Filter:
        if not isinstance(filters, Mapping):
            raise QueryError(f"{where} is {_shown(filters)}, expected a mapping", 'such as {"brand": "Sony"}')
        if depth > MAX_DEPTH:
            raise QueryError(f"{where} is nested more than {MAX_DEPTH} levels deep", "use fewer levels")
        parts = {name: self._listed(filters, name, where, depth) for name in ("must", "should", "must_not")}
        own: list[Condition | Filter] = []
        for name, wanted in filters.items():
            if name not in GROUPS:
                own.extend(self._field(name, wanted, f"{where}.{name}"))
        return Filter(
            must=(*own, *parts["must"]),
            should=parts["should"],
            must_not=parts["must_not"],
            min_should=_min_should(filters, where, len(parts["should"])),
        )

    def _listed(self, filters: Mapping[str, Any], name: str, where: str, depth: int) -> tuple[Filter, ...]:
        listed = filters.get(name, [])
        if not isinstance(listed, list | tuple):
            raise QueryError(f"{where}.{name} is {_shown(listed)}, expected a list of filters", "put them in [ ]")
        return tuple(self.group(part, f"{where}.{name}[{at}]", depth + 1) for at, part in enumerate(listed))

    def _field(self, name: object, wanted: object, where: str) -> Iterator[Condition]:
        if name not in self._fields:
            raise QueryError(f"{where}: unknown field {str(name)!r}", nearest(str(name), self._fields))
        kind = self._fields[str(name)].type
        operators = wanted if isinstance(wanted, Mapping) else {"in" if isinstance(wanted, list) else "eq": wanted}
        if not operators:
            raise QueryError(
                f"{where} has no operator", f"give an operator of {kind} fields: {', '.join(OPERATORS[kind])}"
            )
        for operator, value in operators.items():
            self._conditions += 1
            if self._conditions > MAX_CONDITIONS:
                raise QueryError(f"filters have more than {MAX_CONDITIONS:,} conditions", "use fewer conditions")
            place = f"{where}.{operator}" if isinstance(wanted, Mapping) else where
            if operator not in OPERATORS[kind]:
                raise _wrong_operator(str(operator), kind, place)
            yield Condition(str(name), str(operator), _values(str(operator), kind, value, place))


def _wrong_operator(operator: str, kind: str, where: str) -> QueryError:
    known = OPERATORS[kind]
    if kind == "text":
        return QueryError(
            f"{where}: a text field cannot be filtered", "declare it as a keyword, or put its words into the query"
        )
    every = {name for names in OPERATORS.values() for name in names}
    if operator in every:
        return QueryError(f"{where}: a {kind} field does not take {operator!r}", f"use one of {', '.join(known)}")
    return QueryError(f"{where}: unknown operator {operator!r}", nearest(operator, known))


def _min_should(filters: Mapping[str, Any], where: str, count: int) -> int:
    wanted = filters.get("min_should", 1)
    if "min_should" in filters and (
        not isinstance(wanted, int) or isinstance(wanted, bool) or not 1 <= wanted <= count
    ):
        raise QueryError(
            f"{where}.min_should is {_shown(wanted)}", f"expected 1 to {count}, the length of should" if count else
            "give a list of conditions named should as well",
        )  # fmt: skip
    return int(wanted)


def _values(operator: str, kind: str, value: object, where: str) -> tuple[Any, ...]:
    """Check the value of an operator and convert it to the form of the field's column."""
    if operator == "exists":
        if not isinstance(value, bool):
            raise QueryError(f"{where} is {_shown(value)}, expected true or false")
        return (value,)
    if operator == "near":
        return _parse_near(value, where)
    if operator == "under":
        path = level_keys(_parse_value("keyword", value, where))
        if not path:
            raise QueryError(f"{where} is {_shown(value)}, expected a path", 'such as "Home > Kitchen"')
        return (path,)
    if operator != "in":
        return (_parse_value(kind, value, where),)
    if not isinstance(value, list | tuple) or not value:
        raise QueryError(f"{where} is {_shown(value)}, expected a list of at least one value")
    return tuple(_parse_value(kind, one, f"{where}[{at}]") for at, one in enumerate(value))


def _parse_value(kind: str, value: object, where: str) -> Any:
    """Convert one value of a field: a string for keyword and list, else the closed interval (low, high) it means."""
    if kind == "bool" and isinstance(value, bool):
        return (value, value)
    if kind == "number" and isinstance(value, int | float) and not isinstance(value, bool):
        number = _finite(value, where)
        return (number, number)
    if kind == "date":
        text = value.isoformat() if isinstance(value, datetime.date) else value
        try:
            first, after = interval(text)  # type: ignore[arg-type]
        except ValueError as error:
            raise QueryError(
                f"{where}: {error}", 'write it as "2024", "2024-05-01" or "2024-05-01T12:30:00Z"'
            ) from None
        return (first, after - 1)
    if kind in {"keyword", "list"} and isinstance(value, str):
        return value
    expected = {"bool": "true or false", "number": "a number"}.get(kind, "a string")
    raise QueryError(f"{where} is {_shown(value)}, expected {expected}")


def _finite(value: float, where: str) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise QueryError(f"{where} is {_shown(value)}, expected a finite number")
    return number


def _parse_near(value: object, where: str) -> tuple[float, float, float]:
    if not isinstance(value, Mapping) or set(value) != {"lat", "lon", "km"}:
        raise QueryError(f"{where} is {_shown(value)}", 'expected {"lat": degrees, "lon": degrees, "km": distance}')
    limits = {"lat": (-90, 90), "lon": (-180, 180), "km": (0, 40_000)}
    found = []
    for name, (low, high) in limits.items():
        number, _ = _parse_value("number", value[name], f"{where}.{name}")
        if not low <= number <= high:
            raise QueryError(f"{where}.{name} is {number:g}, expected {low} to {high}")
        found.append(number)
    return found[0], found[1], found[2]


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
