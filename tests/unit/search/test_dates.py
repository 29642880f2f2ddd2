import pytest
from hypothesis import given
from hypothesis import strategies as st

from clew.search.dates import interval, iso, microseconds


def test_a_date_stands_for_the_stretch_it_names():
    day = 86_400_000_000
    assert interval("1970-01-02") == (day, 2 * day)
    assert interval("2024-02") == (microseconds("2024-02-01"), microseconds("2024-03-01"))
    assert interval("2024") == (microseconds("2024-01-01"), microseconds("2025-01-01"))
    assert interval("9999") == (microseconds("9999-01-01"), microseconds("9999-12-31") + day)
    assert interval("2024-05-01T14:00:00+02:00") == (
        microseconds("2024-05-01T12:00:00Z"),
        microseconds("2024-05-01T12:00:00") + 1,
    )
    assert iso(microseconds("1969-07-20T20:17:40.5Z")) == "1969-07-20T20:17:40.500000Z"
    for bad in ("", "2024-13", "0000", "24", "yesterday", "2024-05-01T25:00"):
        with pytest.raises(ValueError, match=r"not (an ISO 8601 date|exist in the calendar)"):
            interval(bad)


def test_a_long_text_that_is_no_date_is_not_sent_back():
    with pytest.raises(ValueError, match="not an ISO 8601 date") as error:
        interval("x" * 100_000)
    assert len(str(error.value)) < 200


@given(st.integers(microseconds("0001-01-01"), microseconds("9999-12-31")))
def test_a_moment_comes_back_from_its_iso_form(at):
    assert microseconds(iso(at)) == at
