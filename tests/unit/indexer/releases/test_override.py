"""How long an override holds, what is recorded of it, and what it says once it has ended."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clew.core.errors import CorruptError, QualityError, UsageError
from clew.indexer.releases.override import MOST_DAYS, GateFailure, Override, check_not_ended
from clew.search.versions import Release

DAY = date(2030, 1, 31)
FASTER = Override("faster", DAY)


def release(override: Override | None = None) -> Release:
    return Release("r4", "shop", "4-ab", "", "", override=override.as_table() if override else {})


@pytest.mark.parametrize(
    ("reason", "until", "says"),
    [
        ("faster", None, "--override is given without --until"),
        (None, "2030-02-01", "--until is given without --override"),
        ("", "2030-02-01", "--override is empty"),
        (" \n ", "2030-02-01", "--override is empty"),
        ("faster", "", "--until is '', which is not a date"),
        ("faster", "tomorrow", "--until is 'tomorrow', which is not a date"),
        ("faster", "20300201", "--until is '20300201', which is not a date"),
        ("faster", "2030-W06-1", "--until is '2030-W06-1', which is not a date"),
        ("faster", "2030-02-30", "--until is '2030-02-30', which is not a date"),
        ("faster", "2030-01-30", "--until is 2030-01-30, which is in the past"),
        ("faster", "2031-02-02", "--until is 2031-02-02, more than 366 days ahead"),
    ],
)
def test_options_that_cannot_be_are_named(reason, until, says):
    with pytest.raises(UsageError) as caught:
        Override.of(reason, until, DAY)
    assert caught.value.message.startswith(says)
    assert caught.value.hint
    assert caught.value.exit_code == 2


def test_a_reason_and_a_day():
    assert Override.of(None, None, DAY) is None
    assert Override.of(" half\nthe time ", "2030-01-31", DAY) == Override("half the time", DAY)
    assert Override.of("x", "2031-02-01", DAY) == Override("x", DAY + timedelta(days=MOST_DAYS))


@given(st.dates(date(2029, 1, 1), date(2032, 1, 1)))
def test_it_holds_through_its_last_day(day):
    assert FASTER.has_ended(day) is (day > DAY)


def test_it_is_described_with_its_date_and_reason():
    assert FASTER.describe(DAY) == "override until 2030-01-31: faster"
    assert FASTER.describe(DAY + timedelta(days=1)) == "override ended on 2030-01-31: faster"


def test_a_release_is_refused_once_its_override_has_ended():
    check_not_ended(release())
    check_not_ended(release(Override("faster", date.max)))
    with pytest.raises(QualityError, match=r"release r4 of index 'shop' .* ended on 2020-01-31: faster"):
        check_not_ended(release(Override("faster", date(2020, 1, 31))))


def test_what_a_release_records_is_read_back():
    failure = GateFailure("non_inferior", "it is worse", figures={"before": 0.5, "after": 0.25})
    used = Override("faster", DAY, "2030-01-01T00:00:00Z", "r3", (failure,))
    assert release(used).override == {
        "reason": "faster",
        "until": "2030-01-31",
        "when": "2030-01-01T00:00:00Z",
        "against": "r3",
        "overrode": [{"rule": "non_inferior", "said": "it is worse", "before": 0.5, "after": 0.25}],
    }
    assert Override.of_release(release(used)) == used
    assert Override.of_release(release()) is None


@pytest.mark.parametrize("table", [{"until": "2030-01-31"}, {"reason": "x"}, {"reason": "x", "until": "soon"}])
def test_a_record_that_cannot_be_read_names_the_release(table):
    with pytest.raises(CorruptError, match="release r4 of index 'shop'"):
        Override.of_release(Release("r4", "shop", "4-ab", "", "", override=table))
