"""Decompress files as streams, with bounded memory, and detect those that are cut short."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import IO, Any, cast

from clew.core.errors import DataError

# The largest window of a zstd frame, and the memory that reading an xz file may take, in bytes.
ZSTD_WINDOW = 1 << 31
XZ_MEMORY = 1 << 31
_BUFFER = 1 << 20
# Compressed bytes that are decompressed at once: so few that what a hostile file makes of them fits into memory.
_CHUNK = 1 << 12


def decompressed(raw: IO[bytes], ending: str) -> IO[bytes]:
    """Return a stream of the decompressed bytes of a file. ending: .gz, .zst, .bz2, .xz or .zip.

    Damaged data raise EOFError, OSError, zlib.error, ZstdError, LZMAError or BadZipFile, at the latest while reading.
    """
    if ending == ".gz":
        import gzip

        return cast("IO[bytes]", gzip.GzipFile(fileobj=raw))
    if ending == ".zip":
        return _only_member(raw)
    return cast("IO[bytes]", io.BufferedReader(_Frames(raw, _DECOMPRESSORS[ending]), _BUFFER))


def _zstd() -> Any:
    import zstandard

    return zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW).decompressobj()


def _bz2() -> Any:
    import bz2

    return bz2.BZ2Decompressor()


def _xz() -> Any:
    import lzma

    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY)


_DECOMPRESSORS = {".zst": _zstd, ".bz2": _bz2, ".xz": _xz}


class _Frames(io.RawIOBase):
    """A stream that decompresses frames one after another. A file that ends inside a frame raises EOFError."""

    def __init__(self, raw: IO[bytes], new: Callable[[], Any]) -> None:
        self._raw = raw
        self._new = new
        self._frame: Any = None
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            data = self._raw.read(_CHUNK)
            if not data:
                if self._frame is not None:
                    raise EOFError("the last frame is cut short")
                return 0
            self._ready = memoryview(self._decompressed(data))
        count = min(len(buffer), len(self._ready))
        buffer[:count], self._ready = self._ready[:count], self._ready[count:]
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()

    def _decompressed(self, data: bytes) -> bytes:
        parts = []
        while data:
            if self._frame is None:
                if self._new is _xz and not (data := data.lstrip(b"\0")):  # padding between xz streams
                    break
                self._frame = self._new()
            parts.append(self._frame.decompress(data))
            data = self._frame.unused_data if self._frame.eof else b""
            if self._frame.eof:
                self._frame = None
        return b"".join(parts)


def member_of(raw: IO[bytes]) -> str:
    """Return the name of the only file in a ZIP archive; folders and hidden files do not count.

    Raises DataError if there is none or more than one, BadZipFile.
    """
    import zipfile

    with zipfile.ZipFile(raw) as archive:
        return _member(archive)


def _member(archive: Any) -> str:
    names = [
        str(name)
        for name in archive.namelist()
        if not name.endswith("/") and not name.startswith("__MACOSX/") and not name.rsplit("/", 1)[-1].startswith(".")
    ]
    if len(names) != 1:
        listed = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
        name = getattr(archive.fp, "name", "the ZIP archive")
        raise DataError(
            f"{name} contains {len(names)} files{': ' + listed if names else ''}, expected one",
            "unpack it and name the file to read",
        )
    return names[0]


def _only_member(raw: IO[bytes]) -> IO[bytes]:
    import zipfile

    archive = zipfile.ZipFile(raw)
    name = _member(archive)
    try:
        return archive.open(name)
    except RuntimeError as error:
        raise zipfile.BadZipFile(str(error)) from None  # encrypted
