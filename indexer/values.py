"""Convert one value of a record to the type of its field, whatever type the file gave it.

The same rule holds for every form of source: `"1"`, `1` and `1.0` are one number and one keyword. A value that does not
fit raises ValueError, whose text says what was expected.
"""

from __future__ import annotations

import email.utils
import json
import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from clew.core.types import FieldValue
from clew.indexer.money import amount_of, first_money, is_money
from clew.search.dates import iso, microseconds
from clew.search.fields import FieldSpec

# Words by which exports mark a missing value. In a text or keyword they can be a name, so there they are values.
_MISSING = {"", "nan", "null", "none", "n/a", "#n/a", "na", "nil", "-", "–", "—"}
# Shopify's value of the option of a product without options.
NO_OPTION = "Default Title"
_TRUE = {"true", "yes", "y", "t", "on", "1", "1.0", "ja", "oui", "sí", "是"}
_FALSE = {"false", "no", "n", "f", "off", "0", "0.0", "nein", "non", "否"}

_PLAIN = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?", re.IGNORECASE | re.ASCII)
_DIGITS = r"(?:\d{1,3}(?:\s\d{3})+(?:[.,]\d+)?|\d[\d.,'’]*\d|\d|[.,]\d+)"
_FRACTION = r"\d+\s*/\s*\d+"
_AMOUNT = rf"(?:(?:{_DIGITS}\s)?{_FRACTION}(?!\d)|{_DIGITS})"
_CURRENCY = r"(?:[^\W\d_]{0,3}\s?[$¢£¤¥€₹₽₺₩₫₪฿₴₱₦₡₲₵₸₭₮৳₼₾]|[A-Z]{3}|Rs\.?|RM|kr\.?|zł|Kč|Ft|lei|лв|R|人民币|RMB)"
_LEAD = r"(?:from|ab|about|approx\.?|ca\.?|circa|from:|à partir de|dès|desde|da|od|约|≈|~)"
# A unit or a currency after the amount; it has no digit, so that "3.2 Gen 1" is no number.
_UNIT = r"(?:[^\W\d_]{1,12}[²³]?|[$¢£¤¥€₹₽₺₩₫₪฿%‰°\"'″′])\.?(?:\s?/\s?[^\W\d_]{1,12})?"
_NUMBER = re.compile(
    rf"(?:{_LEAD}\s*)?(?P<sign>[+\-−])?\s*(?:{_CURRENCY}\s*)?(?P<sign2>[+\-−])?(?P<low>{_AMOUNT})\s*(?:{_UNIT})?"
    rf"(?:\s*(?:-|–|—|~|to|bis|至|到)\s*(?:{_CURRENCY}\s*)?(?P<high>{_AMOUNT})\s*(?:{_UNIT})?)?(?:\s*\+)?",
    re.IGNORECASE,
)
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_EPOCH_SECONDS = range(100_000_000, 10_000_000_000)
_SLASHES = re.compile(r"(\d{4})[/.年](\d{1,2})[/.月](\d{1,2})日?", re.ASCII)
_COMPACT = re.compile(r"((?:19|20)\d\d)(\d\d)(\d\d)", re.ASCII)
_COMPACT_TIME = re.compile(r"((?:19|20)\d\d)(\d\d)(\d\d)([01]\d|2[0-3])([0-5]\d)([0-5]\d)", re.ASCII)
_DAY_FIRST = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})", re.ASCII)
_WRITTEN = ("%d %B %Y", "%d %b %Y", "%B %d %Y", "%b %d %Y")


def is_missing(value: object, kind: str) -> bool:
    """Return whether a value stands for no value in a field of type `kind`: None, "", [], NaN, "n/a" in a number."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return True
    if isinstance(value, list | tuple | dict):
        return not value
    if not isinstance(value, str):
        return False
    text = value.strip().lower()
    if value == NO_OPTION and kind != "text":
        return True
    return not text or (text in _MISSING and kind in {"number", "bool", "date", "geo"})


def convert(value: Any, spec: FieldSpec, separator: str) -> FieldValue:
    """Return a value that is not missing as the type of its field.

    separator: between the values of a list that is written as one string. Raises ValueError, TypeError or OverflowError
    if the value does not fit.
    """
    if isinstance(value, list | tuple) and len(value) == 1 and spec.type not in {"list", "geo"}:
        (value,) = value
    if spec.type == "number":
        return number(first_money(value), spec.decimal)
    if spec.type == "date":
        return date(value, spec.format)
    if spec.type == "list":
        found = _list(value, spec.separator or separator)
        return [path(one, spec.levels) for one in found] if spec.levels else found
    if spec.facet == "hierarchy":
        return path(value, spec.levels)
    return _TYPES[spec.type](value)


def text(value: Any) -> str:
    """Return a value as text: a list of values becomes one line each. Raises TypeError for an object."""
    if isinstance(value, list | tuple):
        return "\n".join(filter(None, (text(part) for part in value if not is_missing(part, "text"))))
    return _writable(value) if isinstance(value, str) else _scalar(value)


def keyword(value: Any) -> str:
    """Return a value as a keyword: `1`, `1.0` and `"1"` are "1", True is "true". Raises TypeError for an object."""
    return _writable(value).strip() if isinstance(value, str) else _scalar(value)


def path(value: Any, separator: str = "") -> str:
    """Return a path of levels such as "Home > Kitchen" as a keyword.

    value: a list of the levels, from the top, or a string. separator: between the levels of a string, if it is not ">".
    """
    if isinstance(value, list | tuple):
        levels = [keyword(level) for level in value if not is_missing(level, "keyword")]
    else:
        levels = keyword(value).split(separator) if separator else [keyword(value)]
    return " > ".join(filter(None, map(str.strip, levels)))


def number(value: Any, decimal: str = "") -> float:
    """Return a value as a finite number.

    A string may be a price or a quantity with its unit: "$1,029.00", "1.029,00 €", "469元", "2,5 kg", "1½"; of a range
    ("12.50 - 18.00") the lower end counts. An object of an amount and a currency is the amount. decimal: the decimal
    separator ("." or ","; "": told from the value; a single separator before exactly three digits then separates
    thousands, except in a plain number such as "1.234").
    Raises ValueError or TypeError.
    """
    if is_money(value):
        value = amount_of(value)
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise TypeError("a number")
    found = _parsed(value, decimal) if isinstance(value, str) else float(value)
    if not math.isfinite(found):
        raise ValueError("a finite number")
    return found


@lru_cache(maxsize=65_536)
def _parsed(value: str, decimal: str) -> float:
    plain = value.strip()
    if decimal != "," and _PLAIN.fullmatch(plain):
        return float(plain)
    # Fractions are written out before NFKC, which would join the whole number and the numerator ("1½" → "11/2").
    spelled = "".join(f" {unicodedata.normalize('NFKC', c)}" if _is_fraction(c) else c for c in plain)
    spelled = " ".join(unicodedata.normalize("NFKC", spelled).replace("⁄", "/").split())
    match = _NUMBER.fullmatch(spelled)
    if match is None:
        raise ValueError("a number")
    amount = _amount(match["low"], decimal)
    return -amount if "-" in (sign := (match["sign"] or match["sign2"] or "")) or "−" in sign else amount


def _is_fraction(character: str) -> bool:
    return not character.isascii() and "⁄" in unicodedata.normalize("NFKC", character)


def _amount(digits: str, decimal: str) -> float:
    from price_parser.parser import parse_number

    whole, slash, below = digits.partition("/")
    if slash:
        *before, above = whole.split()
        return (_amount(" ".join(before), decimal) if before else 0.0) + int(above) / int(below)
    digits = digits.replace("'", "").replace("’", "")
    if len(re.findall(r"[.,]", digits)) > 1 and not re.fullmatch(
        r"\d{1,3}(?:([.,\s])\d{2,3})(?:\1\d{2,3})*(?:[.,]\d+)?", digits
    ):
        raise ValueError("a number")
    found = parse_number(digits, decimal_separator=decimal or None)
    if found is None:
        raise ValueError("a number")
    return float(found)


def boolean(value: Any) -> bool:
    """Return a value as true or false: true, "yes", 1 and "1" are true. Raises ValueError."""
    word = value.strip().lower() if isinstance(value, str) else str(value).lower()
    if word not in _TRUE | _FALSE:
        raise ValueError("true or false")
    return word in _TRUE


def date(value: Any, form: str = "") -> str:
    """Return a value as an ISO 8601 date.

    Reads ISO 8601, "2024/05/01", "2024年5月1日", "20240501", "20240501120000", "01.05.2024", "1 May 2024",
    "May 1, 2024", the dates of e-mail, and seconds or milliseconds since 1970 as integers. form: the format of the
    dates for `datetime.strptime`,
    for those that can be read in two ways ("01/05/2024": "%d/%m/%Y" or "%m/%d/%Y"). Raises ValueError.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise TypeError("a date")
    written = value.strip() if isinstance(value, str) else _scalar(value)
    if form:
        written = _formatted(written, form)
    elif parts := _COMPACT_TIME.fullmatch(written):
        written = "{}-{}-{}T{}:{}:{}".format(*parts.groups())
    elif written.isdigit() and int(written[:13]) >= _EPOCH_SECONDS.start and not _COMPACT.fullmatch(written):
        seconds = int(written) if int(written) in _EPOCH_SECONDS else int(written) / 1000
        written = datetime.fromtimestamp(seconds, UTC).isoformat()
    else:
        written = _spelled(written)
    # Also checks the UTC time: an offset may move it out of the years 1 to 9999, so that it could not be shown.
    iso(microseconds(written))
    return written


def _formatted(written: str, form: str) -> str:
    moment = datetime.strptime(written, form)
    return moment.isoformat() if moment.time() != datetime.min.time() or moment.tzinfo else moment.date().isoformat()


def _spelled(written: str) -> str:
    """Return a date in one of the other known forms as ISO 8601; any other text unchanged."""
    if parts := _SLASHES.fullmatch(written) or _COMPACT.fullmatch(written):
        return "-".join(part.zfill(2) for part in parts.groups())
    if parts := _DAY_FIRST.fullmatch(written):
        return "-".join(part.zfill(2) for part in reversed(parts.groups()))
    if written[:1].isalpha() or " " in written:
        for form in _WRITTEN:
            try:
                return datetime.strptime(written.replace(",", "").replace(".", ""), form).date().isoformat()
            except ValueError:
                continue
        try:
            return email.utils.parsedate_to_datetime(written).isoformat()
        except ValueError:
            pass
    return written


def _list(value: Any, separator: str) -> list[str]:
    if isinstance(value, str):
        value = _json_list(value) or _parts(value, separator)
    elif not isinstance(value, list | tuple):
        value = [value]
    # A value that occurs twice is one value.
    return list(dict.fromkeys(word for word in map(keyword, value) if word))


def _parts(value: str, separator: str) -> list[str]:
    """Cut a string at a separator, but not where a backslash precedes it, as WooCommerce writes commas in names."""
    bare = separator.strip() or separator
    if f"\\{bare}" not in value:
        return value.split(separator)
    parts = re.split(rf"(?<!\\){re.escape(separator)}", value)
    return [part.replace(f"\\{bare}", bare) for part in parts]


def _json_list(value: str) -> list[Any] | None:
    """Return the list that a string such as '["red", "blue"]' holds, or None."""
    if not value.lstrip().startswith("["):
        return None
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return None
    scalars = isinstance(found, list) and all(isinstance(one, str | int | float | None) for one in found)
    return found if scalars else None


def _geo(value: Any) -> tuple[float, float]:
    if isinstance(value, str):
        value = value.split(",")
    if isinstance(value, Mapping):
        value = [
            next((value[name] for name in names if name in value), None)
            for names in (("lat", "latitude"), ("lon", "lng", "longitude"))
        ]
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise TypeError("geo")
    latitude, longitude = (number(part, ".") for part in value)
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise ValueError("geo")
    return latitude, longitude


def _writable(value: str) -> str:
    """Return a text. Raises ValueError if it has an unpaired surrogate, which is no character and cannot be stored."""
    if not value.isascii() and _SURROGATE.search(value):
        raise ValueError("text without unpaired surrogates")
    return value


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError("a finite number")
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, int | Decimal):
        return str(value)
    raise TypeError("text")


_TYPES: Mapping[str, Callable[[Any], FieldValue]] = {
    "text": text,
    "keyword": keyword,
    "bool": boolean,
    "geo": _geo,
}
EXPECTED: Mapping[str, str] = {
    "text": "text (a string)",
    "keyword": "keyword (a string, a number or a boolean)",
    "number": 'number (such as 12.5, "$1,029.00" or "2,5 kg")',
    "bool": "bool (true or false)",
    "date": 'date (such as "2024-05-01"; for other forms set format)',
    "list": "list (of strings or numbers)",
    "geo": "geo ([latitude, longitude] in degrees)",
}
