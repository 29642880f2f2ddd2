"""A graph on disk: an immutable folder that is named after its content; its files are memory-mapped.

<home>/graphs/<name>/<id>/manifest.json    GraphManifest
                          nodes.arrow      entities by ascending id (code points), in record batches
                          edges.npy        (3, m) int32 source, relation, target; ascending; ends are rows of nodes
                          relations.json   names of the relations, ascending
                          degrees.npy      (n,) int32 edges of each node in both directions, a loop counted twice

The same entities and edges give the same files and so the same id. All other files in the folder are computed from
these. `clew.kg.snapshot_writer` writes snapshots.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from clew.core.arrow import to_arrow
from clew.core.artifacts import SharedLock, verify_files
from clew.core.errors import CorruptError, NotFoundError, nearest
from clew.core.mapped import open_array
from clew.core.types import Bools, Ints
from clew.kg.manifest import AGAIN, GRAPH_NAME, MANIFEST, SNAPSHOT_ID, GraphManifest, load
from clew.kg.types import Edge, Entity, GraphCounts

NODES = "nodes.arrow"
EDGES = "edges.npy"
RELATIONS = "relations.json"
DEGREES = "degrees.npy"

NODE_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("type", pa.string()),
        ("name", pa.string()),
        ("aliases", pa.list_(pa.string())),
        ("names", pa.map_(pa.string(), pa.string())),
        ("description", pa.string()),
        ("properties", pa.string()),
    ]
)


class Snapshot:
    """A graph that was written by `clew.kg.snapshot_writer.write_snapshot`. Safe for concurrent readers.

    folder: folder of the snapshot. manifest: its manifest. relations: names, ascending.
    edges: (3, m) int32 memory map of source, relation and target, in lexicographic order; source and target are rows,
    relation is an index in `relations`. degrees: (n,) int32 memory map, edges of each row in both directions.
    """

    def __init__(
        self,
        folder: Path,
        manifest: GraphManifest,
        nodes: NodeFile,
        edges: NDArray[np.int32],
        degrees: NDArray[np.int32],
        relations: tuple[str, ...],
    ) -> None:
        self.folder = folder
        self.manifest = manifest
        self.relations = relations
        self.edges = edges
        self.degrees = degrees
        self._nodes = nodes
        self._shared_lock = SharedLock(folder)

    @classmethod
    def open(cls, folder: Path, *, verify: bool = True) -> Snapshot:
        """Open a snapshot's folder; `verify` checks the sha256 of every file.

        Raises NotFoundError, CorruptError or FormatError that names the file.
        """
        manifest = load(folder)
        try:
            if verify:
                verify_files(folder, manifest.files)
            entities = manifest.counts.entities
            edges = open_array(folder / EDGES, np.int32, (3, manifest.counts.edges))
            degrees = open_array(folder / DEGREES, np.int32, (entities,))
            relations = tuple(json.loads((folder / RELATIONS).read_bytes()))
            nodes = NodeFile(folder / NODES)
            if len(nodes) != entities:
                raise CorruptError(f"{folder / NODES} has {len(nodes)} entities, expected {entities}", AGAIN)
        except (CorruptError, NotFoundError) as error:
            raise CorruptError(error.message, AGAIN) from None
        except (pa.ArrowException, OSError, ValueError, EOFError) as error:
            raise CorruptError(f"{folder} cannot be read: {error}", AGAIN) from None
        return cls(folder, manifest, nodes, edges, degrees, relations)

    @property
    def id(self) -> str:
        """The first 16 characters of the fingerprint."""
        return self.manifest.id

    @property
    def counts(self) -> GraphCounts:
        """The number of entities and edges of the graph."""
        return self.manifest.counts

    def row(self, id: str) -> int | None:  # noqa: A002 - it is an entity's id
        """Return the position of an entity in the order of ids; None for an unknown id."""
        return self._nodes.row(id)

    def ids(self, rows: Ints) -> list[str]:
        """Return the ids of some rows, in the given order."""
        return self._nodes.ids(rows)

    def entities(self, ids: Sequence[str]) -> list[Entity | None]:
        """Return the entities of some ids, in the given order; None for an unknown id."""
        rows = map(self._nodes.row, ids)
        return [None if row is None else self._nodes.entity(row) for row in rows]

    def among(self, ids: Iterable[str]) -> Bools:
        """Return a mask, (entities,) bool, of the rows whose id is one of some ids."""
        return self._nodes.among(ids)

    def all_entities(self) -> Iterator[Entity]:
        """Iterate over all entities, by ascending id."""
        return iter(self._nodes)

    def all_edges(self) -> Iterator[Edge]:
        """Iterate over all edges, each once, by ascending source, relation and target."""
        step = 1 << 16
        for start in range(0, self.edges.shape[1], step):
            source, relation, target = self.edges[:, start : start + step]
            ends = zip(self.ids(source), relation.tolist(), self.ids(target), strict=True)
            for near, code, far in ends:
                yield Edge(near, self.relations[code], far)

    def close(self) -> None:
        """Release the folder. May be called twice.

        Memory maps are freed with the last object that uses them.
        """
        self._shared_lock.release()


class NodeFile:
    """The entities in a memory-mapped Arrow file, by ascending id: found by bisection, created one at a time."""

    def __init__(self, path: Path) -> None:
        """Open the file. Raises pyarrow.ArrowException or OSError if it cannot be read."""
        with pa.memory_map(str(path)) as source:
            table = pa.ipc.open_file(source).read_all()
        self._batches: list[Any] = table.to_batches()
        self._starts = np.cumsum([0, *(batch.num_rows for batch in self._batches)])
        # One array, so that `ids` can take many at once; a copy only if there is more than one batch.
        chunks = [batch.column(0).cast(pa.large_string()) for batch in self._batches]
        self._ids: Any = pa.concat_arrays(chunks) if chunks else pa.nulls(0, pa.large_string())

    def __len__(self) -> int:
        return len(self._ids)

    def __iter__(self) -> Iterator[Entity]:
        for batch in self._batches:
            for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                yield _entity(values)

    def row(self, id: str) -> int | None:  # noqa: A002
        """Return the row of an id; None for an unknown id."""
        place = bisect_left(range(len(self._ids)), id, key=self._id)
        return place if place < len(self._ids) and self._id(place) == id else None

    def ids(self, rows: Ints) -> list[str]:
        """Return the ids of some rows."""
        found: list[str] = self._ids.take(to_arrow(rows)).to_pylist()
        return found

    def among(self, ids: Iterable[str]) -> Bools:
        """Return a mask, (entities,) bool, of the rows whose id is one of some ids."""
        known: Any = pc.is_in(self._ids, value_set=pa.array(ids, pa.large_string()))
        return np.asarray(known.to_numpy(zero_copy_only=False), np.bool_)

    def entity(self, row: int) -> Entity:
        """Return the entity in a row."""
        at = int(np.searchsorted(self._starts, row, side="right")) - 1
        place = row - int(self._starts[at])
        return _entity([column[place].as_py() for column in self._batches[at].columns])

    def _id(self, row: int) -> str:
        found: str = self._ids[row].as_py()
        return found


def _entity(values: Sequence[Any]) -> Entity:
    name, kind, called, aliases, names, description, properties = values
    return Entity(
        id=name,
        type=kind,
        name=called,
        aliases=tuple(aliases),
        names=dict(names),
        description=description,
        properties=json.loads(properties) if properties else {},
    )


# ------------------------------------------------------------------ the graphs of a home


def graph_folder(home: Path, name: str) -> Path:
    """Return the folder of a graph's snapshots. Raises NotFoundError if `name` cannot be a name, such as a path."""
    if not GRAPH_NAME.fullmatch(name):
        raise _no_graph(home, name)
    return home / "graphs" / name


def graph_names(home: Path) -> list[str]:
    """Return the names of the graphs under a home that have a snapshot, ascending."""
    return sorted(
        {path.parent.parent.name for path in home.glob(f"graphs/*/*/{MANIFEST}") if _is_snapshot(path.parent)}
    )


def list_snapshots(home: Path, name: str) -> list[GraphManifest]:
    """Return the manifests of a graph's snapshots, newest first.

    Raises NotFoundError for an unknown graph, CorruptError if a manifest cannot be read.
    """
    folders = [path.parent for path in graph_folder(home, name).glob(f"*/{MANIFEST}") if _is_snapshot(path.parent)]
    if not folders:
        raise _no_graph(home, name)
    # Snapshots that were created in the same second are ordered by the time of their manifest file.
    found = [(load(folder), (folder / MANIFEST).stat().st_mtime_ns) for folder in folders]
    return [manifest for manifest, _ in sorted(found, key=lambda pair: (pair[0].created, pair[1]), reverse=True)]


def find_snapshot(home: Path, name: str, id: str | None = None) -> Path:  # noqa: A002
    """Return the folder of a snapshot by its id (None: the newest one of the graph).

    Raises NotFoundError with the nearest name or id, CorruptError if a manifest cannot be read.
    """
    if id is None:
        return graph_folder(home, name) / list_snapshots(home, name)[0].id
    found = graph_folder(home, name) / id
    # Checks only this folder, so that a damaged other snapshot does not matter.
    if not _is_snapshot(found) or not (found / MANIFEST).exists():
        known = [path.parent.name for path in graph_folder(home, name).glob(f"*/{MANIFEST}")]
        if not known:
            raise _no_graph(home, name)
        raise NotFoundError(
            f"graph {name!r} has no snapshot {id!r}",
            f"load the graph again, or use another snapshot: {nearest(id, known)}",
        )
    return found


def _is_snapshot(folder: Path) -> bool:
    return bool(SNAPSHOT_ID.fullmatch(folder.name) and GRAPH_NAME.fullmatch(folder.parent.name))


def _no_graph(home: Path, name: str) -> NotFoundError:
    shown = name if len(name) <= 80 else name[:79] + "…"
    return NotFoundError(f"no graph {shown!r} under {home}", nearest(shown, graph_names(home)))
