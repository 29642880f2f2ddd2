"""The releases of an index: which exist, which is live, and in which order they went live.

HISTORY lists the releases that were live, oldest first. A rollback removes the last entry, so that a second rollback
goes one release further back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from clew.core.errors import CorruptError, NotFoundError
from clew.core.files import sha256_file, write_atomic_spare
from clew.indexer.releases.override import Override
from clew.search.versions import IndexFolder, Release, load

HISTORY = "HISTORY"


@dataclass(frozen=True, slots=True)
class ReleaseInfo:
    """A release as `clew indexes list` shows it.

    documents, passages: counts, None if its version cannot be read. override_until: the last day of the override that
    it was published with, YYYY-MM-DD (None: no override). override_ended: whether that day is over.
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


def existing(home: Path, name: str) -> IndexFolder:
    """Return the folder of an index that has a release. Raises NotFoundError that suggests the nearest name."""
    folder = IndexFolder.of(home, name)
    if not folder.pointer.exists():
        folder.live()
    return folder


def releases(folder: IndexFolder) -> list[ReleaseInfo]:
    """List the releases of an index, newest first. Raises NotFoundError for an index that does not exist."""
    live, _ = folder.live()
    return [_info(folder, load(Release, folder.release(name)), live) for name in reversed(release_ids(folder))]


def release_ids(folder: IndexFolder) -> list[str]:
    """Return the ids of the existing releases, oldest first."""
    return sorted((path.stem for path in folder.root.glob("releases/r*.json")), key=number_of)


def number_of(name: str) -> int:
    """Return the running number in the id of a release ("r12") or version ("12-3f9a…"); 0 for another name."""
    digits = name.removeprefix("r").split("-")[0]
    return int(digits) if digits.isdigit() else 0


def next_number(folder: IndexFolder) -> int:
    """Return a number above those of all releases and versions that exist or existed."""
    versions = [path.name for path in folder.root.glob("versions/*")]
    return max(map(number_of, [*release_ids(folder), *versions, *history(folder)]), default=0) + 1


def history(folder: IndexFolder) -> list[str]:
    """Return the ids of the releases in the order in which they went live; the last one is live now."""
    try:
        found = (folder.root / HISTORY).read_text(encoding="ascii").split()
    except FileNotFoundError:
        found = []
    try:
        live, _ = folder.live()
    except (NotFoundError, CorruptError):
        return found
    if live in found:
        # A process that was killed between writing CURRENT and HISTORY leaves entries after the live one.
        del found[len(found) - found[::-1].index(live) :]
    else:
        found.append(live)
    return found


def set_live(folder: IndexFolder, release: str, entries: Sequence[str] | None = None) -> None:
    """Replace CURRENT, so that readers open this release from now on, and record the release in HISTORY.

    entries: the new history, which ends with this release (None: add the release to the present one). The caller holds
    the lock of the index.
    """
    before = history(folder)
    if entries is None:
        entries = before if before[-1:] == [release] else [*before, release]
    write_atomic_spare(folder.pointer, f"{release} {sha256_file(folder.release(release))}\n".encode())
    if list(entries) != before:
        _write_history(folder, entries)


def forget(folder: IndexFolder, gone: set[str]) -> None:
    """Remove deleted releases from the history. The caller holds the lock of the index."""
    left = [entry for entry in history(folder) if entry not in gone]
    _write_history(folder, [entry for at, entry in enumerate(left) if at == 0 or left[at - 1] != entry])


def _write_history(folder: IndexFolder, entries: Sequence[str]) -> None:
    write_atomic_spare(folder.root / HISTORY, ("\n".join(entries) + "\n").encode())


def _info(folder: IndexFolder, release: Release, live: str) -> ReleaseInfo:
    try:
        version = folder.read_version(release)
    except (NotFoundError, CorruptError):
        version = None
    override = Override.of_release(release)
    return ReleaseInfo(
        id=release.id,
        live=release.id == live,
        created=release.created,
        version=release.version,
        documents=version.documents if version else None,
        passages=version.passages if version else None,
        note=release.note,
        override_until=override.until.isoformat() if override else None,
        override_ended=override is not None and override.has_ended(),
    )
