"""Locks that allow one writer at a time for each index, each graph, each training run and each model name."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clew.core.errors import LockedError, StoreError
from clew.core.files import suppress_full

LOCK = ".lock"
OWNER = ".lock.pid"
_UNWRITABLE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.EEXIST, errno.ENOTDIR}


@contextmanager
def writing(root: Path, *, wait: bool = False) -> Iterator[None]:
    """Lock a folder for writing. The operating system releases the lock when the process ends.

    wait: wait for another writer, without a time limit, instead of raising LockedError. Raises LockedError that names
    the process that holds the lock, and StoreError if the folder is not writable.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(root / LOCK, timeout=-1 if wait else 0, thread_local=False, preserve_lock_file=True)
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock.acquire()
        with suppress_full():  # it only informs others, and a rollback must work on a full disk
            (root / OWNER).write_text(f"{os.getpid()}\n", encoding="ascii")
    except Timeout:
        what = {"graphs": "graph", "training": "training run"}.get(root.parent.name, "index")
        raise LockedError(
            f"{what} {root.name!r} is being written by another process ({_owner(root)})",
            "wait until that process has finished, or stop it; its lock ends with it",
        ) from None
    except OSError as error:
        lock.release()
        if error.errno not in _UNWRITABLE:
            raise
        raise StoreError(
            f"{root} is not writable: {error.strerror}", "check its permissions, or choose another folder with --home"
        ) from None
    try:
        yield
    finally:
        (root / OWNER).unlink(missing_ok=True)
        lock.release()


def _owner(root: Path) -> str:
    try:
        return f"pid {int((root / OWNER).read_text(encoding='ascii'))}"
    except (OSError, ValueError):
        return "pid unknown"
