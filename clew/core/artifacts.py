"""Immutable folders whose files are named with their sha256: seal, verify, promote, hold while open."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from clew.core.errors import CorruptError
from clew.core.files import fsync_directory, fsync_tree, sha256_file
from clew.core.tables import REBUILD

HOLD = ".open"


def digest_files(directory: Path, leave_out: tuple[str, ...] = ()) -> dict[str, str]:
    """Path relative to `directory` → sha256 of every file under it; `leave_out` names relative paths."""
    found = {}
    for path in sorted(directory.rglob("*")):
        name = path.relative_to(directory).as_posix()
        if path.is_file() and name not in leave_out and name != HOLD:
            found[name] = sha256_file(path)
    return found


def verify_files(directory: Path, files: Mapping[str, str]) -> None:
    """Read every file again. Raises CorruptError that names the first one that is missing or was changed."""
    for name, digest in files.items():
        path = directory / name
        try:
            found = sha256_file(path)
        except FileNotFoundError:
            raise CorruptError(f"{path} is missing", REBUILD) from None
        if found != digest:
            raise CorruptError(f"{path} was changed after it was written (sha256 differs)", REBUILD)


def link_tree(source: Path, target: Path) -> None:
    """A second folder with the same files, as links where the file system has them; `target` is made anew.

    For files that are never written again.
    """
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, copy_function=_link)


def _link(source: str, target: str) -> None:
    try:
        Path(target).hardlink_to(source)
    except OSError:
        shutil.copyfile(source, target)


def promote(staged: Path, target: Path) -> None:
    """Give a finished folder its final name, durably. A folder that is in the way is replaced.

    Content-addressed callers keep an existing good target instead of calling this.
    """
    fsync_tree(staged)
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        # Readers that have its files open keep them; the name is free after the rename.
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


class Hold:
    """Keeps a folder from being swept while it is open: a shared lock that ends with the process at the latest."""

    def __init__(self, directory: Path) -> None:
        """Take the lock. On a home that may not be written there is nothing to sweep, so nothing to hold."""
        self._descriptor: int | None = None
        try:
            self._descriptor = os.open(directory / HOLD, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            fcntl.flock(self._descriptor, fcntl.LOCK_SH)
        except OSError:
            self.release()

    def release(self) -> None:
        """Let go. May be called twice."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def is_held(directory: Path) -> bool:
    """Whether some process has a `Hold` on the folder now."""
    try:
        descriptor = os.open(directory / HOLD, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
