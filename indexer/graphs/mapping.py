"""Check the mapping of an existing Neo4j database against what the database holds, before it is pulled."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from clew.core.errors import DataError, nearest
from clew.kg.spec import Neo4jSpec


def check_mapping(store: Any, spec: Neo4jSpec) -> list[str]:
    """Check that the labels, relationship types and properties of a mapping exist; return what is likely a mistake.

    store: the mapped Neo4jStore. Raises DataError with the nearest name for a label that no node has, a relationship
    type that does not exist, and a property that no node with a mapped label has; StageUnavailable.
    """
    where = f"{spec.uri}/{spec.database}"
    for kind, names, known in (
        ("label", spec.labels, store.labels()),
        ("relationship type", spec.relations, store.relation_types()),
    ):
        for name in names:
            if name not in known:
                raise DataError(f"{where}: there is no {kind} {name!r}", nearest(name, known))
    held = {label: store.properties(label) for label in spec.labels}
    every = {name for properties in held.values() for name in properties}
    for what, property_ in _properties(spec):
        if property_ not in every:
            labels = ", ".join(map(repr, spec.labels))
            raise DataError(
                f"{where}: no node with the label {labels} has the property {property_!r}, which is mapped as {what}",
                nearest(property_, every),
            )
    return list(_nameless(spec, held))


def _properties(spec: Neo4jSpec) -> Iterator[tuple[str, str]]:
    """Yield (what it is mapped as, property) of every property in a mapping."""
    yield "id", spec.id
    yield "name", spec.name
    if spec.description:
        yield "description", spec.description
    yield from (("alias", name) for name in spec.aliases)
    yield from ((f"name in {language}", name) for language, name in spec.names.items())


def _nameless(spec: Neo4jSpec, held: Mapping[str, Collection[str]]) -> Iterator[str]:
    for label, properties in held.items():
        if not {spec.name, *spec.aliases, *spec.names.values()} & set(properties):
            yield (
                f"no node with the label {label!r} has a name, so queries cannot name one; its properties are "
                f"{', '.join(sorted(properties)) or 'none'}"
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
