"""The graph snapshot of an index version: lock it during a build, verify it, import it from another home."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clew.core.artifacts import SharedLock, digest_files, promote, verify_files
from clew.core.errors import CorruptError, DataError, FormatError, NotFoundError, StoreError
from clew.core.files import disk_errors
from clew.core.lock import writing
from clew.kg.manifest import MANIFEST, SNAPSHOT_ID, GraphManifest, load
from clew.kg.snapshot import graph_folder


@dataclass(frozen=True, slots=True)
class UsedGraph:
    """The graph of an index. store: graph store of its queries. entities, edges: counts, None without the snapshot."""

    name: str
    snapshot: str
    store: str
    entities: int | None
    edges: int | None


def snapshot_of(home: Path, spec: Mapping[str, Any]) -> Path | None:
    """Return the folder of the snapshot that a version's spec names, even if it does not exist; None without a graph.

    Raises NotFoundError for an invalid name and CorruptError for an invalid id, because the spec can be from another
    home.
    """
    graph = spec.get("graph")
    if graph is None:
        return None
    if not SNAPSHOT_ID.fullmatch(str(graph["snapshot"])):
        raise CorruptError(
            f"the spec names the snapshot {graph['snapshot']!r}, which is not a snapshot id", "build the index again"
        )
    return graph_folder(home, str(graph["name"])) / str(graph["snapshot"])


def described(home: Path, spec: Mapping[str, Any]) -> UsedGraph | None:
    """Return the graph of a version's spec, even if its snapshot cannot be read."""
    folder = snapshot_of(home, spec)
    if folder is None:
        return None
    store = str(spec["graph"]["store"])
    try:
        counts = load(folder).counts
    except (NotFoundError, CorruptError, FormatError):
        return UsedGraph(folder.parent.name, folder.name, store, None, None)
    return UsedGraph(folder.parent.name, folder.name, store, counts.entities, counts.edges)


def check_graph(home: Path, spec: Mapping[str, Any]) -> GraphManifest | None:
    """Verify every file of a version's snapshot and return its manifest; None without a graph.

    Raises NotFoundError or CorruptError that names the file, FormatError.
    """
    folder = snapshot_of(home, spec)
    if folder is None:
        return None
    name = folder.parent.name
    hint = f"load the same files again with `clew graph load {name}`, or build the index again"
    try:
        return _verified_manifest(folder)
    except NotFoundError as error:
        raise NotFoundError(f"graph {name!r}: {error.message}", hint) from None
    except CorruptError as error:
        raise CorruptError(f"graph {name!r}: {error.message}", hint) from None


def is_intact(folder: Path) -> bool:
    """Return whether a snapshot exists and every file has the hash in its manifest."""
    try:
        _verified_manifest(folder)
    except (NotFoundError, CorruptError, FormatError):
        return False
    return True


def _verified_manifest(folder: Path) -> GraphManifest:
    manifest = load(folder)
    verify_files(folder, manifest.files)
    return manifest


@contextmanager
def lock_snapshot(home: Path, spec: Mapping[str, Any]) -> Iterator[None]:
    """Prevent the removal of a version's snapshot by `gc` before the version itself is published."""
    folder = snapshot_of(home, spec)
    shared_lock = SharedLock(folder) if folder is not None else None
    try:
        yield
    finally:
        if shared_lock is not None:
            shared_lock.release()


# ------------------------------------------------------------------ from one home to another


def check_imported(staged: Path, source: Path, spec: Mapping[str, Any]) -> None:
    """Check an imported snapshot against its own manifest and the spec of the version.

    staged: its folder, named after its id. source: the imported file, for messages. Raises CorruptError, DataError.
    """
    again = "export it again"
    try:
        manifest = _verified_manifest(staged)
    except (NotFoundError, CorruptError) as error:
        raise CorruptError(f"{source}: graph: {error.message}", again) from None
    if manifest.name != spec["graph"]["name"]:
        raise CorruptError(f"{source}: graph/{MANIFEST} belongs to another graph, {manifest.name!r}", again)
    for name in digest_files(staged, leave_out=(MANIFEST,)):
        if name not in manifest.files:
            raise DataError(
                f"{source} contains 'graph/{name}', which its manifest does not list",
                "export it again, because it was changed",
            )


def install_snapshot(staged: Path, home: Path, spec: Mapping[str, Any], held: ExitStack) -> Path | None:
    """Move a checked snapshot to its place in the home; return its folder if it is new, None if it existed before.

    An existing snapshot is left unchanged if it is the same, and replaced if it is damaged. held: until it is closed,
    the snapshot is in use and not removed. Raises StoreError if it has other files.
    """
    target = snapshot_of(home, spec)
    assert target is not None  # noqa: S101 - the caller has a graph
    with writing(target.parent), disk_errors(target.parent):
        is_new = not target.exists()
        if not is_intact(target):
            promote(staged, target)
        elif dict(load(target).files) != dict(load(staged).files):
            raise StoreError(
                f"graph {target.parent.name!r} already has other files in the snapshot {target.name}",
                "import into another --home, or load both graphs again with the same version of Clew",
            )
        held.callback(SharedLock(target).release)
    return target if is_new else None
