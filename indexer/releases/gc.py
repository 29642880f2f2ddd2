"""Garbage collection: remove releases, versions and shards that are no longer needed."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from clew.core.artifacts import is_in_use
from clew.core.errors import CorruptError, NotFoundError, UsageError
from clew.core.lock import writing
from clew.indexer.releases.history import existing, forget, history, number_of, release_ids
from clew.indexer.releases.override import Override
from clew.indexer.releases.pinned import unused_models
from clew.search.versions import IndexFolder, IndexVersion, Release, load

KEEP = 3
_REMOVED = ".swept"


@dataclass(frozen=True, slots=True)
class GcReport:
    """The ids of what `gc` removed. held: versions that were not removed because a reader has them open.

    models: addresses of pinned models that no index of the home needs any more. unread: why no models were removed, ""
    if it is known which ones are needed. bytes: the space that was freed.
    """

    index: str
    releases: tuple[str, ...]
    versions: tuple[str, ...]
    shards: tuple[str, ...]
    held: tuple[str, ...]
    bytes: int
    models: tuple[str, ...] = ()
    unread: str = ""


def gc(home: Path, name: str, keep: int = KEEP, *, dry_run: bool = False) -> GcReport:
    """Remove all releases except the `keep` newest, the live one, the target of a rollback, and those that are open.

    If the live release was published with an override, the release that it was compared with is kept too, because the
    next build is compared with it. Files that killed builds left behind are removed as well, and so are the pinned
    models that no release of any index of the home names. keep: at least 1. dry_run:
    only report what would be removed. Raises CorruptError if a release that is kept cannot be read: nothing is removed
    then, because it is unknown which files it needs.
    """
    if keep < 1:
        raise UsageError(f"keep is {keep}, expected at least 1", "use --keep 1 to keep as few as possible")
    folder = existing(home, name)
    with writing(folder.root):
        known = release_ids(folder)
        back = [entry for entry in history(folder) if entry in known][-2:]
        live = folder.live()[0]
        stay = {*known[-keep:], *back, live, *_baseline_of(folder, live, known)}
        wanted = {load(Release, folder.release(release)).version for release in stay}
        versions = {path.name for path in folder.root.glob("versions/*") if path.is_dir()}
        held = {version for version in versions - wanted if is_in_use(folder.version(version))}
        gone_releases = [r for r in known if r not in stay and _version_of(folder, r) not in held]
        gone_versions = sorted(versions - wanted - held, key=number_of)
        needed = set(_shards_of(folder, versions & (wanted | held)))
        gone_shards = [path.name for path in sorted(folder.root.glob("shards/*")) if path.name not in needed]
        # Releases are removed before their versions, and versions before their shards, so that a kill leaves no
        # dangling reference.
        paths = [folder.release(release) for release in gone_releases]
        paths += [folder.version(version) for version in gone_versions]
        paths += [folder.shard(address) for address in gone_shards]
        with unused_models(home, set(paths)) as (models, unread):
            size = sum(map(_size, [*paths, folder.root / "staging", *models]))
            if not dry_run:
                remove_staging(folder)
                forget(folder, set(gone_releases))
                for path in [*paths, *models]:
                    _remove(path)
    gone = (tuple(gone_releases), tuple(gone_versions), tuple(gone_shards), tuple(sorted(held)))
    return GcReport(name, *gone, size, tuple(path.name for path in models), unread)


def remove_staging(folder: IndexFolder) -> None:
    """Remove the staging folders of an index and the temporary files of killed writers.

    The caller holds the lock of the index.
    """
    removed = folder.root / _REMOVED
    shutil.rmtree(removed, ignore_errors=True)
    if (folder.root / "staging").exists():
        # Renamed first, because a build would reuse a partly removed staging folder as finished work.
        (folder.root / "staging").rename(removed)
        shutil.rmtree(removed, ignore_errors=True)
    for pattern in (".*.tmp", "releases/.*.tmp"):
        for left in folder.root.glob(pattern):
            left.unlink(missing_ok=True)


def _baseline_of(folder: IndexFolder, live: str, known: Iterable[str]) -> list[str]:
    override = Override.of_release(load(Release, folder.release(live)))
    return [release for release in known if override and release == override.baseline]


def _version_of(folder: IndexFolder, release: str) -> str:
    try:
        return load(Release, folder.release(release)).version
    except (CorruptError, NotFoundError):
        return ""


def _shards_of(folder: IndexFolder, versions: Iterable[str]) -> list[str]:
    return [
        address
        for version in versions
        for address, _ in load(IndexVersion, folder.version(version) / "version.json").shards
    ]


def _size(path: Path) -> int:
    files = [path] if path.is_file() else [inner for inner in path.rglob("*") if inner.is_file()]
    # A file with another link stays on the disk.
    return sum(found.st_size for found in (file.stat() for file in files) if found.st_nlink == 1)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
