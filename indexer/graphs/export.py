"""Export a snapshot to files of nodes and edges; loading them again gives the same snapshot."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from clew.core.errors import StoreError
from clew.core.files import disk_errors
from clew.indexer.graphs.records import EDGE_KEYS, NODE_KEYS
from clew.kg.snapshot import Snapshot, find_snapshot
from clew.kg.types import Entity

GraphForm = Literal["jsonl", "csv", "parquet"]
Row = Mapping[str, Any]
_BATCH = 4096


@dataclass(frozen=True, slots=True)
class ExportReport:
    """The result of an export. id: id of the snapshot. entities, links: numbers of rows. nodes, edges: the files."""

    graph: str
    id: str
    entities: int
    links: int
    nodes: str
    edges: str


def export(home: Path, name: str, target: Path, form: GraphForm = "jsonl", id: str | None = None) -> ExportReport:  # noqa: A002
    """Write a snapshot (None: the newest) as nodes.<form> and edges.<form> in `target`, after checking all its hashes.

    Raises NotFoundError, CorruptError, StoreError if the folder cannot be written.
    """
    snapshot = Snapshot.open(find_snapshot(home, name, id))
    nodes, edges = target / f"nodes.{form}", target / f"edges.{form}"
    try:
        target.mkdir(parents=True, exist_ok=True)
        links = (
            {"source": edge.source, "relation": edge.relation, "target": edge.target} for edge in snapshot.all_edges()
        )
        with disk_errors(target):
            row_of = _flat if form == "jsonl" else _cells
            _WRITERS[form](nodes, map(row_of, snapshot.all_entities()), NODE_KEYS)
            _WRITERS[form](edges, links, EDGE_KEYS)
    except (FileExistsError, NotADirectoryError, PermissionError) as error:
        raise StoreError(f"{target} cannot be written: {error.strerror}", "choose another folder with --to") from None
    finally:
        snapshot.close()
    return ExportReport(name, snapshot.id, snapshot.counts.entities, snapshot.counts.edges, str(nodes), str(edges))


def _flat(entity: Entity) -> dict[str, Any]:
    """Return an entity as the object of a JSON line, without empty fields.

    Properties become keys of this object, except those whose name is a key of nodes or whose value is None: these stay
    under "properties".
    """
    row = {key: value for key in NODE_KEYS if (value := getattr(entity, key)) and key != "properties"}
    top_level = {key: v for key, v in entity.properties.items() if key not in NODE_KEYS and v is not None}
    nested = {key: v for key, v in entity.properties.items() if key not in top_level}
    return row | top_level | ({"properties": nested} if nested else {})


def _cells(entity: Entity) -> dict[str, Any]:
    """Return an entity as a row of a table: names and properties are JSON, an empty field is None."""
    return {
        "id": entity.id,
        "type": entity.type or None,
        "name": entity.name or None,
        "aliases": list(entity.aliases) or None,
        "names": _json(dict(entity.names)) if entity.names else None,
        "description": entity.description or None,
        "properties": _json(dict(entity.properties)) if entity.properties else None,
    }


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


# ------------------------------------------------------------------ forms


@contextmanager
def _write_then_rename(path: Path) -> Iterator[Path]:
    """Yield a temporary path that is renamed to `path` after everything is written."""
    part = path.with_name(f".{path.name}.part")
    try:
        yield part
        part.replace(path)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _write_jsonl(path: Path, rows: Iterable[Row], keys: tuple[str, ...]) -> None:  # noqa: ARG001 - rows have them
    with _write_then_rename(path) as part, part.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(_json(row) + "\n" for row in rows)


def _write_csv(path: Path, rows: Iterable[Row], keys: tuple[str, ...]) -> None:
    with _write_then_rename(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)  # lines end in \r\n, so cells with either character are quoted
        writer.writerow(keys)
        for row in rows:
            cells = (row[key] for key in keys)
            writer.writerow(_json(cell) if isinstance(cell, list) else cell for cell in cells)


def _write_parquet(path: Path, rows: Iterable[Row], keys: tuple[str, ...]) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    kinds = {"aliases": pa.list_(pa.string())}
    schema = pa.schema([(key, kinds.get(key, pa.string())) for key in keys])
    left = iter(rows)
    with _write_then_rename(path) as part, parquet.ParquetWriter(str(part), schema) as writer:
        while batch := list(islice(left, _BATCH)):
            writer.write_table(pa.Table.from_pylist(batch, schema))


_WRITERS: Mapping[GraphForm, Callable[[Path, Iterable[Row], tuple[str, ...]], None]] = {
    "jsonl": _write_jsonl,
    "csv": _write_csv,
    "parquet": _write_parquet,
}
