"""Convert records to entities and edges, with all checks that need only one row."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from clew.core.errors import nearest
from clew.indexer.sources.record import Fault, Record, shown
from clew.kg.types import Edge, Entity

LONGEST_ID = 1_000
LONGEST_NAME = 10_000
LONGEST_WORD = 256  # a type or a relation
LONGEST_LANGUAGE = 35
LONGEST_TEXT = 1_000_000

NODE_KEYS = ("id", "type", "name", "aliases", "names", "description", "properties")
EDGE_KEYS = ("source", "relation", "target")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class _InvalidRow(Exception):  # noqa: N818 - used only in this file
    """The reason why a row is invalid, and a hint how to fix it."""


def entity_of(record: Record) -> Entity | Fault:
    """Return the entity of a record, or a fault that names the field, its value and what was expected.

    Unknown fields become properties, and so do the items of an object `properties`.
    """
    values = record.values
    try:
        properties = {key: value for key, value in values.items() if key not in NODE_KEYS and value is not None}
        nested = values.get("properties")
        properties |= nested if isinstance(nested, Mapping) else {} if nested is None else {"properties": nested}
        entity = Entity(
            id=_id(values, "id", NODE_KEYS),
            type=_text(values, "type", LONGEST_WORD),
            name=_text(values, "name", LONGEST_NAME),
            aliases=_aliases(values.get("aliases")),
            names=_names(values.get("names")),
            description=_text(values, "description", LONGEST_TEXT),
            properties=properties,
        )
        _check_storable(values, properties)
    except _InvalidRow as invalid:
        return Fault(record.origin, *invalid.args)
    return entity


def edge_of(record: Record) -> Edge | Fault:
    """Return the edge of a record, or a fault; unknown fields are ignored."""
    values = record.values
    try:
        relation = _text(values, "relation", LONGEST_WORD)
        if not relation.strip() or _CONTROL.search(relation):
            said = "is missing" if values.get("relation") is None else f"is {shown(relation)}"
            raise _InvalidRow(f"the relation {said}", "give it a name without control characters, such as has_brand")
        edge = Edge(_id(values, "source", EDGE_KEYS), relation, _id(values, "target", EDGE_KEYS))
        _check_unicode(edge.source + relation + edge.target)
    except _InvalidRow as invalid:
        return Fault(record.origin, *invalid.args)
    return edge


def _id(values: Mapping[str, Any], key: str, keys: tuple[str, ...]) -> str:
    found = values.get(key)
    if found is None:
        others = [str(name) for name in values if name not in keys]
        raise _InvalidRow(f"the row has no {key!r}", f"a row can have {', '.join(keys)}; {nearest(key, others)}")
    if isinstance(found, int) and not isinstance(found, bool):
        found = str(found)
    if not isinstance(found, str) or not found.strip() or len(found) > LONGEST_ID or "\0" in found:
        raise _InvalidRow(
            f"field {key!r} is {shown(found)}, which is not a valid id",
            f"use a string of 1 to {LONGEST_ID:,} characters without NUL, or an integer",
        )
    return found


def _text(values: Mapping[str, Any], key: str, longest: int) -> str:
    found = values.get(key)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise _InvalidRow(f"field {key!r} is {shown(found)}, expected a string", "fix the value")
    return _short(found, f"field {key!r}", longest)


def _short(text: str, what: str, longest: int) -> str:
    if len(text) > longest:
        raise _InvalidRow(
            f"{what} has {len(text):,} characters: {shown(text)}", f"shorten it to at most {longest:,} characters"
        )
    if "\0" in text:
        raise _InvalidRow(f"{what} contains a NUL character: {shown(text)}", "remove it")
    return text


def _aliases(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
        raise _InvalidRow(
            f"field 'aliases' is {shown(value)}, expected a list of strings", 'write a list such as ["TV", "telly"]'
        )
    parts = [_short(part, "an alias", LONGEST_NAME) for part in value if part.strip()]
    return tuple(dict.fromkeys(parts))


def _names(value: Any) -> dict[str, str]:
    if value is None:
        return {}
    texts = isinstance(value, Mapping) and all(isinstance(part, str) for pair in value.items() for part in pair)
    if not texts or not all(1 <= len(language) <= LONGEST_LANGUAGE for language in value):
        raise _InvalidRow(
            f"field 'names' is {shown(value)}, expected an object of language codes and names",
            'write an object such as {"zh": "电视"}',
        )
    return {language: _short(name, "a name", LONGEST_NAME) for language, name in value.items() if name.strip()}


def _check_storable(values: Mapping[str, Any], properties: Mapping[str, Any]) -> None:
    try:
        whole = json.dumps(values, ensure_ascii=False, allow_nan=False)
        size = len(json.dumps(properties)) if len(whole) > LONGEST_TEXT else 0
    except (TypeError, ValueError, RecursionError) as error:
        raise _InvalidRow(f"a property is not a JSON value: {error}", "remove it, or write it as a string") from None
    _check_unicode(whole)
    if size > LONGEST_TEXT:
        raise _InvalidRow(f"the properties are {size:,} characters long", f"shorten them to at most {LONGEST_TEXT:,}")


def _check_unicode(text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise _InvalidRow(
            "the row contains an unpaired surrogate", "remove it: it is not a Unicode character"
        ) from None
