"""Lists of names in a request: a list, or one string with commas between the names."""

from __future__ import annotations

from collections.abc import Sequence


def listed(given: str | Sequence[str]) -> tuple[str, ...]:
    """Return the names of a list, or those of a string such as "price:asc, rating:desc"; () for an empty one."""
    if isinstance(given, str):
        return tuple(name for part in given.split(",") if (name := part.strip()))
    return tuple(given)
