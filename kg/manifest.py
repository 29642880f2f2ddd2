"""The manifest of a graph snapshot: its contents, and how it is written and read."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from clew.core.errors import CorruptError
from clew.core.tables import read_table, record_of
from clew.kg.types import GraphCounts

FORMAT = 1
MANIFEST = "manifest.json"
GRAPH_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
SNAPSHOT_ID = re.compile(r"[0-9a-f]{16}")
_CHECKSUM = "checksum"
AGAIN = "load it again with `clew graph load`"


@dataclass(frozen=True, slots=True)
class GraphManifest:
    """The contents of one snapshot of a graph.

    name: name of the graph. id: the first 16 characters of the fingerprint; also the name of the folder. fingerprint:
    sha256 over the names and hashes of the files that are not derived. created: UTC, ISO 8601. counts: entities and
    edges. lineage: each source → its sha256 (or another string that identifies its version). licence: licence of the
    data. files: path → sha256 of every file except the manifest. derived: paths of the files that are computed from the
    others.
    """

    name: str
    id: str
    fingerprint: str
    created: str
    counts: GraphCounts
    lineage: Mapping[str, str]
    licence: str
    files: Mapping[str, str]
    derived: tuple[str, ...] = field(default=())
    format: int = FORMAT


def fingerprint_of(files: Mapping[str, str], derived: tuple[str, ...] = ()) -> str:
    """Return the sha256 over the names and hashes of the files that are not derived."""
    content = sorted((path, digest) for path, digest in files.items() if path not in derived)
    return hashlib.sha256(json.dumps([FORMAT, content]).encode()).hexdigest()


def dumps(manifest: GraphManifest) -> bytes:
    """Serialise a manifest as indented JSON, with a checksum over all its keys."""
    table = asdict(manifest)
    return (json.dumps({**table, _CHECKSUM: checksum_of(table)}, indent=1, ensure_ascii=False) + "\n").encode()


def checksum_of(table: Mapping[str, Any]) -> str:
    """Return the sha256 over all keys of a manifest's table but the checksum itself."""
    return hashlib.sha256(json.dumps(table, sort_keys=True).encode()).hexdigest()


def load(folder: Path) -> GraphManifest:
    """Read the manifest of a snapshot. Raises NotFoundError, CorruptError or FormatError that names the file.

    The fingerprint of the listed files is checked against the name of the folder, so a manifest for other files is
    detected. The checksum covers everything else; manifests of earlier versions of Clew have none.
    """
    path = folder / MANIFEST
    table = read_table(path, FORMAT, AGAIN, missing="list the graphs with `clew graph list`")
    checksum = table.pop(_CHECKSUM, None)
    if checksum is not None and checksum != checksum_of(table):
        raise CorruptError(f"{path} was changed after it was written (its checksum differs)", AGAIN)
    try:
        table |= {"counts": GraphCounts(**table["counts"]), "derived": tuple(table["derived"])}
    except (TypeError, KeyError) as error:
        raise CorruptError(f"{path} has a missing or unknown key: {error}", AGAIN) from None
    found = record_of(GraphManifest, table, path, AGAIN)
    fingerprint = fingerprint_of(found.files, found.derived)
    if not found.fingerprint == fingerprint or not fingerprint.startswith(found.id) or found.id != folder.name:
        raise CorruptError(f"{path} does not list the files that the name of its folder was computed from", AGAIN)
    return found
