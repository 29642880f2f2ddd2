"""Inspect a source: which columns it has, what is in them, and which of them name the records."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from clew.indexer.column_names import (
    BOOKKEEPING,
    COPIES,
    GROUPS,
    IDS,
    VARIANT_ARRAYS,
    is_identifier,
    joined,
    title_rank,
    words_of,
)
from clew.indexer.column_statistics import ColumnStatistics, kind_of
from clew.indexer.money import first_money
from clew.indexer.sources.forms import CONTENT_ID, Form, SourceSpec
from clew.indexer.sources.read import read
from clew.indexer.sources.record import Record, name_of, pairs_of, value_of
from clew.indexer.values import is_missing
from clew.indexer.variants import ARRAY, CALLED_ID, MASTER, TABULAR, product_key

# Every record is read; of those after the first so many one in two is inspected, then one in four, and so on.
INSPECTED = 20_000
# An unpaired surrogate: a TOML file cannot contain it, so no spec can name such a key.
UNWRITABLE = re.compile(r"[\ud800-\udfff]")
_MOST_NAMED = 200
_MOST_COLUMNS = 5_000
# Records that are searched for variants of one product.
_ROWS = 2_000
# A group is not one of variants if its records have fewer words of their titles in common, on average.
_COMMON_WORDS = 0.4
_PARENT = "id:"
# Words of more than this are a text, of which products have one for all variants.
_LONG = 8
# Words in the name of a group that need no title to say what its records have in common.
_GROUPED = {"group", "parent", "master", "variant", "itemgroupid"}


@dataclass(slots=True)
class Inspection:
    """What is known of a source.

    count: records; inspected: those whose values were looked at. faults: records that cannot be read, with the first.
    array: the path of the array of variants, other than "variants". names: of the records' keys.
    """

    form: Form
    count: int = 0
    inspected: int = 0
    faults: int = 0
    columns: dict[str, ColumnStatistics] = field(default_factory=dict)
    unique: dict[str, set[str]] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    groups: dict[str, Counter[str]] = field(default_factory=dict)
    first: list[Mapping[str, Any]] = field(default_factory=list)
    fault: str = ""
    note: str = ""
    array: str = ""
    names: dict[str, None] = field(default_factory=dict)

    def run(self, source: SourceSpec) -> None:
        """Read the whole source."""
        stride = 1
        for number, found in enumerate(read(source, self.form)):
            if not isinstance(found, Record):
                self.faults += 1
                self.fault = self.fault or f"{found.origin}: {found.reason}"
                continue
            self.count += 1
            self.note = self.note or found.note
            self.names.update(dict.fromkeys(map(str, found.values)))
            self._check_ids(found.values)
            if len(self.first) < _ROWS:
                self.first.append(found.values)
            if number % stride == 0:
                self.inspected += 1
                stride *= 2 if self.inspected % INSPECTED == 0 else 1
                self._inspect(found.values)

    def _inspect(self, values: Mapping[str, Any]) -> None:
        self.array = self.array or next(_arrays_of_variants(values), "")
        seen = set()
        for key, value in flat(values, self.form, self.array):
            if key not in self.columns and len(self.columns) >= _MOST_COLUMNS:
                continue
            column = self.columns.setdefault(key, ColumnStatistics())
            column.add(value)
            if key not in seen:
                seen.add(key)
                column.records += 1

    def _check_ids(self, values: Mapping[str, Any]) -> None:
        """Keep the columns that have a value of their own in every record so far, and count those of groups."""
        if self.count == 1:
            self.order = [key for key, value in values.items() if kind_of(value) in {"text", "integer"}]
            self.unique = {key: set() for key in self.order}
        for key in list(self.unique):
            value, known = values.get(key), self.unique[key]
            if is_missing(value, "keyword") or kind_of(value) not in {"text", "integer"} or str(value) in known:
                del self.unique[key]
            else:
                known.add(str(value))
        for key, value in values.items():
            if joined(key) in GROUPS and isinstance(value, str | int) and not is_missing(value, "keyword"):
                self.groups.setdefault(key, Counter())[str(value).removeprefix(_PARENT)] += 1

    def identity(self) -> tuple[str, str]:
        """Return the columns with the id, and with the product that a record is a variant of ("": there is none).

        In a table whose rows are variants of products, the id is that of the product. Else it is the column that others
        name as their group, else one with the name of an id, else one of short values; CONTENT_ID if none can be it.
        """
        unique = [key for key in self.order if key in self.unique and key in self.columns]
        names = {joined(key): key for key in reversed(unique)}
        by_name = [names[name] for name in IDS if name in names]
        by_name += [key for key in unique if is_identifier(key)]
        product = product_key(self.first) if self.form in TABULAR else None
        if product is not None and (CALLED_ID.search(product) or not by_name):
            return product, ""
        short = [key for key in unique if self.columns[key].words <= self.inspected and not self.columns[key].urls]
        ordered = list(dict.fromkeys((*by_name, *short)))
        for group in sorted(self.groups, key=lambda key: GROUPS.index(joined(key))):
            of = next((key for key in ordered if key != group and self._are_parents(self.groups[group], key)), "")
            own = of or next((key for key in ordered if key != group), "")
            if own and self._groups_variants(group, own):
                return own, group
        return next(iter(ordered), CONTENT_ID), ""

    def _are_parents(self, groups: Counter[str], identity: str) -> bool:
        """Return whether most groups are records themselves."""
        return sum(group in self.unique[identity] for group in groups) * 2 > len(groups)

    def _groups_variants(self, group: str, identity: str) -> bool:
        """Return whether records with the same value in a column look like variants of one product."""
        rows: dict[str, list[Mapping[str, Any]]] = {}
        grouped = set()
        for values in self.first:
            own = str(values.get(identity))
            value = values.get(group)
            named = "" if is_missing(value, "keyword") else str(value).removeprefix(_PARENT)
            rows.setdefault(named or own, []).append(values)
            grouped |= {own} if named and named != own else set()
        if grouped & self.groups[group].keys():  # a tree, as of categories
            return False
        several = [members for members in rows.values() if len(members) > 1]
        title = min((key for key in self.columns if title_rank(key) is not None), key=_rank, default="")
        if not several or len(rows) < 2 or not (title or _GROUPED.intersection(words_of(group))):
            return False
        alike = [_common([str(row.get(title, "")) for row in members]) for members in several] if title else [1.0]
        return sum(alike) >= _COMMON_WORDS * len(alike) and not any(map(self._differs(several), self.columns))

    def _differs(self, several: Sequence[Sequence[Mapping[str, Any]]]) -> Callable[[str], bool]:
        """Return a test of whether a column has long texts that most groups have several of, as reviews are."""

        def differs(key: str) -> bool:
            column = self.columns[key]
            if column.words <= _LONG * column.count:
                return False
            texts = [{row[key] for row in members if isinstance(row.get(key), str)} for members in several]
            return 2 * sum(len(own) > 1 for own in texts) > len(several)

        return differs


def _rank(key: str) -> int:
    return title_rank(key) or 0


def _common(titles: Sequence[str]) -> float:
    """Return the share of the words of the first title that the others have too, on average."""
    first, *others = [set(words_of(title)) for title in titles]
    return sum(len(first & other) / max(len(first), 1) for other in others) / len(others)


def flat(values: Mapping[str, Any], form: Form, array: str = "", prefix: str = "") -> Iterator[tuple[str, object]]:
    """Yield the keys whose values are not empty, with their values.

    Nested objects become dotted keys, arrays of objects the list of the values of each key, and arrays of attributes
    with a name and a value one key for each name. Of arrays of variants ("variants", and `array`) each object yields
    its own values. A string of names and values is yielded as it is, and with a key for each name.
    """
    for key, given in values.items():
        if _is_skipped(key, values, form, prefix):
            continue
        name, value = f"{prefix}{key}", first_money(given)
        if key == MASTER and isinstance(value, Mapping):
            for part in (value, *_objects(values.get(ARRAY))):
                yield from flat(part, form, array, f"{prefix}{ARRAY}.")
        elif isinstance(value, Mapping) and kind_of(value) not in {"geo", "money"}:
            yield from flat(value, form, array, f"{name}.")
        elif (objects := _objects(value)) and (key == ARRAY or name == array):
            for part in objects:
                yield from flat(part, form, array, f"{name}.")
        elif objects:
            yield from _of_objects(objects, form, f"{name}.")
        elif not is_missing(value, "keyword"):
            yield name, value
            pairs = pairs_of(value) if isinstance(value, str) else {}
            yield from ((f"{name}.{one}", of) for one, of in pairs.items() if len(pairs) > 1 and of)


def _is_skipped(key: str, values: Mapping[str, Any], form: Form, prefix: str) -> bool:
    """Return whether a key of a record has no field: it repeats others, or no spec can name it."""
    if not prefix and (key in COPIES | BOOKKEEPING or (form == "beir" and key == "metadata")):
        return True
    if key == ARRAY and isinstance(values.get(MASTER), Mapping):  # read with the master
        return True
    staged = key == "staged" and all(isinstance(values.get(one), Mapping) for one in ("staged", "current"))
    return staged or UNWRITABLE.search(str(key)) is not None


def _of_objects(parts: list[Mapping[str, Any]], form: Form, prefix: str) -> Iterator[tuple[str, object]]:
    names = [name_of(part) for part in parts]
    if None not in names and len(set(names)) == len(names) <= _MOST_NAMED:
        attributes = {str(name): value_of(part) for name, part in zip(names, parts, strict=True) if name}
        yield from flat({name: value for name, value in attributes.items() if "." not in name}, form, "", prefix)
        return
    together: dict[str, list[Any]] = {}
    for part in parts:
        for key, value in flat(part, form, "", prefix):
            together.setdefault(key, []).extend(value if isinstance(value, list) else [value])
    yield from ((key, first_money(values)) for key, values in together.items())


def _objects(value: object) -> list[Mapping[str, Any]]:
    """Return the elements of an array of objects; [] for any other value."""
    objects = [part for part in value if isinstance(part, Mapping)] if isinstance(value, list) else []
    return objects if isinstance(value, list) and len(objects) == len(value) else []


def _arrays_of_variants(values: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield the paths of arrays whose objects are variants: with such a name, and an identifier or a price in each."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _arrays_of_variants(value, f"{prefix}{key}.")
        elif joined(str(key)) in VARIANT_ARRAYS and (parts := _objects(value)) and all(map(_is_variant, parts)):
            yield f"{prefix}{key}"


def _is_variant(part: Mapping[str, Any]) -> bool:
    return any(is_identifier(str(key)) or "price" in words_of(str(key)) for key in part)
