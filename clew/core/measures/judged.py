"""Read judged queries in BEIR layout: queries.jsonl and qrels/<split>.tsv (or TREC's form), plain or compressed."""

from __future__ import annotations

import json
import os
from collections.abc import Container, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from clew.core.errors import DataError, NotFoundError, nearest
from clew.core.files import COMPRESSED, open_source, reading
from clew.core.measures.qrels import ENDINGS, read_qrels, split_name
from clew.core.measures.runs import Qrels


@dataclass(frozen=True)
class JudgedQueries:
    """Queries and their qrels. Open them with `open_queries`, which checks that the files exist.

    folder: the folder of the data set. queries_file: the file of queries. splits: name of a split → its qrels file.
    """

    folder: Path
    queries_file: Path
    splits: dict[str, Path]

    @cached_property
    def queries(self) -> dict[str, str]:
        """The text of every query of all splits, by id. Raises DataError that names file and line."""
        found: dict[str, str] = {}
        for number, row in read_rows(self.queries_file):
            identity = id_of(row, self.queries_file, number)
            if identity in found:
                raise DataError(
                    f"{self.queries_file}:{number}: query {identity!r} occurs a second time",
                    "give every query its own id",
                )
            found[identity] = text_of(row, "text", self.queries_file, number)
        return found

    def qrels(
        self, split: str, documents: Container[str] | None, *, allow_unknown: bool = False, integers: bool = False
    ) -> Qrels:
        """Read the qrels of a split. integers: as of `read_qrels`.

        documents: the known document ids (None: not checked). Raises DataError with file and line for an unknown
        document or query. With allow_unknown, unknown documents remain (they are never found, which lowers recall) and
        unknown queries are dropped.
        """
        if split not in self.splits:
            raise NotFoundError(f"{self.folder} has no qrels for split {split!r}", nearest(split, self.splits))
        if allow_unknown:
            every = read_qrels(self.splits[split], integers=integers)
            return {query: judged for query, judged in every.items() if query in self.queries}
        return read_qrels(self.splits[split], documents=documents, queries=self.queries, integers=integers)


def open_queries(path: Path) -> JudgedQueries:
    """Open a folder with queries and qrels. Raises NotFoundError that names what is missing."""
    found = data_folder(path)
    queries = first_file(found, "queries.jsonl")
    if queries is None:
        raise NotFoundError(
            f"{found} contains no queries.jsonl, plain or compressed",
            "add the file, with one JSON object per line: _id, text",
        )
    return JudgedQueries(found, queries, _splits(found / "qrels"))


def _splits(folder: Path) -> dict[str, Path]:
    """Return split → file of a folder of qrels. Raises NotFoundError if there is none, DataError if two are one."""
    splits: dict[str, Path] = {}
    for file in sorted(folder.iterdir()) if folder.is_dir() else ():
        split = split_name(file) if file.is_file() else None
        if split is None:
            continue
        if split in splits:
            raise DataError(
                f"{splits[split]} and {file.name} are both the qrels of split {split!r}", "remove one of them"
            )
        splits[split] = file
    if not splits:
        raise NotFoundError(
            f"{folder.parent} contains no qrels/<split>.tsv",
            f"add one file for each split, ending in {', '.join(ENDINGS)}, plain or compressed (.gz, .zst)",
        )
    return splits


def data_home() -> Path:
    """Return the folder of data sets: $CLEW_DATA, else ../shared/data next to the checkout."""
    given = os.environ.get("CLEW_DATA")
    return Path(given) if given else Path(__file__).resolve().parents[4] / "shared" / "data"


def data_folder(path: Path) -> Path:
    """Find a data set by its path, or by its name under $CLEW_DATA. Raises NotFoundError that names both places."""
    found = path if path.is_dir() else data_home() / path
    if not found.is_dir():
        raise NotFoundError(
            f"{path}: no such folder, here or under {data_home()}",
            "name a folder with corpus.jsonl, queries.jsonl and qrels/, or set CLEW_DATA to its parent folder",
        )
    return found.resolve()


def first_file(folder: Path, name: str) -> Path | None:
    """Return the file of that name in a folder, plain or compressed, or None if there is none."""
    candidates = (folder / f"{name}{ending}" for ending in ("", *COMPRESSED))
    return next((file for file in candidates if file.is_file()), None)


def read_rows(path: Path) -> Iterator[tuple[int, dict[str, object]]]:
    """Read the JSON objects of a .jsonl file, plain or compressed, with their line numbers."""
    with reading(str(path)), open_source(str(path)) as stream:
        for number, line in enumerate(stream, 1):
            if line.strip():
                yield number, _object(line, path, number)


def _object(line: bytes, path: Path, number: int) -> dict[str, object]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}:{number}: not JSON: {error}", "write one JSON object per line, as UTF-8") from None
    if not isinstance(row, dict):
        raise DataError(
            f"{path}:{number}: {type(row).__name__}, expected a JSON object", "write one JSON object per line"
        )
    return row


def text_of(row: dict[str, object], key: str, path: Path, number: int) -> str:
    """Return the text under a key of a row. Raises DataError that names file and line if it is missing or empty."""
    value = row.get(key)
    if not isinstance(value, str) or not value:
        raise DataError(
            f"{path}:{number}: {key} is {value!r}, expected a non-empty string", "see docs/benchmarks/method.md"
        )
    return value


def id_of(row: dict[str, object], path: Path, number: int) -> str:
    """Return the `_id` of a row, or its `id`; whole numbers are ids too. Raises DataError that names file and line."""
    key = "_id" if "_id" in row else "id" if "id" in row else "_id"
    value = row.get(key)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return text_of(row, key, path, number)
