"""Sort keys as callers write them: "price", "price:desc", "_score"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from clew.core.errors import QueryError, nearest
from clew.search.fields import Fields, FieldSpec, title_field

SCORE = "_score"
MAX_KEYS = 8
DIRECTIONS = {"asc": False, "desc": True}

# Types whose values have an order; of text fields only the title can be sorted by.
_ORDERED = frozenset({"keyword", "list", "number", "bool", "date"})


@dataclass(frozen=True, slots=True)
class SortKey:
    """One key of a sort. field: a declared field, or "_score" for relevance. descending: the greatest first."""

    field: str
    descending: bool = False


BY_RELEVANCE = (SortKey(SCORE, descending=True),)


def parse_sort(words: Sequence[str], fields: Fields) -> tuple[SortKey, ...]:
    """Parse sort keys, the most important first; () for the order by relevance.

    Fields ascend and "_score" descends unless ":asc" or ":desc" follows. Raises QueryError for an unknown field, one
    whose values have no order, a direction that is neither, a field that is named twice, and more than 8 keys.
    """
    if len(words) > MAX_KEYS:
        raise QueryError(f"sort has {len(words):,} keys", f"give at most {MAX_KEYS}")
    keys = tuple(_parse(word, fields) for word in words)
    names = [key.field for key in keys]
    for name in names:
        if names.count(name) > 1:
            raise QueryError(f"sort names {name!r} twice", "give each field once")
    return () if keys == BY_RELEVANCE else keys


def sorts_by_fields(keys: Sequence[SortKey]) -> bool:
    """Return whether keys sort by fields alone, so that relevance decides only between equal values."""
    return bool(keys) and all(key.field != SCORE for key in keys)


def sortable(fields: Fields) -> list[str]:
    """Return the fields that can be sorted by, in declared order."""
    return [name for name, spec in fields.items() if _has_order(name, spec, fields)]


def _has_order(name: str, spec: FieldSpec, fields: Fields) -> bool:
    return spec.type in _ORDERED or (name == title_field(fields) and spec.variant is not True)


def _parse(word: str, fields: Fields) -> SortKey:
    # A field may have a colon in its name, so the whole word comes first.
    name, direction = (word.strip(), "") if word.strip() in fields else _split(word)
    if name == SCORE:
        return SortKey(SCORE, DIRECTIONS[direction or "desc"])
    if name not in fields:
        raise QueryError(f"sort: unknown field {name!r}", nearest(name, [*sortable(fields), SCORE]))
    if not _has_order(name, fields[name], fields):
        raise QueryError(
            f"sort: {name!r} is a {fields[name].type} field, whose values have no order",
            f"sort by one of {', '.join([*sortable(fields), SCORE])}, or declare it as a keyword and rebuild",
        )
    return SortKey(name, DIRECTIONS[direction or "asc"])


def _split(word: str) -> tuple[str, str]:
    name, colon, direction = (part.strip() for part in word.rpartition(":"))
    if not colon:
        name, direction = direction, ""
    if not name:
        raise QueryError(f"sort: {word!r} names no field", 'write it like "price:desc"')
    if colon and direction.lower() not in DIRECTIONS:
        raise QueryError(f"sort: {word!r} ends in neither :asc nor :desc", 'write it like "price:desc"')
    return name, direction.lower()
