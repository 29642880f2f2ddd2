"""Numbers in Chinese numerals have their value, and other words of numerals have none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clew.core.han_numerals import NUMERALS, number_of, year_of

DIGITS = "零一二三四五六七八九"


def written(value: int) -> str:
    """Write a number below 10,000 in full, with 零 for a gap: 1005 is 一千零五."""
    if value < 10:
        return DIGITS[value]
    found, gap = "", False
    for place, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit = value // place % 10
        if digit:
            found += ("零" if gap and found else "") + DIGITS[digit] + name
        gap = not digit
    return found


@given(st.integers(1, 9999), st.integers(0, 9999))
def test_numbers_written_in_full_have_their_value(low: int, high: int) -> None:
    assert number_of(written(low)) == low
    if high:
        assert number_of(f"{written(high)}万零{written(low)}") == high * 10_000 + low


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("十", 10), ("十五", 15), ("二十", 20), ("两百", 200), ("一百五", 150), ("一百零五", 105), ("一百一十", 110),
        ("三千五", 3500), ("两千零五", 2005), ("一万二", 12_000), ("十万", 100_000), ("一百二十五万三", 1_253_000),
        ("一亿二", 120_000_000), ("三点五", 3.5), ("零点二五", 0.25), ("半", 0.5), ("2万", 20_000), ("1.5万", 15_000),
        ("1,000", 1000), ("2,5", 2.5), (".5", 0.5),
    ],
)  # fmt: skip
def test_numbers_as_people_write_them(text: str, value: float) -> None:
    assert number_of(text) == value


@pytest.mark.parametrize(
    "text",
    ["百", "千", "万", "百万", "三四百", "七八十", "一二三", "零", "零零七", "一百零", "百五十", "十百",
     "一千千", "一十百", "一百十", "3.11.2", "三点"],
)  # fmt: skip
def test_what_is_no_number_has_no_value(text: str) -> None:
    assert number_of(text) is None


@given(st.text(alphabet=NUMERALS + "点", min_size=1, max_size=12))
def test_any_numerals_have_a_value_or_none(text: str) -> None:
    value = number_of(text)
    assert value is None or value > 0 or text.startswith("零")


def test_a_year_is_read_digit_by_digit() -> None:
    assert year_of("二〇二四") == year_of("二零二四") == "2024"
