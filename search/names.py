"""Lists of names in a request: a list, or one string with commas between the names; fields also as patterns."""

from __future__ import annotations

import re
from collections.abc import Sequence

from clew.core.errors import QueryError, nearest
from clew.search.fields import Fields


def listed(given: str | Sequence[str]) -> tuple[str, ...]:
    """Return the names of a list, or those of a string such as "price:asc, rating:desc"; () for an empty one."""
    if isinstance(given, str):
        return tuple(name for part in given.split(",") if (name := part.strip()))
    return tuple(given)


def selected(names: Sequence[str], fields: Fields) -> tuple[str, ...]:
    """Return the fields that are named, in declared order. In a name, * stands for any characters.

    Raises QueryError for a name that no field has.
    """
    found: set[str] = set()
    for name in names:
        pattern = re.compile(".*".join(map(re.escape, name.split("*"))), re.DOTALL)
        named = {name} if name in fields else set(filter(pattern.fullmatch, fields))
        if not named:
            raise QueryError(f"fields: unknown field {name!r}", nearest(name, fields))
        found |= named
    return tuple(name for name in fields if name in found)
