"""Immutable folders whose manifests list the sha256 of every file: digest, verify, promote, and hold while open."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from stat import S_ISREG

from clew.core.errors import CorruptError
from clew.core.files import fsync_directory, fsync_tree, sha256_file
from clew.core.tables import REBUILD

SHARED_LOCK_FILE = ".open"

# A path relative to a folder that stays in it.
_INSIDE = re.compile(r"(?!(?:.*/)?\.{0,2}(?:/|$))[^\\\x00]+")


def digest_files(directory: Path, leave_out: tuple[str, ...] = ()) -> dict[str, str]:
    """Return path relative to `directory` → sha256 of every file under it. leave_out: relative paths to skip."""
    found = {}
    for path in sorted(directory.rglob("*")):
        name = path.relative_to(directory).as_posix()
        if path.is_file() and name not in leave_out and name != SHARED_LOCK_FILE:
            found[name] = sha256_file(path)
    return found


def verify_files(directory: Path, files: Mapping[str, str]) -> None:
    """Check the sha256 of every file. Raises CorruptError that names the first file that is missing or was changed.

    A name that leads out of the folder, and anything but a plain file under a name, is an error too.
    """
    for name, digest in files.items():
        if not isinstance(name, str) or not _INSIDE.fullmatch(name):
            raise CorruptError(
                f"the manifest of {directory} lists {str(name)[:200]!r}, which is not a file in it", REBUILD
            )
        path = directory / name
        try:
            if not S_ISREG(path.stat().st_mode):
                raise CorruptError(f"{path} is not a plain file", REBUILD)
            found = sha256_file(path)
        except (FileNotFoundError, NotADirectoryError):
            raise CorruptError(f"{path} is missing", REBUILD) from None
        except OSError as error:
            raise CorruptError(f"{path} cannot be read: {error.strerror}", REBUILD) from None
        if found != digest:
            raise CorruptError(f"{path} was changed after it was written (sha256 differs)", REBUILD)


def link_tree(source: Path, target: Path) -> None:
    """Replace `target` by a folder with the files of `source`, as hard links if the file system supports them.

    Only for files that are never modified, because a link shares its content with the source.
    """
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, copy_function=link_file)


def link_file(source: str | Path, target: str | Path) -> None:
    """Make `target` a hard link to `source`, or a copy if the file system or its owner does not allow the link."""
    try:
        Path(target).hardlink_to(source)
    except OSError:
        shutil.copyfile(source, target)


def promote(staged: Path, target: Path) -> None:
    """Move a finished folder to its final name, durably. An existing folder of that name is replaced.

    A caller whose folder names are content hashes keeps a valid existing folder instead of calling this.
    """
    fsync_tree(staged)
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        # Readers that have files of the old folder open can go on reading them. The rename frees the name.
        aside = target.with_name(f".{target.name}.old")
        shutil.rmtree(aside, ignore_errors=True)
        target.rename(aside)
        staged.rename(target)
        shutil.rmtree(aside, ignore_errors=True)
    else:
        staged.rename(target)
    fsync_directory(target.parent)
    if staged.parent.is_dir():
        fsync_directory(staged.parent)


class SharedLock:
    """A shared lock that protects an open folder from garbage collection; it is released when the process ends."""

    def __init__(self, directory: Path) -> None:
        """Take the lock. In a home without write access nothing can be deleted, so no lock is needed."""
        self._descriptor: int | None = None
        try:
            self._descriptor = os.open(directory / SHARED_LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            fcntl.flock(self._descriptor, fcntl.LOCK_SH)
        except OSError:
            self.release()

    def release(self) -> None:
        """Release the lock. May be called more than once."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def is_in_use(directory: Path) -> bool:
    """Return whether some process has a `SharedLock` on the folder now."""
    try:
        descriptor = os.open(directory / SHARED_LOCK_FILE, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
