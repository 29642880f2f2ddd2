"""Convert nodes of a Neo4j database to entities, and back."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from clew.kg.spec import Neo4jSpec
from clew.kg.types import EdgeTable, Entity

MOST_INT = 2**63 - 1
# The server refuses a statement with an element id of another form.
_ELEMENT_ID = re.compile(r"\d{1,18}:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}:\d{1,18}")


class Reader(Protocol):
    """Makes an entity from the labels, the properties and the element id of a node."""

    def __call__(self, labels: Collection[str], properties: Mapping[str, Any], element: str = "") -> Entity:
        """Return the entity of one node."""
        ...


def written(entity: Entity) -> dict[str, Any]:
    """Return the properties of an entity's node. Neo4j cannot store maps, so names and properties are JSON."""
    return {
        "id": entity.id,
        "type": entity.type,
        "name": entity.name,
        "aliases": list(entity.aliases),
        "names": json.dumps(dict(entity.names), ensure_ascii=False),
        "description": entity.description,
        "properties": json.dumps(dict(entity.properties), ensure_ascii=False),
    }


def loaded(labels: Collection[str], properties: Mapping[str, Any], element: str = "") -> Entity:  # noqa: ARG001
    """Return the entity of a node that has the properties from `written`."""
    return Entity(
        id=properties["id"],
        type=properties["type"],
        name=properties["name"],
        aliases=tuple(properties["aliases"]),
        names=json.loads(properties["names"]),
        description=properties["description"],
        properties=json.loads(properties["properties"]),
    )


class Mapped:
    """Reads the nodes of an existing database with the mapping of its spec."""

    def __init__(self, spec: Neo4jSpec) -> None:
        self._mappings = spec.mappings

    def __call__(self, labels: Collection[str], properties: Mapping[str, Any], element: str = "") -> Entity:
        """Return the entity of a node, by the first label of the spec; properties of a wrong type count as missing."""
        node = next((mapping for mapping in self._mappings if mapping.label in labels), self._mappings[0])
        names = {language: _text(properties.get(property_)) for language, property_ in node.names.items()}
        return Entity(
            id=f"{node.prefix}{properties[node.id]}" if node.id else element,
            type=node.label if node.label in labels else "",
            name=_text(properties.get(node.name)),
            aliases=tuple(name for property_ in node.aliases for name in _texts(properties.get(property_))),
            names={language: name for language, name in names.items() if name},
            description=_text(properties.get(node.description)),
            properties={key: plain(properties[key]) for key in sorted(properties) if key not in node.taken},
        )


def _text(value: Any) -> str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if isinstance(value, str) or is_number else ""


def _texts(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [text for text in map(_text, values) if text]


def plain(value: Any) -> Any:
    """Return a property as a JSON value: dates and durations in ISO 8601, points as lists, bytes in hex, NaN as None.

    Infinite numbers are None, too.
    """
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, bytes | bytearray):
        return value.hex()
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    iso_format = getattr(value, "iso_format", None)
    return iso_format() if iso_format else str(value)


def keys(ids: Sequence[str], *, mapped: bool) -> list[str | int]:
    """Return the values that the id property can have for these ids: in a mapped database "17" may be the integer 17.

    An id with an unpaired surrogate cannot be the id of a node and is left out.
    """
    found: list[str | int] = []
    for name in dict.fromkeys(ids):
        if any("\ud800" <= sign <= "\udfff" for sign in name):
            continue
        found.append(name)
        if mapped and name.removeprefix("-").isdecimal() and name.isascii() and len(name) < 21:
            number = int(name)
            if str(number) == name and -MOST_INT <= number + 1 <= MOST_INT + 1:
                found.append(number)
    return found


def keys_by_label(ids: Sequence[str], spec: Neo4jSpec) -> list[list[str | int]]:
    """Return the values that the ids of each label of a mapped database can have for these ids; see `keys`."""
    found: list[list[str | int]] = []
    for node in spec.mappings:
        own = [name.removeprefix(node.prefix) for name in ids if name.startswith(node.prefix)]
        if node.id:
            found.append(keys(own, mapped=True))
        else:
            found.append([name for name in dict.fromkeys(own) if _ELEMENT_ID.fullmatch(name)])
    return found


def edge_table(
    nodes: Sequence[Sequence[Any]], sizes: Sequence[int], runs: Sequence[tuple[Any, Any]], fan_out: int
) -> EdgeTable:
    """Build the edge table from the answer of `clew.kg.cypher.neighbourhood`; runs: (heads, far) of each hop."""
    places: dict[str, int] = {}
    for name, _ in nodes:
        places.setdefault(name, len(places))
    # Nodes of a mapped database that share an id are one node here.
    of_row = np.array([places[name] for name, _ in nodes], np.int64)
    borders = np.searchsorted(np.array(sizes, np.int64), np.arange(len(nodes)), side="right")
    first = np.unique(of_row, return_index=True)[1]
    heads = [tuple(head) for hop, _ in runs for head in hop]
    lengths = np.array(
        [length for hop, far in runs for length in _lengths([head[3] for head in hop], len(far), fan_out)], np.int64
    )
    names = sorted({head[1] for head in heads})
    codes = {name: code for code, name in enumerate(names)}
    columns = np.array(
        [(place, codes[relation], outgoing, fan) for place, relation, outgoing, fan in heads], np.int64
    ).reshape(-1, 4)
    near, relation, outgoing, fans = (np.repeat(columns[:, column], lengths) for column in range(4))
    return EdgeTable(
        nodes=tuple(places),
        hops=borders[first].astype(np.int64),
        degrees=np.array([nodes[row][1] for row in first], np.int64),
        relations=tuple(names),
        near=of_row[near] if len(near) else near,
        relation=relation,
        outgoing=outgoing.astype(np.bool_),
        far=np.array([places[name] for _, far in runs for name in far], np.int64),
        fans=fans,
    )


def _lengths(fans: Sequence[int], edges: int, fan_out: int) -> list[int]:
    """Return the number of edges of each run of a hop; the limit on steps can shorten the last run."""
    lengths = [min(fan, fan_out) for fan in fans]
    if lengths:
        lengths[-1] -= sum(lengths) - edges
    return lengths
