"""`clew run`."""

from __future__ import annotations

import gzip
import json
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clew.cli.options import DEFAULT_HOME, Home, note, out_bytes
from clew.core.errors import DataError, QueryError, UsageError
from clew.search.commands import options

if TYPE_CHECKING:
    from clew.core.measures.runs import Run
    from clew.search.pipeline import Searcher
    from clew.search.types import SearchRequest

Queries = Mapping[str, tuple[str, str]]


class Form(StrEnum):
    """Formats of the file that is written."""

    TREC = "trec"
    JSONL = "jsonl"


def run(
    name: options.IndexName,
    queries: Annotated[
        str,
        typer.Argument(
            help="File of queries: JSON lines with _id and text (BEIR), or lines of id, tab, text; may be .gz.",
            metavar="QUERIES",
        ),
    ],
    to: Annotated[str, typer.Option("--out", help='File to write ("-": stdout); compressed if it ends in .gz.')],
    home: Home = DEFAULT_HOME,
    k: Annotated[int, typer.Option("-k", "--k", help="Number of documents to return for each query.")] = 100,
    form: Annotated[
        Form, typer.Option("--format", help="trec: a TREC run. jsonl: one JSON object for each query.")
    ] = Form.TREC,
    sources: options.Sources = None,
    fusion: options.Fusion = None,
    graph: options.Graph = "auto",
    rerank: options.Rerank = None,
    identical_ids: Annotated[
        str,
        typer.Option(
            "--identical-ids",
            help="Whether a document with the id of the query is left out: ignore (as BEIR does), keep, or auto "
            "(only if it also has the query's text).",
            metavar="RULE",
        ),
    ] = "keep",
    release: options.ReleaseId = None,
) -> None:
    """Search for each query of a file and write the ranked documents (a run).

    The run is written completely or not at all. A stage that cannot answer is an error, and reranking has no time
    limit, so that two runs can be compared.

    Example: clew run shop queries.jsonl --out shop.run.gz -k 100
    """
    from clew.search.check_request import check
    from clew.search.commands.query_file import read_queries
    from clew.search.identical_ids import check_identical_ids, own_document

    wanted = options.request("-", k, sources=sources, fusion=fusion, graph=graph, rerank=rerank)
    check(wanted)
    rule = check_identical_ids(identical_ids)
    started = time.monotonic()
    with options.opened(home, name, release) as searcher:
        texts = read_queries(queries)
        with _destination(to) as path:
            ranked = {}
            for query, (text, where) in texts.items():
                own = own_document(searcher.store, query, text, rule)
                ranked[query] = _ranked(searcher, wanted, text, where, own)
            _write(path, form, ranked, texts, f"clew-{searcher.release.index}")
    empty = sum(not found for found in ranked.values())
    took = time.monotonic() - started
    note(f"{len(ranked):,} queries in {took:.1f} s{f', {empty:,} without hits' if empty else ''}: {to}")


def _ranked(searcher: Searcher, wanted: SearchRequest, text: str, where: str, own: str | None) -> dict[str, float]:
    """Return document → score for one query, best first, without its own document.

    Raises DataError with file and line for an invalid query.
    """
    from clew.search.check_request import check
    from clew.search.identical_ids import without_own

    try:
        check(replace(wanted, query=text))
    except QueryError as error:
        raise DataError(f"{where}: {error.message}", error.hint) from None
    ids, scores = searcher.rank(
        text,
        wanted.k if own is None else wanted.k + 1,
        sources=wanted.sources,
        fusion=wanted.fusion,
        graph=wanted.graph,
        rerank=wanted.rerank,
    )
    return without_own(ids, scores, own, wanted.k)


def _write(path: Path, form: Form, ranked: Run, texts: Queries, tag: str) -> None:
    if form is Form.TREC:
        from clew.core.measures.runs import write_run

        write_run(path, ranked, tag)
        return
    with gzip.open(path, "wt", encoding="utf-8") if path.suffix == ".gz" else path.open("w", encoding="utf-8") as file:
        for query, found in ranked.items():
            hits = [{"id": document, "score": score} for document, score in found.items()]
            line = {"id": query, "query": texts[query][0], "hits": hits}
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


@contextmanager
def _destination(to: str) -> Iterator[Path]:
    """Yield a temporary file to write; once complete it is renamed to `to`, or copied to stdout for "-"."""
    if to == "-":
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "run"
            yield path
            out_bytes(path.read_bytes())
        return
    target = Path(to)
    if target.is_dir():
        raise UsageError(f"{to} is a folder, expected a file", "give a file name, such as --out shop.run")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        staging = tempfile.TemporaryDirectory(prefix=".clew-run-", dir=target.parent)
    except OSError as error:
        raise UsageError(f"cannot write {to}: {error.strerror}", "choose another file for --out") from None
    with staging as folder:
        yield Path(folder) / target.name
        (Path(folder) / target.name).replace(target)
