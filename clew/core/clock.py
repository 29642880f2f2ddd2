"""The time and the date in UTC, as records store them."""

from __future__ import annotations

from datetime import UTC, date, datetime


def now() -> str:
    """Return the time to the second, such as 2030-01-31T09:00:00Z."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def today() -> date:
    """Return the date."""
    return datetime.now(UTC).date()
