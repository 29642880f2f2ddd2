"""Remove the snapshots of a graph that no index needs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from clew.core.artifacts import is_in_use
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
    """The result of `clew graph gc`.

    snapshots: removed snapshots, newest first. used: kept because a version of an index uses them. held: kept because
    they are open. labels: labels removed from Neo4j. bytes: freed disk space.
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
    """Remove the snapshots of a graph, except the `keep` newest, those that an index version uses, and open ones.

    dry_run: only report what would be removed. neo4j: a server from which the labels of these snapshots are removed as
    well. Raises CorruptError, NotFoundError or FormatError if a version of an index cannot be read: the snapshots it
    needs are unknown then, so nothing is removed. Raises StageUnavailable if the server cannot be reached.
    """
    if keep < 1:
        raise UsageError(f"keep is {keep}, expected at least 1", "builds that name the graph use its newest snapshot")
    root = graph_folder(home, name)
    list_snapshots(home, name)  # raises for an unknown graph, before the lock creates its folder
    with writing(root), disk_errors(root):
        known = [manifest.id for manifest in list_snapshots(home, name)]
        named = set(_used_snapshots(home, root))
        others = [snapshot for snapshot in known[keep:] if snapshot not in named]
        held = [snapshot for snapshot in others if is_in_use(root / snapshot)]
        gone = [snapshot for snapshot in others if snapshot not in held]
        labels = [graph_label(snapshot) for snapshot in gone if neo4j and not _is_elsewhere(home, root, snapshot)]
        left = [path for path in (root / STAGING, *root.glob(".*.old")) if path.exists()]
        size = sum(map(_size, [*(root / snapshot for snapshot in gone), *left]))
        if not dry_run:
            # The server first: after an error, the snapshot still exists and the next call finds it.
            for label in labels:
                assert neo4j is not None  # noqa: S101 - there are labels
                _forget(neo4j, label)
            for path in left:
                shutil.rmtree(path)
            for snapshot in gone:
                _remove(root / snapshot)
    used = tuple(snapshot for snapshot in known if snapshot in named)
    return GraphGcReport(name, tuple(gone), used, tuple(held), tuple(labels), size)


def remove_unused(home: Path, snapshot: Path) -> None:
    """Remove the folder of a snapshot, unless an index version uses it or it is open. Raises as `gc` does."""
    root = snapshot.parent
    with writing(root), disk_errors(root):
        if snapshot.name not in set(_used_snapshots(home, root)) and not is_in_use(snapshot):
            _remove(snapshot)


def _used_snapshots(home: Path, root: Path) -> Iterator[str]:
    """Yield the snapshots of a graph that any version of an index under a home uses, live or not."""
    for version in sorted(home.glob("indexes/*/versions/*")):
        if version.is_dir() and not version.name.startswith("."):
            folder = snapshot_of(home, load(IndexVersion, version / "version.json").spec)
            if folder is not None and folder.parent == root:
                yield folder.name


def _is_elsewhere(home: Path, root: Path, snapshot: str) -> bool:
    """Return whether another graph of the home has the same snapshot: both share one label in Neo4j."""
    return any(path.parents[1] != root for path in home.glob(f"graphs/*/{snapshot}/{MANIFEST}"))


def _forget(spec: Neo4jSpec, label: str) -> None:
    store = STORES["neo4j"](spec, label=label)
    try:
        store.forget()
    finally:
        store.close()


def _remove(folder: Path) -> None:
    # Rename it first, because a partly removed snapshot would look like a damaged one.
    aside = folder.with_name(f".{folder.name}.old")
    folder.rename(aside)
    shutil.rmtree(aside)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
