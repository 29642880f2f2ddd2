"""Values of numbers in Chinese numerals, as people write them: 三千五百 is 3500, 一百五 150, 2万 20000."""

from __future__ import annotations

from clew.core.quantities import decimal

DIGITS = "〇零一二两三四五六七八九"
PLACES = "十百千万亿"
NUMERALS = DIGITS + PLACES

_DIGITS = {character: value for value, character in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_PLACES = {"十": 10, "百": 100, "千": 1000, "万": 10**4, "亿": 10**8}
_MYRIAD = 10**4
_LONGEST_NUMBER = 15


def number_of(text: str) -> float | None:
    """Return the value of a simplified text that is a number; None if it is none.

    半 is 0.5, 三点五 3.5, 1.5万 15000. No numbers are 百 (a hundred of them), 三四百 (three or four hundred), 一二三.
    """
    if text == "半":
        return 0.5
    if text[:1].isdecimal() or text[:1] == ".":
        written, place = (text[:-1], _PLACES[text[-1]]) if text[-1] in _PLACES else (text, 1)
        shown = decimal(written)
        return float(shown) * place if shown.count(".") <= 1 and len(shown) <= _LONGEST_NUMBER else None
    whole, point, behind = text.partition("点")
    if not point:
        return None if whole == "零" else _whole(whole)
    value = 0 if whole == "零" else _whole(whole)
    digits = [str(_DIGITS[character]) for character in behind if character in _DIGITS]
    return float(f"{value}.{''.join(digits)}") if value is not None and 0 < len(digits) == len(behind) else None


def year_of(text: str) -> str:
    """Return the digits of numerals that are read one by one: 二零二四 is 2024."""
    return "".join(str(_DIGITS[character]) for character in text)


def _whole(text: str) -> int | None:
    """Return the value of a whole number in numerals; None if it is none."""
    total = section = 0
    digit, last, zero = 0, 10, False
    for character in text:
        place = _PLACES.get(character)
        if place is None:
            if digit or ((value := _DIGITS[character]) == 0 and (zero or not total + section)):
                return None
            digit, zero = value, zero or value == 0
            continue
        if place < _MYRIAD:
            # 十 alone is ten (十五), but not after a hundred, where people say 一百一十.
            if section % (place * 10) or not (digit or (place == 10 and (zero or not section))):
                return None
            section += (digit or 1) * place
        else:
            section += digit
            if not section or total % (place * _MYRIAD):
                return None
            total, section = total + section * place, 0
        digit, last, zero = 0, place, False
    if (zero and not digit) or not total + section + digit:
        return None
    # Without 零, what follows a place is in the next lower one: 一百五 is 150.
    return total + section + (digit if zero else digit * last // 10)
