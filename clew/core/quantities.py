"""Numbers with units, fractions and dimensions in folded texts, with one term for every way to write each of them.

10ft, 10 ft, 10-foot → 3048mm     2,5kg, 2.5 kg, 2500 g → 2500g     1 TB, 1000GB → 1000gb     1/2 → 0.5
60x90, 60 x 90 → 60x90            60 × 90 cm, 60cm x 90cm, 600x900mm → 600x900mm (and the numbers as written)
"""

from __future__ import annotations

import re
from typing import NamedTuple

# Base unit → unit → how many base units it is. Only units that mean one thing in most texts.
_UNITS: dict[str, dict[str, float]] = {
    "mm": {
        "mm": 1, "millimeter": 1, "millimeters": 1, "millimetre": 1, "millimetres": 1,
        "cm": 10, "centimeter": 10, "centimeters": 10, "centimetre": 10, "centimetres": 10,
        "m": 1000, "meter": 1000, "meters": 1000, "metre": 1000, "metres": 1000,
        "km": 1e6, "kilometer": 1e6, "kilometers": 1e6, "kilometre": 1e6, "kilometres": 1e6,
        "in": 25.4, "inch": 25.4, "inches": 25.4, "zoll": 25.4, '"': 25.4,
        "ft": 304.8, "foot": 304.8, "feet": 304.8, "yd": 914.4, "yard": 914.4, "yards": 914.4,
    },
    "g": {
        "mg": 0.001, "milligram": 0.001, "milligrams": 0.001, "g": 1, "gram": 1, "grams": 1, "gramm": 1,
        "kg": 1000, "kilogram": 1000, "kilograms": 1000, "kilogramm": 1000,
        "lb": 453.59237, "lbs": 453.59237, "pound": 453.59237, "pounds": 453.59237,
        "oz": 28.349523125, "ounce": 28.349523125, "ounces": 28.349523125,
    },
    "ml": {
        "ml": 1, "milliliter": 1, "milliliters": 1, "millilitre": 1, "millilitres": 1, "cl": 10, "dl": 100,
        "l": 1000, "ltr": 1000, "liter": 1000, "liters": 1000, "litre": 1000, "litres": 1000,
        "fl oz": 29.5735295625, "gal": 3785.411784, "gallon": 3785.411784, "gallons": 3785.411784,
    },
    "gb": {"kb": 1e-6, "mb": 0.001, "gb": 1, "tb": 1000},
    "w": {"w": 1, "watt": 1, "watts": 1, "kw": 1000, "kilowatt": 1000, "kilowatts": 1000},
    "wh": {"wh": 1, "kwh": 1000},
    "v": {"v": 1, "volt": 1, "volts": 1},
    "mah": {"mah": 1, "ah": 1000},
    "a": {"amp": 1, "amps": 1, "ampere": 1, "amperes": 1},
    "hz": {"hz": 1, "khz": 1000},
    "mhz": {"mhz": 1, "ghz": 1000},
    "元": {"yuan": 1, "rmb": 1, "cny": 1},
}  # fmt: skip
_BASE = {unit: (base, factor) for base, units in _UNITS.items() for unit, factor in units.items()}
LENGTH = "mm"

NUMBER = r"(?:\d+(?:[.,]\d+)*|(?<![\w.,])\.\d+)"
_FRACTION = (
    r"(?:\d{1,4}[ -])?(?<![\d/.,])(?:1/2|[12]/3|[13]/4|[1-4]/5|[15]/6|[1357]/8|(?:[13579]|1[135])/16|\d{1,2}/(?:32|64))"
    r"(?![\d/]|[.,]\d)"
)
_AMOUNT = f"(?:{_FRACTION}|{NUMBER})"
# "5 in 1" is no length, so this unit follows without a space or is the last word; the sign of an inch has no space.
_NAMES = "|".join(sorted((u for u in _BASE if u not in {"in", '"', "fl oz"}), key=len, reverse=True))
_UNIT = rf'(?:[ -]?(?:{_NAMES}|fl\.? ?oz)|-?in| in(?=[.,;:)]|$)|")'
_END = r"(?![\w'])(?!-\w)"
SIGN = r" ?[x\u00d7*] ?"
# Alternatives of a pattern: dimensions, an amount with a unit, a fraction.
QUANTITY = rf"(?:{_AMOUNT}{_UNIT}?(?:{SIGN}{_AMOUNT}{_UNIT}?){{1,3}}{_END}|{_AMOUNT}{_UNIT}{_END}|{_FRACTION}{_END})"
_WHOLE = re.compile(QUANTITY)
_PART = re.compile(rf"(?P<amount>{_AMOUNT})(?P<unit>{_UNIT}(?![^\W\d_]))?")
_LETTERS = re.compile(r"[^\W\d_]+")
_THOUSANDS = re.compile(r"(?!0,)\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_POINTS = re.compile(r"\d{1,3}(?:\.\d{3})+,\d+")
_LONGEST_NUMBER = 15


class Amount(NamedTuple):
    """A number of a quantity, with its unit.

    text: the number as a term. value: None if it is no decimal number, such as 3.11.2. unit: as written, without signs;
    "" if there is none. Positions are in the quantity: of the number from start to end, of the unit from end to last.
    """

    text: str
    value: float | None
    unit: str
    start: int
    end: int
    last: int


def amounts(chunk: str) -> list[Amount]:
    """Return the numbers of a folded text that is a quantity as a whole, in order; none if it is not."""
    # Most texts that are asked about begin with a letter, or are a number only.
    if not (chunk[0].isdigit() or chunk[0] == ".") or chunk.isdecimal() or not _WHOLE.fullmatch(chunk):
        return []
    found = []
    for match in _PART.finditer(chunk):
        text = decimal(match["amount"])
        unit = " ".join(_LETTERS.findall(match["unit"] or "")) or ('"' if match["unit"] else "")
        found.append(Amount(text, _value(text), unit, match.start(), match.end("amount"), match.end()))
    return found


def measure(amount: Amount, unit: str = "") -> str:
    """Return the term of an amount in the base unit of its unit (if it has none: of `unit`); "" if there is no unit."""
    base, factor = _BASE.get(amount.unit or unit, ("", 1.0))
    return f"{shown(amount.value * factor)}{base}" if base and amount.value is not None else ""


def dimensions(found: list[Amount]) -> list[str]:
    """Return the terms of several amounts joined by x: of the numbers as written, and in mm if they are lengths.

    An amount without a unit has that of the next one with a unit.
    """
    values = [amount.value for amount in found]
    if None in values:
        return []
    terms = ["x".join(shown(value) for value in values if value is not None)]
    unit, lengths = "", []
    for amount in reversed(found):
        unit = amount.unit or unit
        base, factor = _BASE.get(unit, ("", 1.0))
        if base == LENGTH and amount.value is not None:
            lengths.append(shown(amount.value * factor))
    if len(lengths) == len(found):
        terms.append("x".join(reversed(lengths)) + LENGTH)
    return terms


def decimal(number: str) -> str:
    """Return a number as a term: 1,000 is 1000, 2,5 is 2.5, 1.000,50 is 1000.50, 1 1/2 is 1.5."""
    if "/" in number:
        whole, _, fraction = number.replace("-", " ").rpartition(" ")
        above, _, below = fraction.partition("/")
        return shown(int(whole or 0) + float(f"{int(above) / int(below):.4g}"))
    if _THOUSANDS.fullmatch(number):
        return number.replace(",", "")
    if _POINTS.fullmatch(number):
        return number.replace(".", "").replace(",", ".")
    return f"0{number}" if number.startswith(".") else number.replace(",", ".")


def _value(text: str) -> float | None:
    return float(text) if text.count(".") <= 1 and len(text) <= _LONGEST_NUMBER else None


def shown(value: float) -> str:
    """Return a number as a term."""
    return f"{value:.8g}"
