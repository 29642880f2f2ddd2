"""Write and read an archive of plain files: `.tar`, `.tar.gz` or `.tar.zst`.

An archive is written completely or not at all, and the same files give the same bytes. Reading does not trust its
content: only plain files are accepted, under names that the reader expects, each name only once, and within limits on
their number and size, so that a small file cannot fill memory or the disk.
"""

from __future__ import annotations

import gzip
import os
import re
import shutil
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from clew.core.errors import DataError, UsageError
from clew.core.files import disk_errors, fsync_directory, open_source, reading

ENDINGS = (".tar", ".tar.gz", ".tar.zst")

# Limits of what is read from an archive.
MOST_MEMBERS = 100_000
# Bytes of all members: so many times the size of the file, and these besides.
MOST_RATIO, MOST_EXTRA = 200, 1 << 30
# Bytes of a header that extends another one (long names and sizes); tarfile reads it into memory.
_MOST_HEADER = 1 << 16


def check_target(target: Path) -> None:
    """Check the path of an export. Raises UsageError if the ending is not one of ENDINGS or the folder is missing."""
    if not target.name.endswith(ENDINGS):
        raise UsageError(
            f"{target} is not a valid file name for an export", f"use one of the endings {', '.join(ENDINGS)}"
        )
    if not target.absolute().parent.is_dir():
        raise UsageError(
            f"{target} cannot be written: {target.parent} is not a folder", "create the folder, or choose another path"
        )


def write_archive(target: Path, parts: Iterable[tuple[Path, str]]) -> None:
    """Write files into an archive, in the given order.

    parts: (path, name in the archive). Raises UsageError for an invalid target, and StoreError if the disk is full, in
    which case no partial file remains.
    """
    check_target(target)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with disk_errors(target):
            with _compressed(temporary, target.name) as file, tarfile.open(fileobj=file, mode="w|") as tar:
                for path, member in parts:
                    with path.open("rb") as source:
                        tar.addfile(_info(member, path.stat().st_size), source)
            temporary.replace(target)
            fsync_directory(target.absolute().parent)
    finally:
        temporary.unlink(missing_ok=True)


class _Member(tarfile.TarInfo):
    """A header that refuses extensions too long for what Clew writes, before they are read into memory."""

    def _proc_member(self, tarfile_: tarfile.TarFile) -> tarfile.TarInfo:
        plain = (tarfile.REGTYPE, tarfile.AREGTYPE)
        if self.size < 0 or (self.type not in plain and self.size > _MOST_HEADER):
            raise tarfile.ReadError(f"the header of {self.name[:80]!r} has the size {self.size:,}")
        return super()._proc_member(tarfile_)  # type: ignore[misc,no-any-return]


@contextmanager
def opened_archive(path: Path, kind: str, hint: str) -> Iterator[tarfile.TarFile]:
    """Open an archive as a stream whose members are read in order.

    kind: what the archive should be, for the error message. Raises DataError, also while members are read, if the file
    is not a tar archive or is cut short.
    """
    try:
        with (
            reading(str(path)),
            open_source(str(path)) as file,
            tarfile.open(fileobj=file, mode="r|", tarinfo=_Member) as tar,
        ):
            yield tar
    except (tarfile.TarError, RecursionError, ValueError, OverflowError) as error:
        raise DataError(f"{path} is not a valid {kind}: {error}", hint) from None


def is_plain(member: tarfile.TarInfo) -> bool:
    """Return whether a member is a plain file: no folder, link, device or file with holes."""
    return member.type in {tarfile.REGTYPE, tarfile.AREGTYPE} and not member.issparse()


def extract_archive(
    path: Path,
    target: Path,
    members: re.Pattern[str],
    kind: str,
    hint: str,
    limits: Sequence[tuple[str, int]] = (),
) -> None:
    """Extract the members into the folder `target`, which is created if it is missing.

    members: pattern of the allowed names. limits: (ending of a name, most bytes of such a member). Raises DataError
    that names the first member whose name is not allowed, that is not a plain file, that occurs twice or that is beyond
    a limit: those given, MOST_MEMBERS, and MOST_RATIO times the file's size and MOST_EXTRA bytes for all. Members
    extracted before remain, so extract into a staging folder.
    """
    count, left = 0, path.stat().st_size * MOST_RATIO + MOST_EXTRA
    with opened_archive(path, kind, hint) as tar:
        for member in tar:
            if not is_plain(member) or not members.fullmatch(member.name):
                raise DataError(
                    f"{path} contains {member.name[:200]!r}, which is not part of an export",
                    "export again: this file was changed, or was not written by Clew",
                )
            most = min([left, *(most for ending, most in limits if member.name.endswith(ending))])
            count, left = count + 1, left - member.size
            if member.size > most or count > MOST_MEMBERS:
                raise DataError(
                    f"{path} contains {member.name!r} with {member.size:,} bytes, and the limit there is {most:,} "
                    f"bytes in at most {MOST_MEMBERS:,} files",
                    "export again: this file was changed, or was not written by Clew",
                )
            place = target / member.name
            source = tar.extractfile(member)
            try:
                place.parent.mkdir(parents=True, exist_ok=True)
                file = place.open("xb")
            except (FileExistsError, NotADirectoryError):
                raise DataError(
                    f"{path} contains {member.name!r} twice", "export again: this file was changed afterwards"
                ) from None
            with file:
                shutil.copyfileobj(cast("IO[bytes]", source), file, 1 << 20)


def _info(name: str, size: int) -> tarfile.TarInfo:
    """Return the header of a member, without owner and time so that the same files give the same bytes."""
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o644
    return info


@contextmanager
def _compressed(path: Path, name: str) -> Iterator[IO[bytes]]:
    with path.open("wb") as raw:
        if name.endswith(".gz"):
            with gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0) as packed:
                yield cast("IO[bytes]", packed)
        elif name.endswith(".zst"):
            import zstandard

            stream: Any = zstandard.ZstdCompressor(level=6, write_checksum=True).stream_writer(raw, closefd=False)
            with stream as packed:
                yield cast("IO[bytes]", packed)
        else:
            yield raw
        raw.flush()
        os.fsync(raw.fileno())
