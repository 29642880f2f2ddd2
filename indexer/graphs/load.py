"""Load a graph from files of nodes and edges: check every row, store a snapshot, and write it into Neo4j if wanted."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from clew.core.clock import now
from clew.core.errors import DataError
from clew.core.files import disk_errors, expand
from clew.core.lock import writing
from clew.core.progress import Progress, Silent
from clew.indexer.graphs.read import Link, Node, graph_form, lineage, read_edges, read_nodes
from clew.indexer.rejects import Rejects
from clew.indexer.sources.record import Fault
from clew.kg.manifest import MANIFEST
from clew.kg.snapshot import Snapshot, graph_folder
from clew.kg.snapshot_writer import write_snapshot
from clew.kg.spec import Neo4jSpec
from clew.kg.store import STORES, GraphStore
from clew.kg.types import Edge, Entity

Row = TypeVar("Row", Node, Link)

REJECTS = "rejects.jsonl"
_PROGRESS_EVERY = 1000


@dataclass(slots=True)
class LoadReport:
    """The result of loading a graph.

    status: "loaded", or "unchanged" if the same snapshot existed. id, folder: of the snapshot. entities, edges: their
    numbers in the snapshot. relations, types: name → count. rejected: number of invalid rows, listed in the file
    `rejects`. repeated: number of duplicate edges. label: label of its nodes in Neo4j, "" if it was not written there.
    seconds: step → time. notices: what is likely to be a mistake.
    """

    graph: str
    status: str = ""
    id: str = ""
    folder: str = ""
    entities: int = 0
    edges: int = 0
    relations: Mapping[str, int] = field(default_factory=dict)
    types: Mapping[str, int] = field(default_factory=dict)
    rejected: int = 0
    rejects: str = ""
    repeated: int = 0
    label: str = ""
    seconds: dict[str, float] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)


def load(
    home: Path,
    name: str,
    nodes: str,
    edges: str,
    *,
    skip_bad: bool = False,
    licence: str = "",
    progress: Progress | None = None,
    neo4j: Neo4jSpec | None = None,
) -> LoadReport:
    """Load the graph `name` from the files of `nodes` and `edges` (path, glob or fsspec URL each).

    skip_bad: skip invalid rows, count them and list them in rejects.jsonl in the folder of the graph. licence: licence
    of the data. neo4j: a server to write the graph to as well, under the label Clew_<snapshot id>.

    Raises DataError that names file and line of the first invalid row (unless skip_bad), or if there is no valid node;
    NotFoundError, UsageError, LockedError, StoreError; StageUnavailable if the server cannot be reached.
    """
    for path in (nodes, edges):
        graph_form(path)  # raises before anything is locked or created
    reading = Reading(progress or Silent(), skip_bad=skip_bad, hint="fix the row, or skip invalid rows with --skip-bad")
    sources = lineage([url for path in (nodes, edges) for url in expand(path)])
    return keep(home, name, reading, read_nodes(nodes), read_edges(edges), sources, licence=licence, neo4j=neo4j)


def keep(
    home: Path,
    name: str,
    reading: Reading,
    nodes: Iterable[Node | Fault],
    edges: Iterable[Link | Fault],
    sources: Mapping[str, str],
    *,
    licence: str = "",
    neo4j: Neo4jSpec | None = None,
) -> LoadReport:
    """Check rows against each other and store them as the newest snapshot of a graph; see `load`.

    sources: each file of the rows → its sha256.
    """
    root = graph_folder(home.absolute(), name)
    report = LoadReport(name)
    begun = time.monotonic()
    with writing(root), disk_errors(root), Rejects(root / REJECTS) as rejects:
        reading.rejects = rejects
        before = {path.parent.name for path in root.glob(f"*/{MANIFEST}")}
        snapshot = write_snapshot(
            home,
            name,
            reading.entities(nodes, next(iter(sources))),
            reading.edges(edges),
            created=now(),
            lineage=sources,
            licence=licence,
        )
    report.status = "unchanged" if snapshot.id in before else "loaded"
    report.id, report.folder = snapshot.id, str(snapshot.folder)
    report.entities, report.edges = snapshot.counts.entities, snapshot.counts.edges
    report.relations, report.types = snapshot.counts.relations, snapshot.counts.types
    report.rejected, report.repeated = reading.rejected, reading.linked - snapshot.counts.edges
    report.rejects = str(rejects.path) if reading.rejected else ""
    report.seconds["read and write"] = time.monotonic() - begun
    try:
        if neo4j is not None:
            begun = time.monotonic()
            report.label = _into_neo4j(neo4j, snapshot, reading.progress)
            report.seconds["write into Neo4j"] = time.monotonic() - begun
    finally:
        snapshot.close()
    return report


def _into_neo4j(spec: Neo4jSpec, snapshot: Snapshot, progress: Progress) -> str:
    """Write a snapshot into a Neo4j server; return its label there."""
    label = f"Clew_{snapshot.id}"
    progress.start("write into Neo4j", snapshot.counts.entities)
    store: GraphStore = STORES["neo4j"](spec, label=label)
    try:
        store.write(_counted(snapshot.all_entities(), progress), snapshot.all_edges())
    finally:
        store.close()
    return label


def _counted(entities: Iterable[Entity], progress: Progress) -> Iterator[Entity]:
    for number, entity in enumerate(entities, 1):
        if number % _PROGRESS_EVERY == 0:
            progress.advance(_PROGRESS_EVERY)
        yield entity


class Reading:
    """Checks the rows of one graph against each other. linked: number of valid edges, duplicates included."""

    def __init__(self, progress: Progress, *, skip_bad: bool, hint: str) -> None:
        """Create a reader. hint: what the user can do about an invalid row; added to the hint of the fault."""
        self.progress = progress
        self.rejects: Rejects | None = None
        self.rejected = 0
        self.linked = 0
        self._skip_bad = skip_bad
        self._hint = hint
        self._origins: dict[str, str] = {}

    def entities(self, nodes: Iterable[Node | Fault], source: str) -> Iterator[Entity]:
        """Yield the entities of rows; a duplicate id is a fault. Raises DataError if there is no valid node."""
        for row in self._rows("read nodes", nodes):
            entity, origin = row
            first = self._origins.get(entity.id)
            if first is not None:
                self._reject(
                    Fault(origin, f"id {entity.id!r} was seen before, at {first}", "give each node its own id")
                )
                continue
            self._origins[entity.id] = origin
            yield entity
        if not self._origins:
            raise DataError(
                f"{source} has no valid node: {self.rejected} rows rejected", "see docs/cli.md for the keys of a node"
            )

    def edges(self, links: Iterable[Link | Fault]) -> Iterator[Edge]:
        """Yield the edges of rows; a source or target that is not an entity is a fault."""
        for row in self._rows("read edges", links):
            edge, origin = row
            unknown = next((end for end in (edge.source, edge.target) if end not in self._origins), None)
            if unknown is not None:
                key = "source" if unknown == edge.source else "target"
                self._reject(Fault(origin, f"{key} {unknown!r} is not a node", "add that node as well"))
                continue
            self.linked += 1
            yield edge

    def _rows(self, step: str, rows: Iterable[Row | Fault]) -> Iterator[Row]:
        self.progress.start(step)
        for number, row in enumerate(rows, 1):
            if isinstance(row, Fault):
                self._reject(row)
            else:
                yield row
            if number % _PROGRESS_EVERY == 0:
                self.progress.advance(_PROGRESS_EVERY)

    def _reject(self, fault: Fault) -> None:
        if not self._skip_bad:
            raise DataError(
                f"{fault.origin}: {fault.reason}", f"{fault.hint}; {self._hint}" if fault.hint else self._hint
            )
        self.rejected += 1
        if self.rejects is not None:
            self.rejects.write(fault.origin, fault.reason)
