"""The spool: the typed documents of a source on disk. Shards are cut from it; any range can be read directly.

documents.jsonl   one JSON list per document: id, fields, origin, and [id, fields] of each variant if it has any
ids               ids joined by NUL characters, which ids do not contain
offsets.npy       (documents + 1,) int64, the byte offset of each line and the end of the file
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from clew.core.types import Document, Variant
from clew.search.fields import Fields

FORMAT = 3
DOCUMENTS = "documents.jsonl"
IDS = "ids"
OFFSETS = "offsets.npy"
_SEPARATOR = "\0"


class SpoolWriter:
    """A writer of a spool into a folder. The spool can be read after the writer is closed."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self._documents = (directory / DOCUMENTS).open("wb")
        self._ids = (directory / IDS).open("wb")
        self._offsets = array("q", [0])

    def write(self, document: Document) -> None:
        """Append a document. Raises UnicodeEncodeError, and writes nothing, if a text has an unpaired surrogate."""
        values: list[Any] = [document.id, dict(document.fields), document.origin]
        if document.variants:
            values.append([(variant.id, dict(variant.fields)) for variant in document.variants])
        line = (json.dumps(values, ensure_ascii=False) + "\n").encode()
        separator = _SEPARATOR if len(self._offsets) > 1 else ""
        self._ids.write((separator + document.id).encode())
        self._documents.write(line)
        self._offsets.append(self._offsets[-1] + len(line))

    def __enter__(self) -> SpoolWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._documents.close()
        self._ids.close()
        np.save(self._directory / OFFSETS, np.frombuffer(self._offsets, np.int64))


def read_documents(directory: Path, first: int, last: int, fields: Fields) -> Iterator[Document]:
    """Yield documents `first` to `last` (exclusive) of a spool; only their lines are read."""
    count = len(np.load(directory / OFFSETS, mmap_mode="r")) - 1
    yield from documents_at(directory, range(first, min(last, count)), fields)


def documents_at(directory: Path, places: Iterable[int], fields: Fields) -> Iterator[Document]:
    """Yield the documents of a spool with these numbers, in the order given; it is fastest if they are ascending."""
    points = [name for name, spec in fields.items() if spec.type == "geo"]
    offsets = np.load(directory / OFFSETS, mmap_mode="r")
    with (directory / DOCUMENTS).open("rb") as lines:
        for at in places:
            if lines.tell() != offsets[at]:
                lines.seek(int(offsets[at]))
            identity, values, origin, *rest = json.loads(lines.readline())
            variants = tuple(Variant(_with_points(inner, points), own) for own, inner in (rest[0] if rest else ()))
            yield Document(identity, _with_points(values, points), origin, variants)


def _with_points(values: dict[str, Any], points: list[str]) -> dict[str, Any]:
    """Return the fields with geo values as tuples, which JSON cannot represent."""
    for name in points:
        if name in values:
            values[name] = tuple(values[name])
    return values


def read_ids(directory: Path) -> list[str]:
    """Return the ids of all documents of a spool, in order."""
    joined = (directory / IDS).read_bytes().decode()
    return joined.split(_SEPARATOR) if joined else []
