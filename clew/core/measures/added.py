"""Add judgements to a file of qrels, in the form in which it is written."""

from __future__ import annotations

import csv
import fcntl
import gzip
import io
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from clew.core.errors import DataError
from clew.core.files import open_source, reading, write_atomic
from clew.core.measures.qrels import columns_of, is_grade, names_of, read_qrels, splitter

_HEADER = "query-id\tcorpus-id\tscore\n"


def add_judgements(path: Path, judgements: Iterable[tuple[str, str, str]]) -> int:
    """Append judgements to a file of qrels, atomically, and return how many; its form, header and compression stay.

    judgements: (query id, document id, grade), grades as decimal text; pairs that are judged already are left out. A
    new or empty file becomes BEIR's, with a header. Raises DataError for a grade that is not a number, and for an id
    with white space in a file whose columns are separated by it.
    """
    given = {(query, doc): grade for query, doc, grade in judgements}
    for (query, doc), grade in given.items():
        if not is_grade(grade):
            raise DataError(f"grade {grade!r} of {doc!r} for query {query!r} is not a number", "give a grade such as 2")
    with _alone(path.parent):
        held = ""
        judged = read_qrels(path) if path.exists() else {}
        rows = [(query, doc, grade) for (query, doc), grade in given.items() if doc not in judged.get(query, {})]
        if path.exists():
            with reading(str(path)), open_source(str(path)) as stream:
                held = stream.read().decode("utf-8-sig")
        first = next((line for line in held.splitlines() if line.strip()), "")
        if held and not held.endswith("\n"):
            held += "\n"
        text = (held if first else _HEADER) + "".join(_line(first or _HEADER, path, row) for row in rows)
        if rows:
            write_atomic(path, _compressed(path, text.encode()))
        return len(rows)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait until no other process adds judgements in a folder. No lock file is left there."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _line(first: str, path: Path, row: Sequence[str]) -> str:
    """Return the line of a judgement (query, document, grade) in the form of the first line of its file."""
    if first.lstrip().startswith("{"):
        keys = list(json.loads(first))
        found = [keys[at] if at is not None else "" for at in names_of(keys)]
        grade = float(row[2])
        values = (row[0], row[1], int(grade) if grade.is_integer() else grade)
        return json.dumps(dict(zip(found, values, strict=True)), ensure_ascii=False) + "\n"
    split = splitter(first)
    parts = split(first)
    columns, _ = columns_of(parts, f"{path}:1")
    cells = ["0" if columns.count == 4 else ""] * len(parts)
    for at, value in zip(columns.at, row, strict=True):
        cells[at] = value
    if split is str.split:
        if any(value.split() != [value] for value in row):
            raise DataError(
                f"{path}: {row[1]!r} or {row[0]!r} has white space, which separates the columns of this file",
                "separate the columns by tabs",
            )
        return " ".join(cell or "0" for cell in cells) + "\n"
    if "\t" in first.strip():
        return "\t".join(cells) + "\n"
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerow(cells)
    return written.getvalue()


def _compressed(path: Path, data: bytes) -> bytes:
    if path.suffix.lower() == ".gz":
        return gzip.compress(data, mtime=0)
    if path.suffix.lower() == ".zst":
        import zstandard

        return zstandard.compress(data)
    return data
