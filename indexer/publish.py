"""Make a version live, and change which release is: `CURRENT` is replaced atomically, nothing else changes serving.

HISTORY lists the releases that were live, oldest first, so that a rollback leads to the release that was live
before, and a second one further back, also after a release that was rolled back from.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clew.core.artifacts import promote, verify_files
from clew.core.clock import now
from clew.core.errors import CorruptError, NotFoundError, nearest
from clew.core.files import disk_errors, sha256_file, write_atomic
from clew.core.lock import writing
from clew.indexer.graphs.used import check_graph
from clew.indexer.override import check_not_ended, has_ended, until
from clew.search.versions import IndexFolder, IndexVersion, Release, ShardManifest, dumps, load

if TYPE_CHECKING:
    from clew.search.pipeline import Searcher

HISTORY = "HISTORY"
VERSION_FILE = "version.json"


@dataclass(frozen=True, slots=True)
class ReleaseInfo:
    """A release as `clew indexes list` shows it.

    override_until: the last day on which the override that it lives on holds (None: on none); override_ended: whether
    that is over.
    """

    id: str
    live: bool
    created: str
    version: str
    documents: int | None
    passages: int | None
    note: str
    override_until: str | None = None
    override_ended: bool = False


def releases(folder: IndexFolder) -> list[ReleaseInfo]:
    """Releases of an index, newest first. Raises NotFoundError for an index that is not there."""
    live, _ = folder.live()
    found = []
    for path in sorted(folder.root.glob("releases/r*.json"), key=lambda path: number_of(path.stem), reverse=True):
        release = load(Release, path)
        try:
            version = folder.read_version(release)
        except (NotFoundError, CorruptError):
            version = None
        found.append(
            ReleaseInfo(
                id=release.id,
                live=release.id == live,
                created=release.created,
                version=release.version,
                documents=version.documents if version else None,
                passages=version.passages if version else None,
                note=release.note,
                override_until=until(release) or None,
                override_ended=has_ended(release),
            )
        )
    return found


def number_of(name: str) -> int:
    """The running number in the id of a release ("r12") or version ("12-3f9a…")."""
    digits = name.removeprefix("r").split("-")[0]
    return int(digits) if digits.isdigit() else 0


def next_number(folder: IndexFolder) -> int:
    """A number that no release or version has, above all that are there."""
    names = [path.stem for path in folder.root.glob("releases/r*.json")]
    names += [path.name for path in folder.root.glob("versions/*")]
    return max(map(number_of, [*names, *history(folder)]), default=0) + 1


# ------------------------------------------------------------------ going live (the caller holds the index)


def promote_shard(folder: IndexFolder, address: str, staged: Path) -> None:
    """Bring a staged shard under its address; a good one that is there already is kept."""
    target = folder.shard(address)
    if good_shard(target):
        return
    promote(staged, target)


def good_shard(directory: Path) -> bool:
    """Whether a shard folder is there and every file is what its manifest says."""
    try:
        verify_files(directory, load(ShardManifest, directory / "manifest.json").files)
    except (NotFoundError, CorruptError):
        return False
    return True


def write_release(
    folder: IndexFolder,
    version: IndexVersion,
    note: str,
    learned: Mapping[str, Any] | None = None,
    reranker: Mapping[str, Any] | None = None,
    override: Mapping[str, Any] | None = None,
    *,
    number: int | None = None,
) -> Release:
    """Write a release of a version that is in place; it is not live yet.

    number: the release's running number (None: the version's), which no other release has.
    """
    release = Release(
        id=f"r{number_of(version.id) if number is None else number}",
        index=folder.name,
        version=version.id,
        version_sha256=sha256_file(folder.version(version.id) / VERSION_FILE),
        created=now(),
        learned=learned or {},
        note=note,
        reranker=reranker or {},
        override=override or {},
    )
    write_atomic(folder.release(release.id), dumps(release))
    return release


def point_at(folder: IndexFolder, release: str) -> None:
    """Replace CURRENT: from here on readers open this release."""
    before = history(folder)
    digest = hashlib.sha256(folder.release(release).read_bytes()).hexdigest()
    write_atomic(folder.pointer, f"{release} {digest}\n".encode())
    if before[-1:] != [release]:
        _write_history(folder, [*before, release])


def history(folder: IndexFolder) -> list[str]:
    """Releases in the order they went live; the last one is the live one."""
    try:
        found = (folder.root / HISTORY).read_text(encoding="ascii").split()
    except FileNotFoundError:
        found = []
    try:
        live, _ = folder.live()
    except (NotFoundError, CorruptError):
        return found
    if live in found:
        # A kill between CURRENT and HISTORY leaves entries after the live one.
        del found[len(found) - found[::-1].index(live) :]
    else:
        found.append(live)
    return found


def _write_history(folder: IndexFolder, entries: list[str]) -> None:
    write_atomic(folder.root / HISTORY, ("\n".join(entries) + "\n").encode())


def forget(folder: IndexFolder, gone: set[str]) -> None:
    """Take swept releases out of the history."""
    kept = [entry for entry in history(folder) if entry not in gone]
    _write_history(folder, [entry for at, entry in enumerate(kept) if at == 0 or kept[at - 1] != entry])


# ------------------------------------------------------------------ commands


def activate(home: Path, name: str, release: str) -> Release:
    """Make a release live, after its version and shards were found whole and it was opened.

    Raises NotFoundError, what `open_whole` raises, and QualityError for one whose override has ended, unless it is live
    already: naming that again mends a damaged CURRENT.
    """
    folder = existing(home, name)
    with writing(folder.root), disk_errors(folder.root):
        chosen = _checked(home, folder, release)
        if history(folder)[-1:] != [release]:
            check_not_ended(chosen)
        point_at(folder, release)
    return chosen


def rollback(home: Path, name: str) -> Release:
    """Make the release live that was live before, checked as by `activate`. Raises NotFoundError where there is none.

    Also one whose override has ended: it is the way out of something worse, and whoever calls says so.
    """
    folder = existing(home, name)
    with writing(folder.root), disk_errors(folder.root):
        entries = history(folder)
        before = [entry for entry in entries[:-1] if folder.release(entry).exists()]
        if not before:
            raise NotFoundError(
                f"index {name!r} has no release before {entries[-1] if entries else 'the first'}",
                f"`clew indexes show {name}` lists its releases",
            )
        chosen = _checked(home, folder, before[-1])
        write_atomic(folder.pointer, f"{before[-1]} {sha256_file(folder.release(before[-1]))}\n".encode())
        _write_history(folder, before)
    return chosen


def existing(home: Path, name: str) -> IndexFolder:
    """The folder of an index that has been published at least once. Raises NotFoundError with the nearest name."""
    folder = IndexFolder.of(home, name)
    if not folder.pointer.exists():
        folder.live()
    return folder


def check_release(home: Path, folder: IndexFolder, release: Release) -> IndexVersion:
    """Read everything that a release needs, its graph too. Raises CorruptError or NotFoundError that names the file."""
    version = folder.read_version(release)
    verify_files(folder.version(version.id), version.files)
    for address, digest in version.shards:
        manifest = load(ShardManifest, folder.shard(address) / "manifest.json", digest)
        verify_files(folder.shard(address), manifest.files)
    check_graph(home, version.spec)
    return version


def open_whole(home: Path, folder: IndexFolder, release: Release) -> Searcher:
    """Open a release as readers will, after every file that it needs was read. The caller closes it.

    Raises what `check_release` and `clew.search.assemble.open_version` raise: files may be whole, and the spec,
    the models or the text analysis not those of this Clew.
    """
    from clew.search.assemble import open_version

    return open_version(folder, check_release(home, folder, release), home, release, verify=False)


def _checked(home: Path, folder: IndexFolder, release: str) -> Release:
    known = [path.stem for path in folder.root.glob("releases/*.json")]
    if release not in known:
        raise NotFoundError(f"index {folder.name!r} has no release {release!r}", nearest(release, known))
    chosen = folder.read_release(release)
    open_whole(home, folder, chosen).close()
    return chosen


def renamed(version: IndexVersion, number: int, index: str) -> IndexVersion:
    """A version under a running number of its own, in another index."""
    return replace(version, id=f"{number}-{version.content[:8]}", index=index)
