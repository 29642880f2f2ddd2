"""Files: sources behind fsspec, whole or not at all when written, and a full disk told from a broken one."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, cast

from clew.core.errors import DataError, NotFoundError, StoreError

COMPRESSED = (".gz", ".zst")
_CHUNK = 1 << 20
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# What libraries that write files on their own say of a full disk, where they give no errno.
_FULL_TEXT = re.compile(
    r"no space left|disk is full|disk quota|file too large|requested and -?\d+ written"
    # torch.save, of a file that is shorter than what was written to it
    r"|inline_container.*(unexpected pos|file write failed)",
    re.IGNORECASE,
)
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")


def sha256_file(path: Path) -> str:
    """sha256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fsync_directory(path: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def fsync_tree(directory: Path) -> None:
    """Make every file and folder under `directory` durable."""
    for folder, _, names in os.walk(directory):
        for name in names:
            descriptor = os.open(Path(folder) / name, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        fsync_directory(Path(folder))


def write_atomic(path: Path, data: bytes) -> None:
    """Replace a file by `data`: a reader sees the old bytes or the new ones, also after a crash."""
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


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn what a full disk (or quota, or file size limit) raises inside into a StoreError that names `path`."""
    import sqlite3

    try:
        yield
    except Exception as error:
        # By its name: safetensors need not be installed.
        known = isinstance(error, OSError | RuntimeError | sqlite3.Error) or type(error).__name__ == "SafetensorError"
        if not (known and (getattr(error, "errno", None) in _FULL or _FULL_TEXT.search(str(error)))):
            raise
        raise StoreError(
            f"{path}: no space left to write ({error})",
            "free some space and run the same command again: what is live is untouched, finished work is kept",
        ) from error


def shown_url(url: str) -> str:
    """A URL as it may be shown and stored: without user name and password."""
    return _CREDENTIALS.sub("", url)


def expand(url: str) -> list[str]:
    """The files a path, glob or fsspec URL stands for, sorted; a folder stays one entry.

    Raises NotFoundError that names it when there is none.
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
        raise NotFoundError(f"source {shown_url(url)} is not there", "check the path of [source]")
    return [cast("str", filesystem.unstrip_protocol(name)) if "://" in url else name for name in found]


def is_folder(url: str) -> bool:
    """Whether a path or fsspec URL is a folder."""
    import fsspec

    with source_errors(url):
        filesystem, path = fsspec.core.url_to_fs(url)
        return bool(filesystem.isdir(path))


def files_under(url: str) -> list[tuple[str, str]]:
    """(path relative to the folder, URL) of every file in a folder and its subfolders, sorted; hidden ones left out."""
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
    """A file's bytes as they are stored. Raises NotFoundError, or DataError when it may not be read."""
    import fsspec

    with source_errors(url):
        return cast("IO[bytes]", fsspec.open(url, "rb").open())


def open_source(url: str) -> IO[bytes]:
    """A file's bytes, `.gz` and `.zst` decompressed while reading. Read it inside `reading(url)`."""
    raw = open_raw(url)
    if url.endswith(".gz"):
        import gzip

        return cast("IO[bytes]", gzip.GzipFile(fileobj=raw))
    if url.endswith(".zst"):
        return cast("IO[bytes]", io.BufferedReader(_Zstd(raw), _CHUNK))
    return raw


class _Zstd(io.RawIOBase):
    """Decompressed bytes of a zstd file. Unlike zstandard's own reader it notices a file that is cut short."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw
        self._frame: Any = None
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            data = self._raw.read(_CHUNK)
            if not data:
                if self._frame is not None:
                    raise EOFError("the last frame ends early")
                return 0
            self._ready = memoryview(self._decompressed(data))
        count = min(len(buffer), len(self._ready))
        buffer[:count], self._ready = self._ready[:count], self._ready[count:]
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()

    def _decompressed(self, data: bytes) -> bytes:
        import zstandard

        parts = []
        while data:
            if self._frame is None:
                self._frame = zstandard.ZstdDecompressor().decompressobj()
            parts.append(self._frame.decompress(data))
            data = self._frame.unused_data
            if self._frame.eof:
                self._frame = None
        return b"".join(parts)


@contextmanager
def reading(url: str) -> Iterator[None]:
    """Turn what broken compression raises inside into a DataError that names the file."""
    import zstandard

    try:
        yield
    except (EOFError, zlib.error, zstandard.ZstdError) as error:
        raise _broken(url, error) from None
    except OSError as error:
        # gzip says what is wrong with the data in an OSError without errno.
        if error.errno is not None:
            raise
        raise _broken(url, error) from None


def _broken(url: str, error: Exception) -> DataError:
    reason = str(error) or type(error).__name__
    return DataError(f"{shown_url(url)} is broken: {reason}", "the compressed file is damaged or cut short")


@contextmanager
def source_errors(url: str) -> Iterator[None]:
    """Turn what is raised inside where a source is not there or may not be read into an error that names it."""
    shown = shown_url(url)
    try:
        yield
    except FileNotFoundError:
        raise NotFoundError(f"source {shown} is not there", "check the path of [source]") from None
    except IsADirectoryError:
        raise DataError(f"source {shown} is a folder, expected a file", "name the file in it") from None
    except PermissionError:
        raise DataError(f"source {shown} may not be read", "check its permissions") from None
    except ImportError as error:
        raise DataError(f"source {shown} cannot be opened: {error}", "install the package that error names") from None
    except ValueError as error:
        raise DataError(f"source {shown} cannot be opened: {error}", "give a path or an fsspec URL") from None
