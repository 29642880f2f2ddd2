"""Small corpora, judged folders, specs and built homes: what most tests start from."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]


def write_lines(path: Path, rows: Iterable[Row]) -> Path:
    """Write rows as JSON Lines, compressed if the name ends in .gz, in a folder that is made if it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
    return path


def write_rows(folder: Path, **files: Iterable[Row]) -> Path:
    """Write each list of rows as name.jsonl; returns the folder."""
    for name, rows in files.items():
        write_lines(folder / f"{name}.jsonl", rows)
    return folder


def write_judged(folder: Path, queries: Mapping[str, str], **splits: Mapping[str, Mapping[str, int]]) -> Path:
    """Write judged queries as BEIR lays them out; returns the folder.

    queries: id → text. splits: name such as dev → query id → document id → grade.
    """
    write_lines(folder / "queries.jsonl", [{"_id": name, "text": text} for name, text in queries.items()])
    (folder / "qrels").mkdir(exist_ok=True)
    for split, judged in splits.items():
        rows = (f"{query}\t{doc}\t{grade}\n" for query, grades in judged.items() for doc, grade in grades.items())
        (folder / "qrels" / f"{split}.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(rows))
    return folder


def write_beir(
    folder: Path,
    documents: Mapping[str, str | tuple[str, str]],
    queries: Mapping[str, str],
    **splits: Mapping[str, Mapping[str, int]],
) -> Path:
    """Write a judged collection as BEIR lays it out; returns the folder.

    documents: id → text, or (title, text). queries and splits: as of `write_judged`.
    """
    texts = {name: ("", held) if isinstance(held, str) else held for name, held in documents.items()}
    rows = [{"_id": name, "title": title, "text": text} for name, (title, text) in texts.items()]
    write_lines(folder / "corpus.jsonl", rows)
    return write_judged(folder, queries, **splits)


def spec_table(name: str = "shop", **changes: Any) -> dict[str, Any]:
    """The table of a spec over docs.jsonl with a title and a text, and vectors that need no model.

    changes: tables and values that replace these or are added; None leaves one out.
    """
    table = {
        "name": name,
        "dense": {"model": "hashing-32"},
        "source": {"path": "docs.jsonl"},
        "fields": {"title": {"type": "text"}, "text": {"type": "text"}},
        **changes,
    }
    return {key: value for key, value in table.items() if value is not None}


def build_home(root: Path, *tables: Row, **files: Iterable[Row]) -> Path:
    """Write each list of rows as name.jsonl in `root`, build an index for each spec, and return the home.

    A test that only reads it takes the fixture `built_home` instead, which builds the same home once a session.
    """
    from clew.indexer.build import build
    from clew.indexer.spec import spec_of

    write_rows(root, **files)
    for table in tables:
        build(spec_of(dict(table), f"{table['name']}.toml", root), root / "home")
    return root / "home"
