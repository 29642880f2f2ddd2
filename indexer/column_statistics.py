"""Statistics of one column of a source, from which `clew init` proposes the type of its field."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from clew.indexer.money import currency
from clew.indexer.sources.html_values import has_markup
from clew.indexer.values import boolean, date, is_missing, number
from clew.search.fields import names_identifiers

# A column with more words than this on average, or with almost as many values as records, is text and not a keyword.
_KEYWORD_WORDS = 3.0
_KEYWORD_DISTINCT = 0.6
_FEW = 20
# More distinct values than this are not counted.
_MOST_DISTINCT = 100_000
TITLES = (
    "title",
    "name",
    "product_name",
    "product_title",
    "headline",
    "heading",
    "标题",
    "名称",
    "商品名称",
    "产品名称",
)
# Words in the names of codes beside the identifiers of products: their digits are text, so that zeros stay.
_CODES = {
    "id", "ids", "code", "zip", "zipcode", "postcode", "postal", "plz", "phone", "tel", "telephone", "fax", "model",
    "artikelnummer", "handle", "uuid", "guid", "key", "ref", "reference", "编号", "条码",
}  # fmt: skip
_CODE = re.compile(r"0\d+|\d{8}|\d{12,14}", re.ASCII)
_URL = re.compile(r"(?:https?:)?//\S+", re.IGNORECASE)
_COMMA_DECIMAL = re.compile(r"\d,\d{1,2}(?!\d)|\d\.\d{3},\d", re.ASCII)
_POINT_DECIMAL = re.compile(r"\d\.\d{1,2}(?!\d)|\d,\d{3}\.\d", re.ASCII)
_SLASHED = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})", re.ASCII)
_PLACES = ({"lat", "lon"}, {"lat", "lng"}, {"latitude", "longitude"})
_UNIT = re.compile(r"[^\W\d_]+[²³]?|[\"'″′%°]")


def words_of(name: str) -> list[str]:
    """Return the words of a column's name in lower case: "itemGroup_ID" gives item, group, id."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return [word for word in re.split(r"[\W_]+", spaced.lower()) if word]


def is_identifier(name: str) -> bool:
    """Return whether a column's name says that it holds identifiers, such as "Variant SKU" or "postcode"."""
    return names_identifiers(name) or not _CODES.isdisjoint(words_of(name))


@dataclass(slots=True)
class ColumnStatistics:
    """Statistics of one column's values.

    count: values; missing: words such as "n/a" in place of one. kinds: kind of value → count. words: of all texts.
    fits: the types that every value so far can be read as. values: distinct values, as JSON.
    """

    count: int = 0
    missing: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    words: int = 0
    fits: set[str] = field(default_factory=lambda: {"number", "bool", "date"})
    values: set[str] = field(default_factory=set)
    numbers: list[float] = field(default_factory=list)
    currencies: Counter[str] = field(default_factory=Counter)
    units: set[str] = field(default_factory=set)
    commas: int = 0
    points: int = 0
    coded: bool = False
    markup: int = 0
    urls: int = 0
    paths: int = 0
    formats: set[str] = field(default_factory=lambda: {"%d/%m/%Y", "%m/%d/%Y"})
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
        if kind in {"list", "geo", "other"}:
            self.fits.clear()
            return
        if isinstance(value, str):
            self._add_text(value.strip())
        for type_name in list(self.fits):
            try:
                self._read(value, type_name)
            except (ValueError, TypeError, OverflowError, ZeroDivisionError):
                self.fits.discard(type_name)

    def _add_text(self, text: str) -> None:
        self.words += len(text.split())
        self.markup += has_markup(text)
        self.urls += _URL.fullmatch(text) is not None
        self.paths += " > " in text or text.count(">") > 1
        self.coded = self.coded or _CODE.fullmatch(text) is not None
        if "number" in self.fits and not text.isdigit():
            self.commas += _COMMA_DECIMAL.search(text) is not None
            self.points += _POINT_DECIMAL.search(text) is not None
            money = currency(text)
            self.currencies[money] += 1
            if not money:
                self.units.update(_UNIT.findall(text.lower()))
        if self.formats:
            parts = _SLASHED.fullmatch(text)
            first, second = (int(part) for part in parts.groups()[:2]) if parts else (99, 99)
            self.formats -= {"%d/%m/%Y"} if first > 31 or second > 12 else set()
            self.formats -= {"%m/%d/%Y"} if first > 12 or second > 31 else set()

    def _read(self, value: object, type_name: str) -> None:
        if type_name == "number":
            self.numbers.append(number(value))
        elif type_name == "bool":
            if not isinstance(value, bool | str) or str(value).strip() in {"0", "1"}:
                raise ValueError("0 and 1 are numbers")
            boolean(value)
        else:
            if not isinstance(value, str) or len(value.strip()) < len("2024-05"):
                raise ValueError("a number is not a date")
            date(value)

    def names_records(self, count: int) -> bool:
        """Return whether all of `count` values are strings or whole numbers, as ids are."""
        named = self.kinds["text"] + self.kinds["integer"]
        return self.missing == 0 and self.count == named == count

    def type(self, name: str) -> str:
        """Return the field type that holds all values; "" if there is none."""
        kinds = set(self.kinds)
        if not self.count or "other" in kinds or ("geo" in kinds and kinds != {"geo"}):
            return ""
        if kinds == {"geo"}:
            return "geo"
        if "list" in kinds:
            return "list"
        for type_name in ("bool", "number", "date"):
            if type_name in self.fits and not (type_name == "number" and self._is_code(name)):
                return type_name
        if self.formats and len(self.formats) == 1 and kinds == {"text"}:
            return "date"
        return "text" if self._is_text(name) else "keyword"

    def _is_code(self, name: str) -> bool:
        return self.coded or is_identifier(name) or len(self.units) > 1

    def _is_text(self, name: str) -> bool:
        if self.urls:
            return False
        if name.lower() in TITLES or self.markup or self.words / self.count > _KEYWORD_WORDS:
            return True
        distinct = len(self.values) / self.count
        return distinct > _KEYWORD_DISTINCT and self.count > _FEW and self.words > 1.5 * self.count

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
        """Return the format of dates that `clew.indexer.values.date` needs one for; "" if it needs none."""
        return next(iter(self.formats)) if "date" not in self.fits and len(self.formats) == 1 else ""


def kind_of(value: object) -> str:
    """Return what a value is in the source: text, integer, number, bool, list (of scalars), geo or other."""
    if isinstance(value, int) and not isinstance(value, bool):
        return "integer" if abs(value) <= sys.float_info.max else "other"
    if isinstance(value, list | tuple):
        return "list" if all(isinstance(part, str | int | float) for part in value) else "other"
    if isinstance(value, Mapping):
        return "geo" if any(names <= set(value) for names in _PLACES) else "other"
    return {bool: "bool", float: "number", str: "text"}.get(type(value), "other")
