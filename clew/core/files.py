"""Read sources through fsspec, write files atomically, and turn errors of files and full disks into Clew's errors."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, cast

from clew.core.errors import DataError, NotFoundError, StoreError

COMPRESSED = (".gz", ".zst", ".bz2", ".xz", ".zip")
_SPARE = 1 << 12
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# Messages about a full disk by libraries that write files themselves and give no errno.
_FULL_TEXT = re.compile(
    r"no space left|disk is full|disk quota|file too large|requested and -?\d+ written"
    # torch.save, if a file is shorter than what was written to it
    r"|inline_container.*(unexpected pos|file write failed)",
    re.IGNORECASE,
)
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")


def sha256_file(path: Path) -> str:
    """Return the sha256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fsync_directory(path: Path) -> None:
    """Make the names in a folder durable (fsync)."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def fsync_tree(directory: Path) -> None:
    """Make every file and folder under `directory` durable (fsync)."""
    for folder, _, names in os.walk(directory):
        for name in names:
            descriptor = os.open(Path(folder) / name, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        fsync_directory(Path(folder))


def write_atomic(path: Path, data: bytes) -> None:
    """Replace the content of a file by `data` atomically: readers see the old or the new bytes, even after a crash."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    fsync_directory(path.parent)


def write_atomic_spare(path: Path, data: bytes) -> None:
    """Replace a file of at most 4,096 bytes as `write_atomic` does, also on a full disk.

    An earlier call left a spare file next to it, whose space is taken then. (A file system that copies blocks on
    writing may need new space even so.)
    """
    spare = path.with_name(f".{path.name}.spare")
    try:
        write_atomic(path, data)
    except OSError as error:
        if error.errno not in _FULL or len(data) > _SPARE or not spare.is_file() or spare.stat().st_size < len(data):
            raise
        with spare.open("r+b") as file:
            file.write(data)
            file.truncate()
            file.flush()
            os.fsync(file.fileno())
        spare.replace(path)
        fsync_directory(path.parent)
    if not spare.is_file() or spare.stat().st_size < _SPARE:
        with suppress(OSError):
            write_atomic(spare, bytes(_SPARE))


@contextmanager
def suppress_full() -> Iterator[None]:
    """Ignore an error of a full disk, quota or file size limit raised in the block, whose file is not needed."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn errors of a full disk, quota or file size limit raised in the block into a StoreError that names `path`."""
    import sqlite3

    try:
        yield
    except Exception as error:
        # Compared by name, because safetensors is optional.
        known = isinstance(error, OSError | RuntimeError | sqlite3.Error) or type(error).__name__ == "SafetensorError"
        if not (known and (getattr(error, "errno", None) in _FULL or _FULL_TEXT.search(str(error)))):
            raise
        raise StoreError(
            f"{path}: no space left to write ({error})",
            "free some space and run the same command again; it reuses finished work; the live release is unchanged",
        ) from error


def shown_url(url: str) -> str:
    """Return a URL without user name and password, so that it can be shown and stored."""
    return _CREDENTIALS.sub("", url)


def expand(url: str) -> list[str]:
    """Return the files that match a path, glob or fsspec URL, sorted. A folder is one entry.

    Raises NotFoundError that names the path or URL if nothing matches.
    """
    import fsspec

    with source_errors(url):
        filesystem, path = fsspec.core.url_to_fs(url)
        if filesystem.exists(path):
            found = [path]
        elif any(sign in path for sign in "*?["):
            found = sorted(name for name in filesystem.glob(path) if filesystem.isfile(name))
        else:
            found = []
    if not found:
        raise NotFoundError(f"source {shown_url(url)} does not exist", "check the path of [source]")
    return [cast("str", filesystem.unstrip_protocol(name)) if "://" in url else name for name in found]


def is_folder(url: str) -> bool:
    """Return whether a path or fsspec URL is a folder."""
    import fsspec

    with source_errors(url):
        filesystem, path = fsspec.core.url_to_fs(url)
        return bool(filesystem.isdir(path))


def files_under(url: str) -> list[tuple[str, str]]:
    """Return (path relative to the folder, URL) of every file under a folder, sorted. Hidden ones are skipped."""
    import fsspec

    with source_errors(url):
        filesystem, root = fsspec.core.url_to_fs(url)
        found = []
        for name in filesystem.find(root):
            relative = name[len(root) :].lstrip("/")
            if not any(part.startswith(".") for part in relative.split("/")):
                found.append((relative, filesystem.unstrip_protocol(name) if "://" in url else name))
    return sorted(found)


def open_raw(url: str) -> IO[bytes]:
    """Open a file for reading, without decompression. Raises NotFoundError, or DataError if it cannot be read."""
    import fsspec

    with source_errors(url):
        return cast("IO[bytes]", fsspec.open(url, "rb").open())


def open_source(url: str) -> IO[bytes]:
    """Open a file for reading; a file with an extension of `COMPRESSED`, in any case, is decompressed.

    Read from it in a `reading(url)` block. Raises NotFoundError, DataError if it cannot be opened or is a ZIP archive
    that does not contain exactly one file.
    """
    from clew.core.compressed import decompressed

    raw = open_raw(url)
    ending = next((ending for ending in COMPRESSED if url.lower().endswith(ending)), "")
    with reading(url):
        return decompressed(raw, ending) if ending else raw


@contextmanager
def reading(url: str) -> Iterator[None]:
    """Turn errors of damaged compressed data raised in the block into a DataError that names the file."""
    import lzma
    import zipfile

    import zstandard

    damaged = (EOFError, zlib.error, zstandard.ZstdError, lzma.LZMAError, zipfile.BadZipFile, NotImplementedError)
    try:
        yield
    except damaged as error:
        raise _broken(url, error) from None
    except OSError as error:
        # gzip and bz2 report damaged data as an OSError without errno.
        if error.errno is not None:
            raise
        raise _broken(url, error) from None


def _broken(url: str, error: Exception) -> DataError:
    reason = str(error) or type(error).__name__
    return DataError(
        f"{shown_url(url)} cannot be decompressed: {reason}", "replace the file, which is damaged or cut short"
    )


@contextmanager
def source_errors(url: str) -> Iterator[None]:
    """Turn errors of opening a source raised in the block into a NotFoundError or DataError that names the source."""
    shown = shown_url(url)
    try:
        yield
    except FileNotFoundError:
        raise NotFoundError(f"source {shown} does not exist", "check the path of [source]") from None
    except IsADirectoryError:
        raise DataError(f"source {shown} is a folder, expected a file", "name a file in that folder") from None
    except PermissionError:
        raise DataError(
            f"source {shown} cannot be read: permission denied", "check the permissions of the file"
        ) from None
    except ImportError as error:
        raise DataError(
            f"source {shown} cannot be opened: {error}", "install the package that the error names"
        ) from None
    except ValueError as error:
        raise DataError(f"source {shown} cannot be opened: {error}", "give a path or an fsspec URL") from None
