"""Statistics of one column of a source, from which `clew init` proposes the type of its field."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from html import unescape

from clew.core.sentences import CJK
from clew.indexer.money import currency, is_money
from clew.indexer.sources.html_values import has_markup, has_tags
from clew.indexer.sources.record import pairs_of
from clew.indexer.values import boolean, date, is_missing, number

# More distinct values than this are not counted.
_MOST_DISTINCT = 100_000
# Separators of several values in one cell, the first that a column has.
SEPARATORS = ("|", ";", ", ", ",")
_CODE = re.compile(r"0\d+|\d{8}|\d{12,14}", re.ASCII)
_PRODUCT_CODE = re.compile(r"(?=.{2,40}$)(?!.*\s)[\w./+#-]+")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}|[0-9a-f]{24,}", re.IGNORECASE)
_URL = re.compile(r"(?:https?:)?//\S+", re.IGNORECASE)
_COMMA_DECIMAL = re.compile(r"\d,\d{1,2}(?!\d)|\d\.\d{3},\d", re.ASCII)
_POINT_DECIMAL = re.compile(r"\d\.\d{1,2}(?!\d)|\d,\d{3}\.\d", re.ASCII)
_RANGE = re.compile(r"\d.*(?:-|–|—|to|bis|至).*\d|[<>≥≤].*\d")
_CJK = re.compile(f"[{CJK}]")
_PLACES = ({"lat", "lon"}, {"lat", "lng"}, {"latitude", "longitude"})
_UNIT = re.compile(r"[^\W\d_]+[²³]?|[\"'″′%°]")
# Forms of dates that can be read in two ways or not at all without one.
_FORMATS = tuple(
    f"{day}{year}{time}"
    for day in ("%d/%m/", "%m/%d/", "%d-%m-", "%m-%d-")
    for year in ("%Y", "%y")
    for time in ("", " %H:%M", " %H:%M:%S", " %I:%M %p", ", %I:%M %p")
)


@dataclass(slots=True)
class ColumnStatistics:
    """Statistics of one column's values.

    records: that have a value. count: values; missing: words such as "n/a" in place of one. kinds: kind of value →
    count. words: of all texts; two Chinese characters count as a word. fits: the types that every value so far can be
    read as. values: distinct values, as JSON. separated: separator of values in a cell → cells with it. markup, tags,
    urls, paths (with ">"), slashes, pairs (names and values), ranges, codes (no spaces, some digits): texts that are
    such. vectors: lists of numbers with fractions; elements: of all lists.
    """

    records: int = 0
    count: int = 0
    missing: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    words: float = 0
    fits: set[str] = field(default_factory=lambda: {"number", "bool", "date"})
    values: set[str] = field(default_factory=set)
    numbers: list[float] = field(default_factory=list)
    currencies: Counter[str] = field(default_factory=Counter)
    units: set[str] = field(default_factory=set)
    separated: Counter[str] = field(default_factory=Counter)
    commas: int = 0
    points: int = 0
    coded: bool = False
    markup: int = 0
    tags: int = 0
    urls: int = 0
    paths: int = 0
    slashes: int = 0
    pairs: int = 0
    ranges: int = 0
    codes: int = 0
    vectors: int = 0
    elements: int = 0
    formats: set[str] = field(default_factory=lambda: set(_FORMATS))
    example: object = None

    def add(self, value: object) -> None:
        """Add one value, which must not be empty."""
        if isinstance(value, str) and is_missing(value, "number"):
            self.missing += 1
            return
        self.count += 1
        kind = kind_of(value)
        self.kinds[kind] += 1
        self.example = value if self.example is None else self.example
        if len(self.values) < _MOST_DISTINCT:
            self.values.add(json.dumps(value, ensure_ascii=False, default=str)[:200])
        if isinstance(value, list | tuple) and kind == "list":
            self._add_list(value)
        if kind in {"list", "geo", "other"}:
            self.fits.clear()
            self.formats.clear()
            return
        if isinstance(value, str):
            self._add_text(value.strip())
        elif kind == "money":
            self.currencies[currency(value)] += 1
        for type_name in list(self.fits):
            try:
                self._read(value, type_name)
            except (ValueError, TypeError, OverflowError, ZeroDivisionError):
                self.fits.discard(type_name)

    def _add_list(self, value: list[object] | tuple[object, ...]) -> None:
        texts = [part for part in value if isinstance(part, str)]
        self.elements += len(value)
        self.words += sum(map(_word_count, texts))
        self.markup += any(map(has_markup, texts))
        self.tags += any(map(has_tags, texts))
        self.urls += len(texts) == len(value) and all(map(_URL.fullmatch, texts))
        self.paths += any(">" in text for text in texts)
        self.vectors += any(isinstance(part, float) for part in value) and not texts

    def _add_text(self, text: str) -> None:
        self.words += _word_count(text)
        self.markup += has_markup(text)
        self.tags += has_tags(text)
        found = [separator for separator in SEPARATORS if separator in (unescape(text) if "&" in text else text)]
        self.separated.update(found)
        parts = [part for part in re.split(r"[|;,]\s*", text) if part]
        self.urls += bool(parts) and all(map(_URL.fullmatch, parts))
        self.paths += ">" in text
        self.slashes += "/" in text.strip("/")
        self.pairs += len(pairs_of(text)) > 1
        self.ranges += _RANGE.search(text) is not None
        self.codes += (
            _PRODUCT_CODE.fullmatch(text) is not None
            and any(map(str.isdigit, text))
            and not _UUID.fullmatch(text)
            and not _URL.match(text)
        )
        self.coded = self.coded or _CODE.fullmatch(text) is not None
        if "number" in self.fits and not text.isdigit():
            self.commas += _COMMA_DECIMAL.search(text) is not None
            self.points += _POINT_DECIMAL.search(text) is not None
            money = currency(text)
            self.currencies[money] += 1
            if not money:
                self.units.update(_UNIT.findall(text.lower()))
        self.formats = {form for form in self.formats if _has_format(text, form)}

    def _read(self, value: object, type_name: str) -> None:
        if type_name == "number":
            self.numbers.append(number(value))
        elif type_name == "bool":
            if not isinstance(value, bool | str) or str(value).strip() in {"0", "1"}:
                raise ValueError("0 and 1 are numbers")
            boolean(value)
        elif isinstance(value, bool | Mapping):
            raise TypeError("a date")
        else:
            if len(str(value).strip()) < len("2024-05"):
                raise ValueError("a number is not a date")
            date(value)

    @property
    def digits_only(self) -> bool:
        """Return whether all values are whole numbers, which may be seconds, codes or dates such as 20240501."""
        return all(value.strip('"').isdigit() for value in self.values)

    @property
    def zero_or_one(self) -> bool:
        """Return whether all values are 0 or 1."""
        return self.values <= {"0", "1", '"0"', '"1"', "0.0", "1.0"}

    @property
    def decimal(self) -> str:
        """Return the decimal separator of the numbers, if the values show one that is not a point."""
        return "," if self.commas and not self.points else ""

    @property
    def currency(self) -> str:
        """Return the most frequent currency of the values; "" if most have none."""
        return self.currencies.most_common(1)[0][0] if self.currencies else ""

    @property
    def date_format(self) -> str:
        """Return the form of dates that `clew.indexer.values.date` needs; "" if it needs none or it is unclear."""
        return next(iter(self.formats)) if "date" not in self.fits and len(self.formats) == 1 else ""


def kind_of(value: object) -> str:
    """Return what a value is in the source: text, integer, number, bool, list (of scalars), geo, money or other."""
    if isinstance(value, int) and not isinstance(value, bool):
        return "integer" if abs(value) <= sys.float_info.max else "other"
    if isinstance(value, list | tuple):
        return "list" if all(isinstance(part, str | int | float) for part in value) else "other"
    if isinstance(value, Mapping):
        return "money" if is_money(value) else "geo" if any(names <= set(value) for names in _PLACES) else "other"
    return {bool: "bool", float: "number", str: "text"}.get(type(value), "other")


def _word_count(text: str) -> float:
    return len(text.split()) + len(_CJK.findall(text)) / 2


def _has_format(text: str, form: str) -> bool:
    if not text[:1].isdigit() or len(text) > 30:
        return False
    try:
        datetime.strptime(text, form)
    except ValueError:
        return False
    return True
