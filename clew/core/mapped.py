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

# Errors of file systems that cannot reserve space in advance.
_NO_SUCH_CALL = {errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS}


def open_trie(path: Path) -> Any:
    """Open a memory-mapped marisa_trie.Trie. Raises NotFoundError or CorruptError that names the file."""
    import marisa_trie

    if not path.is_file():
        raise _missing(path)
    try:
        return marisa_trie.Trie().mmap(str(path))
    except (OSError, RuntimeError, MemoryError) as error:
        raise CorruptError(f"{path} is not a valid term list: {error}", REBUILD) from None


def open_array(path: Path, dtype: Any = None, shape: tuple[int | None, ...] | None = None) -> Any:
    """Open a memory-mapped, read-only array, which may not contain pickled objects.

    dtype, shape: what it must have (None, or None as a length: any). Raises NotFoundError or CorruptError that names
    the file.
    """
    try:
        # A plain array over the map, because numba does not treat numpy's memmap class as an array.
        found = np.asarray(open_memmap(path, mode="r"))
    except FileNotFoundError:
        raise _missing(path) from None
    # The header is a Python literal, whose parser has errors of its own.
    except (ValueError, EOFError, OSError, TypeError, OverflowError, SyntaxError, MemoryError, RecursionError) as error:
        raise CorruptError(f"{path} is not a valid array file: {str(error)[:200]}", REBUILD) from None
    fits = shape is None or (
        len(shape) == found.ndim and all(a is None or a == b for a, b in zip(shape, found.shape, strict=True))
    )
    if not fits or (dtype is not None and found.dtype != dtype):
        wanted = "any shape" if shape is None else f"shape {tuple('any' if n is None else n for n in shape)}"
        raise CorruptError(
            f"{path} holds {found.dtype} of shape {found.shape}, expected {np.dtype(dtype)} of {wanted}", REBUILD
        )
    return found


def new_array(path: Path, dtype: Any, shape: tuple[int, ...]) -> Any:
    """Create a .npy file and map it into memory for writing. Raises StoreError if the disk has too little space."""
    with disk_errors(path):
        made = open_memmap(path, "w+", dtype, shape)
        # Reserve the space now: a disk that is full when a mapped page is written would silently kill the process.
        if hasattr(os, "posix_fallocate"):
            with path.open("r+b") as file:
                try:
                    os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
                except OSError as error:
                    if error.errno not in _NO_SUCH_CALL:
                        raise
    return made


def _missing(path: Path) -> NotFoundError:
    return NotFoundError(f"{path} is missing", REBUILD)
