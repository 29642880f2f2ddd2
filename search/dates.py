"""Dates as Clew stores them: microseconds since 1970-01-01 UTC.

A date is ISO 8601: "2024", "2024-05", "2024-05-01" or "2024-05-01T12:30:00+02:00". Without an offset it is UTC. It
stands for the whole interval it names: a year, a month, a day, or one instant if it has a time.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_PARTS = re.compile(r"(\d{4})(?:-(\d\d))?(?:-(\d\d))?", re.ASCII)


def interval(text: str) -> tuple[int, int]:
    """Return the first microsecond of a date's interval and the first one after it. Raises ValueError."""
    if not isinstance(text, str):
        raise ValueError(f"{text!r} is not an ISO 8601 date")  # noqa: TRY004 - one error for every bad date
    parts = _PARTS.fullmatch(text.strip())
    if parts is None:
        start = _instant(text)
        return start, start + 1
    year, month, day = (int(part) if part else None for part in parts.groups())
    try:
        first = datetime(year or 0, month or 1, day or 1, tzinfo=UTC)
    except ValueError:
        raise ValueError(f"{text[:80]!r} does not exist in the calendar") from None
    start = (first - _EPOCH) // _MICROSECOND
    if day:
        return start, start + 86_400_000_000
    # datetime ends with the year 9999, so the last month and year end one day after its last day.
    years, months = divmod((year or 0) * 12 + (month or 1) - 1 + (1 if month else 12), 12)
    if years > 9999:
        return start, interval("9999-12-31")[1]
    return start, (datetime(years, months + 1, 1, tzinfo=UTC) - _EPOCH) // _MICROSECOND


def microseconds(text: str) -> int:
    """Return the first microsecond of a date's interval. Raises ValueError if the date is invalid."""
    return interval(text)[0]


def iso(at: int) -> str:
    """Format an instant as ISO 8601 in UTC; only the day if the time is midnight."""
    moment = _EPOCH + timedelta(microseconds=at)
    if at % 86_400_000_000 == 0:
        return moment.date().isoformat()
    return moment.replace(tzinfo=None).isoformat() + "Z"


def _instant(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text.strip())
        return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) // _MICROSECOND
    except (ValueError, OverflowError):
        raise ValueError(f"{text[:80]!r} is not an ISO 8601 date") from None
