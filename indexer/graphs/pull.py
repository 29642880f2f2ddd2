"""Take a snapshot of an existing Neo4j database, which is only read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from clew.core.errors import DataError, UsageError
from clew.core.progress import Progress, Silent
from clew.core.types import Deadline
from clew.indexer.graphs.load import LoadReport, Reading, keep
from clew.indexer.graphs.mapping import check_mapping, missing_relations
from clew.indexer.graphs.read import Node
from clew.indexer.sources.record import Fault
from clew.kg.snapshot import graph_folder
from clew.kg.spec import Neo4jSpec
from clew.kg.store import STORES

_WHY = {
    "missing": "{count:,} node(s) with the label {label!r} have no property {id!r}",
    "type": "{count:,} node(s) with the label {label!r} have an {id!r} that is not a string or integer, e.g. {value!r}",
    "twice": "{count:,} nodes, the first with the label {label!r}, have the same {id!r} {value!r}",
}
_HINT = (
    "fix the database, map another property as id, use element ids (--id LABEL=), or skip such nodes with --skip-bad"
)


def pull(
    home: Path,
    name: str,
    spec: Neo4jSpec,
    *,
    skip_bad: bool = False,
    licence: str = "",
    progress: Progress | None = None,
) -> LoadReport:
    """Store the current contents of a database, as mapped by `spec`, as the newest snapshot of the graph `name`.

    Later requests use only the relationship types of the spec (those that were found now if it gives none): these are
    stored with the mapping in the lineage of the manifest, see `clew.kg.spec.pulled`. skip_bad: skip nodes without a
    valid id, and all but one of the nodes with the same id; they are counted, and listed in rejects.jsonl.

    Raises DataError that names a label, relationship type or property that does not exist, label and id of nodes that
    cannot be entities (unless skip_bad), or a relationship type that cannot be quoted; UsageError if the spec names no
    label; NotFoundError if `name` cannot be the name of a graph; StageUnavailable, LockedError, StoreError.
    """
    if not spec.is_external:
        raise UsageError(
            f"no labels are given for {spec.uri}", "name the labels of its entities, such as --label Person"
        )
    graph_folder(home, name)  # raises for an invalid name, before the server is used
    display = progress or Silent()
    display.start("check the database")
    bad, fixed, notices = _inspect_database(spec, skip_bad=skip_bad)
    for notice in notices:
        display.notice(notice)
    store: Any = STORES["neo4j"](fixed)
    try:
        reading = Reading(display, skip_bad=skip_bad, hint=_HINT)
        origin = _origin(spec)
        links = ((edge, origin) for edge in store.all_edges())
        report = keep(home, name, reading, _nodes(store, bad, fixed), links, _lineage(fixed), licence=licence)
    finally:
        store.close()
    report.notices = notices
    # One listed reject can stand for many nodes.
    report.rejected += sum(count - (1 if why != "twice" else 2) for _, why, _, count in bad)
    return report


def _lineage(spec: Neo4jSpec) -> dict[str, str]:
    return {_origin(spec): json.dumps(asdict(spec), ensure_ascii=False, sort_keys=True)}


def _origin(spec: Neo4jSpec) -> str:
    return f"{spec.uri}/{spec.database}"


def _inspect_database(
    spec: Neo4jSpec, *, skip_bad: bool
) -> tuple[list[tuple[str, str, Any, int]], Neo4jSpec, list[str]]:
    """Return the nodes that cannot be entities, the spec with the relationship types to use, and notices."""
    store: Any = STORES["neo4j"](spec)
    try:
        spec, notices = check_mapping(store, spec)
    finally:
        store.close()
    store = STORES["neo4j"](spec)
    try:
        bad = store.bad_nodes()
        if bad and not skip_bad:
            raise DataError(f"{_origin(spec)}: {_reason(spec, *bad[0])}", _HINT)
        found = list(store.count(Deadline()).relations)
    finally:
        store.close()
    notices += missing_relations(spec, found)
    try:
        # An empty list would mean all types, so types that were asked for stay even if there is none of them.
        return bad, replace(spec, relations=spec.relations or found), notices
    except ValueError as error:
        raise DataError(
            f"{_origin(spec)}: {error}", "name the relationship types to use, such as --relation KNOWS"
        ) from None


def _reason(spec: Neo4jSpec, label: str, why: str, value: Any, count: int) -> str:
    id_property = next(node.id for node in spec.mappings if node.label == label)
    return _WHY[why].format(count=count, label=label, id=id_property, value=value)


def _nodes(store: Any, bad: list[tuple[str, str, Any, int]], spec: Neo4jSpec) -> Iterator[Node | Fault]:
    for row in bad:
        yield Fault(_origin(spec), _reason(spec, *row))
    last = None
    for entity in store.all_entities():
        # Nodes with the same id follow each other, because ids ascend; the loop above reported them.
        if entity.id != last:
            yield entity, _origin(spec)
        last = entity.id
