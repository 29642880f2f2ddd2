"""What may override the gate, for how long, and what it says once it is over."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clew.core.errors import QualityError, UsageError
from clew.indexer.live import Live
from clew.indexer.override import MOST_DAYS, Override, check_not_ended, described, has_ended, settled
from clew.indexer.quality import Objection, Verdict
from clew.search.versions import IndexVersion, Release

DAY = date(2030, 1, 31)
MODELS = ("e onnxruntime-fp32", "")


def release(**override) -> Release:
    return Release("r4", "shop", "4-ab", "", "2030-01-01T00:00:00Z", override=override)


def live(**override) -> Live:
    encoder = {"fingerprint": "e", "runtime": "onnxruntime-fp32"}
    version = IndexVersion("4-ab", "shop", "", "", (), {}, {}, encoder, "", 1, 1)
    return Live(release(**override), version)


def verdict(*rules, models=MODELS) -> Verdict:
    said = tuple(Objection(rule, f"{rule} is missed", "find out why", {"after": 0.5}) for rule in rules)
    return Verdict({"nDCG@10": 0.5}, models, {}, said, "r3" if "non_inferior" in rules else "")


@pytest.mark.parametrize(
    ("reason", "until", "says"),
    [
        ("faster", None, "--override is given without --until"),
        (None, "2030-02-01", "--until is given without --override"),
        ("", "2030-02-01", "--override is empty"),
        (" \n ", "2030-02-01", "--override is empty"),
        ("faster", "", "--until is '', expected a date"),
        ("faster", "tomorrow", "--until is 'tomorrow', expected a date"),
        ("faster", "20300201", "--until is '20300201', expected a date"),
        ("faster", "2030-W06-1", "--until is '2030-W06-1', expected a date"),
        ("faster", "2030-02-30", "--until is '2030-02-30', expected a date"),
        ("faster", "2030-01-30", "--until is 2030-01-30, which is past"),
        ("faster", "2031-02-02", "--until is 2031-02-02, more than 366 days off"),
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
    assert has_ended(release(until=DAY.isoformat(), reason="x"), day) is (day > DAY)
    assert not has_ended(release(), day)


def test_what_is_said_of_it():
    assert described(release()) == ""
    assert described(release(until="2020-01-31", reason="faster")) == "override ended on 2020-01-31: faster"
    assert described(release(until="9999-12-31", reason="faster")) == "override until 9999-12-31: faster"
    check_not_ended(release())
    check_not_ended(release(until="9999-12-31", reason="faster"))
    with pytest.raises(QualityError, match=r"release r4 of index 'shop' .* ended on 2020-01-31: faster"):
        check_not_ended(release(until="2020-01-31", reason="faster"))


# ---------------------------------------------------------------- what a build does with it


def test_nothing_to_override():
    assert settled(verdict(), None, None) == ({}, "")
    record, said = settled(verdict(), Override("faster", DAY), live())
    assert (record, said.startswith("--override was not needed and is not recorded: nothing speaks")) == ({}, True)
    assert settled(Verdict(), Override("faster", DAY), None)[1].endswith("[quality] names no queries")


def test_every_objection_is_in_the_error_and_in_the_record():
    found = verdict("minimum", "non_inferior")
    with pytest.raises(QualityError, match="minimum is missed; non_inferior is missed") as caught:
        settled(found, None, live())
    assert 'find out why; to publish it all the same: --override "REASON" --until' in caught.value.hint
    record, said = settled(found, Override("faster", DAY), live())
    assert said == "overridden until 2030-01-31: minimum is missed; non_inferior is missed"
    assert record.pop("when").endswith("Z")
    assert record == {
        "reason": "faster",
        "until": "2030-01-31",
        "against": "r3",
        "overrode": [
            {"rule": "minimum", "said": "minimum is missed", "after": 0.5},
            {"rule": "non_inferior", "said": "non_inferior is missed", "after": 0.5},
        ],
    }


@pytest.mark.parametrize(
    ("overrode", "until", "rules", "models", "covered"),
    [
        (["non_inferior"], "9999-12-31", ["non_inferior"], MODELS, True),
        (["minimum", "non_inferior"], "9999-12-31", ["minimum"], MODELS, True),
        (["non_inferior"], "2020-01-31", ["non_inferior"], MODELS, False),
        (["non_inferior"], "9999-12-31", ["minimum"], MODELS, False),
        (["non_inferior"], "9999-12-31", ["non_inferior", "max_drop"], MODELS, False),
        (["not_compared"], "9999-12-31", ["non_inferior"], MODELS, False),
        (["not_compared"], "9999-12-31", ["not_compared"], MODELS, True),
        (["non_inferior"], "9999-12-31", ["not_compared"], MODELS, True),
        (["non_inferior"], "9999-12-31", ["non_inferior"], ("other", ""), False),
    ],
)
def test_what_the_override_of_the_live_release_covers(overrode, until, rules, models, covered):
    against = "r3" if "non_inferior" in overrode else ""
    listed = [{"rule": rule, "said": rule} for rule in overrode]
    held = {"reason": "faster", "until": until, "when": "", "against": against, "overrode": listed}
    if covered:
        record, said = settled(verdict(*rules, models=models), None, live(**held))
        assert record == {**held, "overrode": [{"rule": r, "said": f"{r} is missed", "after": 0.5} for r in rules]}
        assert said == "the override of release r4 covers this one until 9999-12-31: faster"
    else:
        with pytest.raises(QualityError):
            settled(verdict(*rules, models=models), None, live(**held))
