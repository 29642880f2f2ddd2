"""One rule for what counts as a number, a date, a truth value or a keyword, whatever type the file gives it."""

import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clew.indexer.money import currency
from clew.indexer.values import boolean, date, keyword, number, path, text


@pytest.mark.parametrize(
    ("value", "expected", "money"),
    [
        ("$1,029.00", 1029.0, "$"), ("1.029,00 €", 1029.0, "€"), ("469元", 469.0, "元"), ("¥1,200", 1200.0, "¥"),
        ("12.50 - 18.00", 12.5, ""), ("from $10", 10.0, "$"), ("-$5", -5.0, "$"), ("−5", -5.0, ""),
        ("1 299,90 zł", 1299.9, "zł"), ("1'299.00 CHF", 1299.0, "CHF"), ("1.234.567,89", 1234567.89, ""),
        ("2,5kg", 2.5, ""), ("10 - 20 kg", 10.0, ""), ('24"', 24.0, ""), ("5 Stars", 5.0, ""), ("5%", 5.0, ""),
        ("1½", 1.5, ""), ("½", 0.5, ""), ("1 1/2 in", 1.5, ""), ("３５０円", 350.0, "円"), ("1e5", 100_000.0, ""),
        ("1", 1.0, ""), ("1.0", 1.0, ""), ("1.234", 1.234, ""), ("1,234", 1234.0, ""), ("5 000", 5000.0, ""),
    ],
)  # fmt: skip
def test_prices_and_quantities_are_numbers(value, expected, money):
    assert number(value) == pytest.approx(expected)
    assert currency(value) == money


@pytest.mark.parametrize(
    "value",
    [
        "free", "4 + 2", "3.2 Gen 1", "12 x 5", "2024-05-01", "XM5", "M-12", "1,2,3", "1.2.3", "4 4 4", "1/0", "",
        True, None, [1, 2], "inf", "1e999", 10**400,
    ],
)  # fmt: skip
def test_other_texts_are_no_numbers(value):
    with pytest.raises((ValueError, TypeError, OverflowError, ZeroDivisionError)):
        number(value)


def test_a_given_decimal_separator_decides():
    assert (number("1.029", ","), number("1,5", ","), number("1,234", "."), number("1.029,5", ",")) == (
        1029.0,
        1.5,
        1234.0,
        1029.5,
    )


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**15), 10**15))
def test_a_number_reads_the_same_as_a_number_and_as_its_text(value):
    assert number(str(value)) == number(value) == float(value)


@given(st.text(max_size=40))
def test_any_text_is_a_finite_number_or_a_value_error(value):
    with contextlib.suppress(ValueError, ZeroDivisionError, OverflowError):
        assert math.isfinite(number(value))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2024-05-01", "2024-05-01"), ("2024/5/1", "2024-05-01"), ("2024年5月1日", "2024-05-01"),
        ("20240501", "2024-05-01"), (20240501, "2024-05-01"), ("01.05.2024", "2024-05-01"),
        ("1 May 2024", "2024-05-01"), ("May 1, 2024", "2024-05-01"), ("2024", "2024"), (2024, "2024"),
        ("Wed, 01 May 2024 10:00:00 +0200", "2024-05-01T10:00:00+02:00"),
        (1714557600, "2024-05-01T10:00:00+00:00"), (1714557600000, "2024-05-01T10:00:00+00:00"),
    ],
)  # fmt: skip
def test_dates_that_can_be_read_in_one_way_only(value, expected):
    assert date(value) == expected


def test_a_format_reads_ambiguous_dates():
    assert date("01/05/2024", "%d/%m/%Y") == "2024-05-01"
    assert date("01/05/2024 13:30", "%m/%d/%Y %H:%M") == "2024-01-05T13:30:00"
    with pytest.raises(ValueError, match="does not match"):
        date("2024-05-01", "%d/%m/%Y")


def test_truth_values():
    assert [boolean(value) for value in (True, "Yes", 1, 1.0, "1", "on", "是")] == [True] * 7
    assert [boolean(value) for value in (False, "NO", 0, "0.0", "off")] == [False] * 5


def test_equal_values_of_different_types_are_one_keyword():
    assert {keyword(value) for value in ("1", 1, 1.0, " 1 ")} == {"1"}
    assert (keyword("04433"), keyword(True), keyword(42.5)) == ("04433", "true", "42.5")
    assert text(["a", None, 2, ["b"]]) == "a\n2\nb"


@pytest.mark.parametrize(
    ("value", "separator", "expected"),
    [
        ("Home>Kitchen", "", "Home>Kitchen"), ("Root/Gear/ Bags", "/", "Root > Gear > Bags"),
        (["Best Buy", "Audio", None, " TV "], "", "Best Buy > Audio > TV"), ("/Gear//Bags/", "/", "Gear > Bags"),
    ],
)  # fmt: skip
def test_paths_have_one_form(value, separator, expected):
    assert path(value, separator) == expected
