"""Write a release and make it live. Only the atomic replacement of `CURRENT` changes which release is served.

Builds, tuning and imports all write their releases here. The caller of a function that takes an IndexFolder holds the
lock of the index (`clew.core.lock.writing`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from clew.core.artifacts import promote
from clew.core.clock import now
from clew.core.errors import NotFoundError
from clew.core.files import disk_errors, sha256_file, write_atomic
from clew.core.lock import writing
from clew.indexer.releases.history import existing, history, next_number, number_of, release_ids, set_live
from clew.indexer.releases.override import Override, check_not_ended
from clew.indexer.releases.verify import is_shard_intact, open_verified
from clew.search.versions import IndexFolder, IndexVersion, Release, dumps

VERSION_FILE = "version.json"


def write_release(
    folder: IndexFolder,
    version: IndexVersion,
    note: str,
    *,
    learned: Mapping[str, Any] | None = None,
    reranker: Mapping[str, Any] | None = None,
    override: Override | None = None,
    live: bool = True,
) -> str:
    """Write a release of a version that is already in its final folder, and make it live; return its id.

    The first release of a version has the version's number, a later one the next free number. note: how the release was
    made. learned: part → learned parameters. reranker: as in a Release. live: False writes it without making it live.
    """
    number = number_of(version.id)
    if any(number_of(name) >= number for name in [*release_ids(folder), *history(folder)]):
        number = next_number(folder)
    release = Release(
        id=f"r{number}",
        index=folder.name,
        version=version.id,
        version_sha256=sha256_file(folder.version(version.id) / VERSION_FILE),
        created=now(),
        learned=learned or {},
        note=note,
        reranker=reranker or {},
        override=override.as_table() if override else {},
    )
    write_atomic(folder.release(release.id), dumps(release))
    if live:
        set_live(folder, release.id)
    return release.id


def install_version(folder: IndexFolder, staged: IndexFolder, version: IndexVersion) -> None:
    """Move a staged version and its shards to their final folders, the version last.

    A shard that already exists and is undamaged is kept.
    """
    for address, _ in version.shards:
        if not is_shard_intact(folder.shard(address)):
            promote(staged.shard(address), folder.shard(address))
    write_atomic(staged.version(version.id) / VERSION_FILE, dumps(version))
    promote(staged.version(version.id), folder.version(version.id))


def renamed(version: IndexVersion, number: int, index: str) -> IndexVersion:
    """Return the version with another running number and index name."""
    return replace(version, id=f"{number}-{version.content[:8]}", index=index)


# ------------------------------------------------------------------ commands, which take the lock themselves


def publish_learned(home: Path, name: str, learned: Mapping[str, Mapping[str, Any] | None], note: str) -> str:
    """Publish the live version again with newly learned parameters; return the id of the new live release.

    learned: part → parameters, None to drop that part; all other parts are copied from the live release. Raises
    NotFoundError, LockedError, CorruptError.
    """
    folder = existing(home, name)
    with writing(folder.root), disk_errors(folder.root):
        live = folder.read_release()
        parts = {**live.learned, **learned}
        return write_release(
            folder,
            folder.read_version(live),
            note,
            learned={part: dict(table) for part, table in parts.items() if table is not None},
            reranker=live.reranker,
            override=Override.of_release(live),
        )


def activate(home: Path, name: str, release: str) -> Release:
    """Verify all files of a release, open it, and make it live.

    Raises NotFoundError, the errors of `open_verified`, and QualityError if the release's override has ended, unless
    the release is already live: activating the live release repairs a damaged CURRENT.
    """
    folder = existing(home, name)
    with writing(folder.root), disk_errors(folder.root):
        chosen = _verified(home, folder, release)
        if history(folder)[-1:] != [release]:
            check_not_ended(chosen)
        set_live(folder, release)
    return chosen


def rollback(home: Path, name: str) -> Release:
    """Make the previous live release live again, after the checks of `activate`.

    Raises NotFoundError if there is none. A release whose override has ended is accepted, because a rollback is needed
    when the live release is worse; the caller tells the user that it has ended.
    """
    folder = existing(home, name)
    with writing(folder.root), disk_errors(folder.root):
        entries = history(folder)
        before = [entry for entry in entries[:-1] if folder.release(entry).exists()]
        if not before:
            raise NotFoundError(
                f"index {name!r} has no release before {entries[-1] if entries else 'the first'}",
                f"see its releases with `clew indexes show {name}`, and choose one with `clew indexes activate`",
            )
        chosen = _verified(home, folder, before[-1])
        set_live(folder, before[-1], before)
    return chosen


def _verified(home: Path, folder: IndexFolder, release: str) -> Release:
    chosen = folder.read_release(release)
    open_verified(home, folder, chosen).close()
    return chosen
