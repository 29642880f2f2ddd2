"""Arrays and tries that are opened as memory maps."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap

from clew.core.errors import CorruptError, NotFoundError
from clew.core.files import disk_errors
from clew.core.tables import REBUILD

# Of file systems that cannot take space ahead.
_NO_SUCH_CALL = {errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS}


def open_trie(path: Path) -> Any:
    """A memory-mapped marisa_trie.Trie. Raises NotFoundError or CorruptError with the file's name."""
    import marisa_trie

    if not path.is_file():
        raise _missing(path)
    try:
        return marisa_trie.Trie().mmap(str(path))
    except (OSError, RuntimeError) as error:
        raise CorruptError(f"{path} is no term list: {error}", REBUILD) from None


def open_array(path: Path) -> Any:
    """A memory-mapped, read-only array. Raises NotFoundError or CorruptError with the file's name."""
    try:
        # A plain view of the map: numba does not take numpy's memmap class for an array.
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except FileNotFoundError:
        raise _missing(path) from None
    except (ValueError, EOFError) as error:
        raise CorruptError(f"{path} is no array: {error}", REBUILD) from None


def new_array(path: Path, dtype: Any, shape: tuple[int, ...]) -> Any:
    """A new .npy file, mapped into memory to be written. Raises StoreError where the disk has no room for it."""
    with disk_errors(path):
        made = open_memmap(path, "w+", dtype, shape)
        # A full disk met while a mapped page is written would end the process without a word.
        if hasattr(os, "posix_fallocate"):
            with path.open("r+b") as file:
                try:
                    os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
                except OSError as error:
                    if error.errno not in _NO_SUCH_CALL:
                        raise
    return made


def _missing(path: Path) -> NotFoundError:
    return NotFoundError(f"{path} is not there", REBUILD)
