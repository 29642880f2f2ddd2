"""Check the mapping of an existing Neo4j database against what the database holds, before it is pulled."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import fields, replace
from typing import Any

from clew.core.errors import DataError, nearest
from clew.kg.spec import LabelSpec, Neo4jSpec

_DEFAULTS = {field.name: field.default for field in fields(Neo4jSpec)}


def check_mapping(store: Any, spec: Neo4jSpec) -> tuple[Neo4jSpec, list[str]]:
    """Check that the labels, relationship types and properties of a mapping exist.

    store: the mapped Neo4jStore. Returns the mapping, in which labels of which no node has the id property use the
    element id, and what is likely to be a mistake. Raises DataError with the nearest name for a label that no node has,
    a relationship type that does not exist, and a property that no node with the label has; StageUnavailable.
    """
    where = f"{spec.uri}/{spec.database}"
    labels, types = store.known()
    for kind, names, known in (("label", spec.labels, labels), ("relationship type", spec.relations, types)):
        for name in names:
            if name not in known:
                raise DataError(f"{where}: there is no {kind} {name!r}", nearest(name, known))
    held = {label: store.properties(label) for label in spec.labels}
    every = {name for properties in held.values() for name in properties}
    asked = [(what, property_, every, spec.labels) for what, property_ in _properties(spec)]
    for label, own in spec.nodes.items():
        asked += [(what, property_, set(held[label]), [label]) for what, property_ in _own_properties(own)]
    for what, property_, having, named in asked:
        if property_ not in having:
            raise DataError(
                f"{where}: no node with the label {', '.join(map(repr, named))} has the property {property_!r}, which "
                f"is mapped as {what}",
                nearest(property_, having),
            )
    without = [node.label for node in spec.mappings if node.id and node.id not in held[node.label]]
    notices = [
        f"no node with the label {label!r} has the property {spec.id!r}: element ids are used" for label in without
    ]
    nodes = {**spec.nodes, **{name: replace(spec.nodes.get(name, LabelSpec()), id="") for name in without}}
    return replace(spec, nodes=nodes), [*notices, *_nameless(spec, held)]


def _properties(spec: Neo4jSpec) -> Iterator[tuple[str, str]]:
    """Yield (what it is mapped as, property) of every property in a mapping of all labels, but defaults."""
    if spec.id != _DEFAULTS["id"]:
        yield "id", spec.id
    if spec.name != _DEFAULTS["name"]:
        yield "name", spec.name
    if spec.description:
        yield "description", spec.description
    yield from (("alias", name) for name in spec.aliases)
    yield from ((f"name in {language}", name) for language, name in spec.names.items())


def _own_properties(own: LabelSpec) -> Iterator[tuple[str, str]]:
    """Yield (what it is mapped as, property) of every property in the mapping of one label."""
    for what, property_ in (("id", own.id), ("name", own.name), ("description", own.description)):
        if property_:
            yield what, property_
    yield from (("alias", name) for name in own.aliases or ())
    yield from ((f"name in {language}", name) for language, name in (own.names or {}).items())


def _nameless(spec: Neo4jSpec, held: Mapping[str, Collection[str]]) -> Iterator[str]:
    for node in spec.mappings:
        properties = held[node.label]
        if not {node.name, *node.aliases, *node.names.values()} & set(properties):
            yield (
                f"no node with the label {node.label!r} has the property {node.name!r}, so queries cannot name one; "
                f"its properties are {', '.join(sorted(properties)) or 'none'}"
            )


def missing_relations(spec: Neo4jSpec, found: Collection[str]) -> list[str]:
    """Return notices about relationship types that are mapped and do not join any two entities.

    found: the relationship types between entities.
    """
    labels = ", ".join(map(repr, spec.labels))
    absent = [name for name in spec.relations if name not in found]
    if absent:
        return [f"no relationship of type {name!r} joins two nodes with the labels {labels}" for name in absent]
    return [] if found else [f"no relationship joins two nodes with the labels {labels}: the graph has no edges"]
