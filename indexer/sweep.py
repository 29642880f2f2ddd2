"""Remove what no kept release needs."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from clew.core.artifacts import is_held
from clew.core.errors import CorruptError, NotFoundError, UsageError
from clew.core.lock import writing
from clew.indexer.publish import existing, forget, history, number_of
from clew.search.versions import IndexFolder, IndexVersion, Release, load

KEEP = 3
SWEPT = ".swept"


@dataclass(frozen=True, slots=True)
class SweepReport:
    """What `gc` removed. bytes: space freed; held: versions kept because a reader has them open."""

    index: str
    releases: tuple[str, ...]
    versions: tuple[str, ...]
    shards: tuple[str, ...]
    held: tuple[str, ...]
    bytes: int


def gc(home: Path, name: str, keep: int = KEEP, *, dry_run: bool = False) -> SweepReport:
    """Remove all but the `keep` newest releases, the live one, the one a rollback leads to, and what is open.

    Where the live one was published by an override, the release it was held against stays too: so is the next one.
    Also removes the staging of builds that were killed. dry_run: only say what would go. Raises CorruptError when a
    kept release cannot be read: what it needs is then not known, so nothing is removed.
    """
    if keep < 1:
        raise UsageError(f"keep is {keep}, expected at least 1", "the live release is always kept")
    folder = existing(home, name)
    with writing(folder.root):
        known = sorted((path.stem for path in folder.root.glob("releases/r*.json")), key=number_of)
        back = [entry for entry in history(folder) if entry in known][-2:]
        live = folder.live()[0]
        kept = {*known[-keep:], *back, live, *_measure_of(folder, live, known)}
        wanted = {load(Release, folder.release(release)).version for release in kept}
        versions = {path.name for path in folder.root.glob("versions/*") if path.is_dir()}
        held = {version for version in versions - wanted if is_held(folder.version(version))}
        gone_releases = [r for r in known if r not in kept and _version_of(folder, r) not in held]
        gone_versions = sorted(versions - wanted - held, key=number_of)
        needed = set(_shards_of(folder, versions & (wanted | held)))
        gone_shards = [path.name for path in sorted(folder.root.glob("shards/*")) if path.name not in needed]
        # A release goes before its version, a version before its shards, so that a kill leaves nothing dangling.
        paths = [folder.release(release) for release in gone_releases]
        paths += [folder.version(version) for version in gone_versions]
        paths += [folder.shard(address) for address in gone_shards]
        size = sum(map(_size, [*paths, folder.root / "staging"]))
        if not dry_run:
            sweep_staging(folder)
            forget(folder, set(gone_releases))
            for path in paths:
                _remove(path)
    return SweepReport(name, tuple(gone_releases), tuple(gone_versions), tuple(gone_shards), tuple(sorted(held)), size)


def sweep_staging(folder: IndexFolder) -> None:
    """Remove the staging folders of an index, and what killed writers left (the caller holds it)."""
    swept = folder.root / SWEPT
    shutil.rmtree(swept, ignore_errors=True)
    if (folder.root / "staging").exists():
        # Renamed first: a half removed staging folder would be taken for finished work.
        (folder.root / "staging").rename(swept)
        shutil.rmtree(swept, ignore_errors=True)
    for pattern in (".*.tmp", "releases/.*.tmp"):
        for left in folder.root.glob(pattern):
            left.unlink(missing_ok=True)


def _measure_of(folder: IndexFolder, live: str, known: Iterable[str]) -> list[str]:
    against = load(Release, folder.release(live)).override.get("against")
    return [release for release in known if release == against]


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
    if path.is_file():
        return path.stat().st_size
    return sum(inner.stat().st_size for inner in path.rglob("*") if inner.is_file())


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
