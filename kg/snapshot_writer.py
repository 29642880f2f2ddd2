"""Write a graph as a snapshot: write the files to a staging folder, hash them, then rename the folder in one step."""

from __future__ import annotations

import json
import shutil
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from clew.core.artifacts import digest_files, promote, verify_files
from clew.core.errors import CorruptError, DataError, FormatError, NotFoundError
from clew.core.files import disk_errors, write_atomic
from clew.core.types import Ints
from clew.kg.dictionary import write_dictionary
from clew.kg.manifest import MANIFEST, GraphManifest, dumps, fingerprint_of, load
from clew.kg.snapshot import DEGREES, EDGES, NODE_SCHEMA, NODES, RELATIONS, NodeFile, Snapshot, graph_folder
from clew.kg.types import Edge, Entity, GraphCounts

STAGING = "staging"
# Limits of a record batch; the first one that is reached closes it.
BATCH_ENTITIES = 1024
BATCH_CHARACTERS = 8_000_000

# Writers of files that are computed from the content: (entities by ascending id, their degrees, folder). The manifest
# has the hashes of these files, but they are not part of the fingerprint.
DERIVED: tuple[Callable[[Iterable[Entity], Ints, Path], object], ...] = (write_dictionary,)


def write_snapshot(
    home: Path,
    name: str,
    entities: Iterable[Entity],
    edges: Iterable[Edge],
    *,
    created: str,
    lineage: Mapping[str, str] | None = None,
    licence: str = "",
) -> Snapshot:
    """Write a graph under a home and open it; all `entities` are read before `edges`, each once.

    created: UTC, ISO 8601. lineage: source → sha256. licence: licence of the data. If the same snapshot exists already,
    only these three are updated. Ids and edges are kept in memory, entities are not. Duplicate edges count once.

    The caller must hold the write lock of the graph's folder. Raises DataError for a duplicate id, an edge whose source
    or target is not an entity, or a value that cannot be stored; NotFoundError if `name` cannot be the name of a graph;
    StoreError if the disk is full.
    """
    root = graph_folder(home.absolute(), name)
    staged = root / STAGING
    shutil.rmtree(staged, ignore_errors=True)
    try:
        with disk_errors(root):
            staged.mkdir(parents=True)
            ids, types = _write_nodes(entities, staged)
            counted, degrees = _write_edges(edges, ids, staged)
            counts = GraphCounts(len(ids), sum(counted.values()), counted, types)
            content = set(digest_files(staged))
            for write in DERIVED:
                write(NodeFile(staged / NODES), degrees.astype(np.int64), staged)
            files = digest_files(staged)
            derived = tuple(path for path in files if path not in content)
            fingerprint = fingerprint_of(files, derived)
            manifest = GraphManifest(
                name, fingerprint[:16], fingerprint, created, counts, lineage or {}, licence, files, derived
            )
            target = root / manifest.id
            if not _is_there(target, manifest):
                (staged / MANIFEST).write_bytes(dumps(manifest))
                promote(staged, target)
            else:
                write_atomic(target / MANIFEST, dumps(manifest))
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return Snapshot.open(target, verify=False)


def _is_there(target: Path, manifest: GraphManifest) -> bool:
    """Return whether an undamaged snapshot with exactly the same files exists."""
    try:
        found = load(target)
        verify_files(target, found.files)
    except (NotFoundError, CorruptError, FormatError):
        return False
    return dict(found.files) == dict(manifest.files)


# ------------------------------------------------------------------ entities


def _write_nodes(entities: Iterable[Entity], folder: Path) -> tuple[list[str], dict[str, int]]:
    """Write the entities; return their ids in ascending order, and the number of entities of each type."""
    spool = folder / "spool.arrow"
    ids, types = _write_batches(entities, spool)
    order = sorted(range(len(ids)), key=ids.__getitem__)
    for before, after in pairwise(order):
        if ids[before] == ids[after]:
            raise DataError(
                f"id {ids[before]!r} is used by more than one entity", "give each entity of a graph its own id"
            )
    if order == list(range(len(ids))):
        spool.rename(folder / NODES)
    else:
        # Sorted with the spool file, so that the entities need not all be in memory.
        stored = NodeFile(spool)
        ids, _ = _write_batches(map(stored.entity, order), folder / NODES)
        spool.unlink()
    return ids, dict(sorted(types.items()))


def _write_batches(entities: Iterable[Entity], path: Path) -> tuple[list[str], Counter[str]]:
    ids: list[str] = []
    types: Counter[str] = Counter()
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, NODE_SCHEMA) as writer:
        for batch in _batches(entities):
            writer.write_batch(_record_batch(batch))
            ids.extend(entity.id for entity in batch)
            types.update(entity.type for entity in batch)
    return ids, types


def _batches(entities: Iterable[Entity]) -> Iterator[list[Entity]]:
    batch: list[Entity] = []
    characters = 0
    for entity in entities:
        batch.append(entity)
        characters += len(entity.description) + sum(map(len, entity.aliases)) + 100
        if len(batch) >= BATCH_ENTITIES or characters >= BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def _record_batch(batch: Sequence[Entity]) -> Any:
    try:
        columns = zip(*map(_values, batch), strict=True)
        arrays = [pa.array(column, kind.type) for column, kind in zip(columns, NODE_SCHEMA, strict=True)]
    except (pa.ArrowException, ValueError, TypeError, AttributeError, RecursionError) as error:
        if len(batch) > 1:
            # Find the invalid entity, so that the error names it.
            for entity in batch:
                _record_batch([entity])
        reason = str(error).splitlines()[0]
        raise DataError(
            f"entity {str(batch[0].id)[:80]!r} cannot be stored: {reason}",
            "use a non-empty id without NUL, text without unpaired surrogates, and properties that are plain JSON",
        ) from None
    return pa.record_batch(arrays, schema=NODE_SCHEMA)


def _values(entity: Entity) -> tuple[object, ...]:
    if not entity.id or "\0" in entity.id:
        raise ValueError("the id is empty or contains NUL")
    properties = json.dumps(dict(entity.properties), ensure_ascii=False, sort_keys=True, allow_nan=False)
    return (
        entity.id,
        entity.type,
        entity.name,
        list(entity.aliases),
        sorted(entity.names.items()),
        entity.description,
        "" if properties == "{}" else properties,
    )


# ------------------------------------------------------------------ edges


def _write_edges(edges: Iterable[Edge], ids: Sequence[str], folder: Path) -> tuple[dict[str, int], NDArray[np.int32]]:
    """Write the edges; return the number of edges of each relation, by name, and the degrees of the nodes."""
    source, seen, target, names = _as_rows(edges, ids)
    relations = sorted(names)
    place = {name: at for at, name in enumerate(relations)}
    relation = np.array([place[name] for name in names], np.int32)[seen] if names else seen
    rows = np.stack([source, relation, target])
    rows = rows[:, np.lexsort(rows[::-1])]
    again = np.flatnonzero((rows[:, 1:] == rows[:, :-1]).all(axis=0))
    rows = np.delete(rows, again + 1, axis=1)
    degrees = np.bincount(rows[0], minlength=len(ids)) + np.bincount(rows[2], minlength=len(ids))
    degrees = degrees.astype(np.int32)
    np.save(folder / EDGES, rows)
    np.save(folder / DEGREES, degrees)
    (folder / RELATIONS).write_text(json.dumps(relations, ensure_ascii=False) + "\n", encoding="utf-8")
    counted = np.bincount(rows[1], minlength=len(relations))
    return dict(zip(relations, counted.tolist(), strict=True)), degrees


def _as_rows(
    edges: Iterable[Edge], ids: Sequence[str]
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32], list[str]]:
    """Return source, relation and target of every edge in the given order, and the relations in order of first use."""
    rows = {name: row for row, name in enumerate(ids)}
    codes: dict[str, int] = {}
    source, relation, target = array("i"), array("i"), array("i")
    for edge in edges:
        try:
            near, far = rows[edge.source], rows[edge.target]
        except KeyError as error:
            raise DataError(
                f"edge {edge} refers to {error.args[0]!r}, which is not an entity", "add that entity as well"
            ) from None
        source.append(near)
        target.append(far)
        relation.append(codes.setdefault(edge.relation, len(codes)))
    columns = [
        np.frombuffer(column, np.int32) if column else np.empty(0, np.int32) for column in (source, relation, target)
    ]
    return columns[0], columns[1], columns[2], list(codes)
