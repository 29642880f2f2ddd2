"""The time and the day as records keep them: UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime


def now() -> str:
    """The time to the second, such as 2030-01-31T09:00:00Z."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def today() -> date:
    """The day."""
    return datetime.now(UTC).date()
