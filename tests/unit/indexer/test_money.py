"""Amounts of money in objects."""

import pytest

from clew.indexer.money import amount_of, currency, is_money
from clew.indexer.values import number


@pytest.mark.parametrize(
    ("value", "amount", "code"),
    [
        ({"type": "centPrecision", "currencyCode": "EUR", "centAmount": 8905, "fractionDigits": 2}, 89.05, "EUR"),
        ({"currencyCode": "JPY", "centAmount": 8900, "fractionDigits": 0}, 8900.0, "JPY"),
        ({"currencyCode": "KWD", "centAmount": 8900, "fractionDigits": 3}, 8.9, "KWD"),
        ({"amount": "12.50", "currency_code": "USD"}, 12.5, "USD"),
        ({"value": 7, "currency": "CHF"}, 7.0, "CHF"),
        ({"@type": "Offer", "price": "1.029,00", "priceCurrency": "EUR"}, 1029.0, "EUR"),
    ],
)
def test_an_object_of_an_amount_and_a_currency_is_a_price(value, amount, code):
    assert is_money(value)
    assert number(value) == pytest.approx(amount)
    assert currency(value) == currency([value, {"amount": 1, "currency": "XXX"}]) == code


@pytest.mark.parametrize(
    "value", [{"amount": 3}, {"currency": "EUR"}, {"amount": [1], "currency": "EUR"}, "3 EUR", None]
)
def test_other_objects_are_none(value):
    assert not is_money(value)


@pytest.mark.parametrize("digits", [-1, 10**9, "2", None])
def test_fraction_digits_out_of_range_are_a_bad_value(digits):
    with pytest.raises((ValueError, TypeError)):
        number({"currencyCode": "EUR", "centAmount": 5, "fractionDigits": digits})


@pytest.mark.parametrize("cents", ["10,99", "", True, [1], "NaN"])
def test_cents_that_are_no_number_are_a_bad_value(cents):
    with pytest.raises(ValueError, match="centAmount, a number"):
        amount_of({"centAmount": cents, "currencyCode": "EUR"})
