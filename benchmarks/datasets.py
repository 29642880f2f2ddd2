"""Judged collections: a folder in BEIR layout, or an index spec that names judged queries.

BEIR: corpus.jsonl, queries.jsonl and qrels/<split>.tsv, each plain or compressed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Container, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmarks.index import beir_spec
from clew.core.errors import DataError, NotFoundError, nearest
from clew.core.files import COMPRESSED, open_source, reading, sha256_file
from clew.core.measures.runs import Qrels, read_beir_qrels
from clew.core.spec import read_toml


@dataclass(frozen=True)
class JudgedQueries:
    """Queries and their judgements. Open them with `open_queries`, which checks that the files are there.

    folder: where they lie. queries_file: the queries. splits: name of a split → its qrels file.
    """

    folder: Path
    queries_file: Path
    splits: dict[str, Path]

    @cached_property
    def queries(self) -> dict[str, str]:
        """Id → text of every query of every split. Raises DataError that names file and line."""
        found: dict[str, str] = {}
        for number, row in _rows(self.queries_file):
            identity = _string(row, "_id", self.queries_file, number)
            if identity in found:
                raise DataError(f"{self.queries_file}:{number}: query {identity!r} a second time", "ids are unique")
            found[identity] = _string(row, "text", self.queries_file, number)
        return found

    def qrels(self, split: str, documents: Container[str] | None, *, allow_unknown: bool = False) -> Qrels:
        """Judgements of a split.

        documents: the ids there are (None: not checked). An id outside them or the queries is a DataError with file
        and line; with allow_unknown, unknown documents stay in (never found, so they cost recall) and unknown
        queries are left out.
        """
        if split not in self.splits:
            raise NotFoundError(f"{self.folder} has no qrels for split {split!r}", nearest(split, self.splits))
        if allow_unknown:
            every = read_beir_qrels(self.splits[split])
            return {query: judged for query, judged in every.items() if query in self.queries}
        return read_beir_qrels(self.splits[split], documents=documents, queries=self.queries)


@dataclass(frozen=True)
class Dataset:
    """One judged collection and the spec of its index. Open it with `open_dataset`.

    name: the folder's name; results go by it. sources: the files its documents come from. spec: a table as in
    docs/spec.md; base: the folder its relative paths start at. beir: whether `texts` can read it.
    """

    name: str
    judged: JudgedQueries
    sources: tuple[Path, ...]
    spec: dict[str, Any]
    base: Path
    beir: bool = True

    def texts(self) -> Iterator[tuple[str, str, str]]:
        """(id, title, text) of every document of a BEIR corpus, in order. Raises DataError that names file and line."""
        if not self.beir:
            raise DataError(f"{self.name} is no BEIR folder", "name a folder with corpus.jsonl")
        for number, row in _rows(self.sources[0]):
            yield (
                _string(row, "_id", self.sources[0], number),
                str(row.get("title") or ""),
                str(row.get("text") or ""),
            )

    @cached_property
    def document_ids(self) -> frozenset[str] | None:
        """Ids of a BEIR corpus; None where only the index knows them."""
        return frozenset(identity for identity, _, _ in self.texts()) if self.beir else None

    @cached_property
    def signature(self) -> dict[str, str]:
        """sha256 of every input file, by its path from the base folder."""
        files = [*self.sources, self.judged.queries_file, *self.judged.splits.values()]
        return {os.path.relpath(file, self.base): sha256_file(file) for file in files}


def open_dataset(path: Path) -> Dataset:
    """Open a BEIR folder, or a folder with an index spec that names judged queries, by path or name under $CLEW_DATA.

    Raises NotFoundError that says what is missing.
    """
    found = _folder(path)
    if corpus := _first(found, "corpus.jsonl"):
        return Dataset(found.name, open_queries(found), (corpus,), beir_spec(found), found)
    for file in sorted(found.glob("*.toml")):
        table = read_toml(file)
        if queries := table.get("quality", {}).get("queries"):
            return _specified(found, table, file, found / queries)
    raise NotFoundError(
        f"{found} holds neither corpus.jsonl, plain or compressed, nor a spec with [quality] queries",
        "a BEIR folder has corpus.jsonl, queries.jsonl and qrels/; see docs/bench.md",
    )


def open_queries(path: Path) -> JudgedQueries:
    """Open a folder with queries and qrels. Raises NotFoundError that says what is missing."""
    found = _folder(path)
    queries = _first(found, "queries.jsonl")
    if queries is None:
        raise NotFoundError(f"{found} holds no queries.jsonl, plain or compressed", "one object a line: _id, text")
    qrels = sorted([*found.glob("qrels/*.tsv"), *found.glob("qrels/*.tsv.gz")])
    if not qrels:
        raise NotFoundError(f"{found} holds no qrels/<split>.tsv", "a judged data set has one such file a split")
    return JudgedQueries(found, queries, {file.name.removesuffix(".gz").removesuffix(".tsv"): file for file in qrels})


def data_home() -> Path:
    """Where data sets lie: $CLEW_DATA, else ../shared/data beside the checkout."""
    given = os.environ.get("CLEW_DATA")
    return Path(given) if given else Path(__file__).resolve().parents[2] / "shared" / "data"


def _specified(folder: Path, table: dict[str, Any], file: Path, queries: Path) -> Dataset:
    from indexer.sources.forms import files_of
    from indexer.spec import spec_of

    spec = spec_of(table, str(file), folder)
    sources = tuple(Path(name) for name in files_of(spec.source, spec.form))
    return Dataset(folder.name, open_queries(queries), sources, table, folder, beir=False)


def _folder(path: Path) -> Path:
    found = path if path.is_dir() else data_home() / path
    if not found.is_dir():
        raise NotFoundError(
            f"{path}: no such folder, neither here nor under {data_home()}",
            "name a folder with corpus.jsonl, queries.jsonl and qrels/, or set CLEW_DATA to where such folders lie",
        )
    return found.resolve()


def _first(folder: Path, name: str) -> Path | None:
    candidates = (folder / f"{name}{ending}" for ending in ("", *COMPRESSED))
    return next((file for file in candidates if file.is_file()), None)


def _rows(path: Path) -> Iterator[tuple[int, dict[str, object]]]:
    """Numbered JSON objects of a .jsonl file, plain or compressed."""
    with reading(str(path)), open_source(str(path)) as stream:
        for number, line in enumerate(stream, 1):
            if line.strip():
                yield number, _object(line, path, number)


def _object(line: bytes, path: Path, number: int) -> dict[str, object]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}:{number}: not JSON: {error}", "one JSON object a line, UTF-8") from None
    if not isinstance(row, dict):
        raise DataError(f"{path}:{number}: {type(row).__name__}, expected an object", "one JSON object a line")
    return row


def _string(row: dict[str, object], key: str, path: Path, number: int) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value:
        raise DataError(f"{path}:{number}: {key} is {value!r}, expected text", "see the BEIR layout in docs/bench.md")
    return value
