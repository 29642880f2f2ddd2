"""Judged data sets: a folder in BEIR layout, or a folder with an index spec that names judged queries.

BEIR layout: corpus.jsonl, queries.jsonl and qrels/<split>.tsv, each plain or compressed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from clew.core.errors import DataError
from clew.core.files import sha256_file
from clew.core.measures.judged import JudgedQueries, data_folder, first_file, id_of, read_rows


@dataclass(frozen=True)
class Dataset:
    """A judged data set and the spec of its index. Open it with `open_dataset`.

    name: the folder's name, by which results are listed. sources: files of the documents. spec: a table as in
    docs/spec.md; base: the folder that its relative paths start at. beir: whether `texts` can read it.
    """

    name: str
    judged: JudgedQueries
    sources: tuple[Path, ...]
    spec: dict[str, Any]
    base: Path
    beir: bool = True

    def texts(self) -> Iterator[tuple[str, str, str]]:
        """Iterate over (id, title, text) of a BEIR corpus, in order. Raises DataError with file and line."""
        if not self.beir:
            raise DataError(f"{self.name} is not a BEIR folder", "give a folder with corpus.jsonl")
        for number, row in read_rows(self.sources[0]):
            yield (
                id_of(row, self.sources[0], number),
                str(row.get("title") or ""),
                str(row.get("text") or ""),
            )

    @cached_property
    def document_ids(self) -> frozenset[str] | None:
        """Ids of a BEIR corpus; None for a data set with a spec, whose ids only the index knows."""
        return frozenset(identity for identity, _, _ in self.texts()) if self.beir else None

    @cached_property
    def signature(self) -> dict[str, str]:
        """sha256 of every input file, by its path relative to the base folder."""
        files = [*self.sources, self.judged.queries_file, *self.judged.splits.values()]
        return {os.path.relpath(file, self.base): sha256_file(file) for file in files}


def open_dataset(path: Path) -> Dataset:
    """Open a data set by path, or by name under $CLEW_DATA.

    Raises NotFoundError that says which file is missing.
    """
    from clew.indexer.sources.forms import files_of
    from clew.indexer.spec import spec_of
    from clew.indexer.tuning.judged import folder_spec

    folder = data_folder(path)
    table, queries = folder_spec(folder)
    if corpus := first_file(folder, "corpus.jsonl"):
        return Dataset(folder.name, queries, (corpus,), table, folder)
    source = spec_of(table, f"spec of {folder}", folder)
    sources = tuple(Path(name) for name in files_of(source.source, source.form))
    return Dataset(folder.name, queries, sources, table, folder, beir=False)
