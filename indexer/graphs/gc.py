"""Remove the snapshots of a graph that no index needs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from clew.core.artifacts import is_held
from clew.core.errors import UsageError
from clew.core.files import disk_errors
from clew.core.lock import writing
from clew.indexer.graphs.used import snapshot_of
from clew.kg.manifest import MANIFEST
from clew.kg.snapshot import graph_folder, list_snapshots
from clew.kg.snapshot_writer import STAGING
from clew.kg.spec import Neo4jSpec
from clew.kg.store import STORES
from clew.search.graph_retriever import graph_label
from clew.search.versions import IndexVersion, load

KEEP = 1


@dataclass(frozen=True, slots=True)
class GraphGcReport:
    """What `clew graph gc` removed.

    snapshots: removed ones, newest first. used: kept because a version of an index names them; held: kept because
    somebody has them open. labels: removed from Neo4j. bytes: space freed.
    """

    graph: str
    snapshots: tuple[str, ...]
    used: tuple[str, ...]
    held: tuple[str, ...]
    labels: tuple[str, ...]
    bytes: int


def gc(
    home: Path, name: str, keep: int = KEEP, *, dry_run: bool = False, neo4j: Neo4jSpec | None = None
) -> GraphGcReport:
    """Remove all but the `keep` newest snapshots of a graph, those that versions of indexes name, and what is open.

    dry_run: only say what would go. neo4j: a server from which the labels of the removed snapshots go as well.
    Raises CorruptError, NotFoundError or FormatError when a version of an index cannot be read: what it needs is then
    not known, so nothing is removed. StageUnavailable where the server cannot be reached.
    """
    if keep < 1:
        raise UsageError(f"keep is {keep}, expected at least 1", "builds that name the graph use its newest snapshot")
    root = graph_folder(home, name)
    list_snapshots(home, name)  # so that the lock makes no folder for a graph that is not there
    with writing(root), disk_errors(root):
        known = [manifest.id for manifest in list_snapshots(home, name)]
        named = set(_named(home, root))
        others = [snapshot for snapshot in known[keep:] if snapshot not in named]
        held = [snapshot for snapshot in others if is_held(root / snapshot)]
        gone = [snapshot for snapshot in others if snapshot not in held]
        labels = [graph_label(snapshot) for snapshot in gone if neo4j and not _is_elsewhere(home, root, snapshot)]
        left = [path for path in (root / STAGING, *root.glob(".*.old")) if path.exists()]
        size = sum(map(_size, [*(root / snapshot for snapshot in gone), *left]))
        if not dry_run:
            # The server first: a snapshot that is still there is found again by the next call.
            for label in labels:
                assert neo4j is not None  # noqa: S101 - there are labels
                _forget(neo4j, label)
            for path in left:
                shutil.rmtree(path)
            for snapshot in gone:
                _remove(root / snapshot)
    used = tuple(snapshot for snapshot in known if snapshot in named)
    return GraphGcReport(name, tuple(gone), used, tuple(held), tuple(labels), size)


def _named(home: Path, root: Path) -> Iterator[str]:
    """Snapshots of a graph that versions of the indexes under a home name, whether live, rolled back from or old."""
    for version in sorted(home.glob("indexes/*/versions/*")):
        if version.is_dir() and not version.name.startswith("."):
            folder = snapshot_of(home, load(IndexVersion, version / "version.json").spec)
            if folder is not None and folder.parent == root:
                yield folder.name


def _is_elsewhere(home: Path, root: Path, snapshot: str) -> bool:
    """Whether another graph of the home is the same: a label in Neo4j says only what is in it."""
    return any(path.parents[1] != root for path in home.glob(f"graphs/*/{snapshot}/{MANIFEST}"))


def _forget(spec: Neo4jSpec, label: str) -> None:
    store = STORES["neo4j"](spec, label=label)
    try:
        store.forget()
    finally:
        store.close()


def _remove(folder: Path) -> None:
    # Renamed first: a snapshot that is half removed would be taken for a damaged one.
    aside = folder.with_name(f".{folder.name}.old")
    folder.rename(aside)
    shutil.rmtree(aside)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
