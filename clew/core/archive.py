"""One tar file of plain files and back: `.tar`, `.tar.gz` or `.tar.zst`.

Written whole or not at all, the same bytes for the same files; read without trusting it: only plain files under names
that the reader expects, each once.
"""

from __future__ import annotations

import gzip
import os
import re
import shutil
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from clew.core.errors import DataError, UsageError
from clew.core.files import disk_errors, fsync_directory, open_source, reading

ENDINGS = (".tar", ".tar.gz", ".tar.zst")


def check_target(target: Path) -> None:
    """Raises UsageError for another ending than an archive's, or a folder that is not there."""
    if not target.name.endswith(ENDINGS):
        raise UsageError(f"{target} is no name for an export", f"end it in one of {', '.join(ENDINGS)}")
    if not target.absolute().parent.is_dir():
        raise UsageError(f"{target} cannot be written: {target.parent} is no folder", "make it, or name another place")


def write_archive(target: Path, parts: Iterable[tuple[Path, str]]) -> None:
    """Write files under the names they get inside, in this order.

    Raises UsageError for a target that cannot be and StoreError for a full disk, after which nothing is left.
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


@contextmanager
def opened_archive(path: Path, kind: str, hint: str) -> Iterator[tarfile.TarFile]:
    """The archive as a stream, to be read in order.

    kind: what it should be, for the error. Raises DataError, inside too, for what is no tar or is cut short.
    """
    try:
        with reading(str(path)), open_source(str(path)) as file, tarfile.open(fileobj=file, mode="r|") as tar:
            yield tar
    except tarfile.TarError as error:
        raise DataError(f"{path} is no {kind}: {error}", hint) from None


def extract_archive(path: Path, target: Path, members: re.Pattern[str], kind: str, hint: str) -> None:
    """Write the members into the folder `target`, made if need be.

    members: the names that may occur. Raises DataError that names the first other member, one that is no plain file,
    or one that is there twice; what was written until then stays, so extract into a staging folder.
    """
    with opened_archive(path, kind, hint) as tar:
        for member in tar:
            if not member.isreg() or not members.fullmatch(member.name):
                raise DataError(
                    f"{path} holds {member.name!r}, which no export does", "it was changed, or is another program's"
                )
            place = target / member.name
            source = tar.extractfile(member)
            try:
                place.parent.mkdir(parents=True, exist_ok=True)
                file = place.open("xb")
            except (FileExistsError, NotADirectoryError):
                raise DataError(f"{path} holds {member.name!r} twice", "it was changed after it was exported") from None
            with file:
                shutil.copyfileobj(cast("IO[bytes]", source), file, 1 << 20)


def _info(name: str, size: int) -> tarfile.TarInfo:
    """A member without owner and time, so that the same files give the same bytes."""
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
