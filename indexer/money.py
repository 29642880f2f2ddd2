"""Amounts of money as exports write them: in a text with its currency, or as an object of an amount and a currency."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

# In whole units of the currency, and in the smallest ones (commercetools).
_AMOUNTS = ("amount", "value", "price")
_CENTS = "centAmount"
_DIGITS = "fractionDigits"
_CURRENCIES = ("currencyCode", "currency_code", "currency", "priceCurrency", "price_currency")


def is_money(value: object) -> bool:
    """Return whether a value is an object of an amount and a currency: {"amount": "12.50", "currency": "EUR"}."""
    return (
        isinstance(value, Mapping)
        and any(isinstance(value.get(key), str) for key in _CURRENCIES)
        and any(isinstance(value.get(key), str | int | float) for key in (_CENTS, *_AMOUNTS))
    )


def first_money(value: Any) -> Any:
    """Return the first of a list of amounts of money; any other value unchanged."""
    if isinstance(value, list | tuple) and value and all(map(is_money, value)):
        return value[0]
    return value


def amount_of(money: Mapping[str, Any]) -> Any:
    """Return the amount of an object for which `is_money` is true, in whole units of its currency.

    A centAmount is divided by 10 to the power of fractionDigits, 2 by default. Raises ValueError if that is no number
    from 0 to 20.
    """
    if (cents := money.get(_CENTS)) is not None:
        digits = money.get(_DIGITS, 2)
        if not isinstance(digits, int) or not 0 <= digits <= 20:
            raise ValueError("fractionDigits of 0 to 20")
        try:
            amount = Decimal(str(cents))
        except InvalidOperation:
            amount = Decimal("NaN")
        if isinstance(cents, bool) or not amount.is_finite():
            raise ValueError("centAmount, a number")
        return amount.scaleb(-digits)
    return next(money[key] for key in _AMOUNTS if isinstance(money.get(key), str | int | float))


def currency(value: Any) -> str:
    """Return the currency that a price is written with, such as "$" or "EUR"; "" if there is none."""
    value = first_money(value)
    if is_money(value):
        return str(next(value[key] for key in _CURRENCIES if isinstance(value.get(key), str)))
    if not isinstance(value, str):
        return ""
    from price_parser import Price

    return Price.fromstring(value).currency or next((sign for sign in ("元", "人民币") if sign in value), "")
