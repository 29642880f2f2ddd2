"""One writer at a time for each index, each graph, each training run and the models of each name."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clew.core.errors import LockedError, StoreError

LOCK = ".lock"
OWNER = ".lock.pid"
_UNWRITABLE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.EEXIST, errno.ENOTDIR}


@contextmanager
def writing(root: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold a folder as its only writer. The operating system frees it when the process ends.

    wait: for another writer, however long it takes, instead of refusing. Raises LockedError that names the process
    holding it, StoreError where the folder may not be written.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(root / LOCK, timeout=-1 if wait else 0, thread_local=False, preserve_lock_file=True)
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock.acquire()
        (root / OWNER).write_text(f"{os.getpid()}\n", encoding="ascii")
    except Timeout:
        what = {"graphs": "graph", "training": "training run"}.get(root.parent.name, "index")
        raise LockedError(
            f"{what} {root.name!r} is being written by another process ({_owner(root)})",
            "wait until it is done, or stop that process; a killed one leaves no lock behind",
        ) from None
    except OSError as error:
        lock.release()
        if error.errno not in _UNWRITABLE:
            raise
        raise StoreError(f"{root} may not be written: {error.strerror}", "choose another --home") from None
    try:
        yield
    finally:
        (root / OWNER).unlink(missing_ok=True)
        lock.release()


def _owner(root: Path) -> str:
    try:
        return f"pid {int((root / OWNER).read_text(encoding='ascii'))}"
    except (OSError, ValueError):
        return "pid not known"
