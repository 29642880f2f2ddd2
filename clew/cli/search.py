"""`clew search`."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from clew.cli.options import DEFAULT_HOME, Home, Json, note, out, out_json
from clew.core.errors import DataError, QueryError, UsageError

if TYPE_CHECKING:
    from clew.search.pipeline import Searcher
    from clew.search.types import AnswerResponse, GraphMode, SearchRequest, SearchResponse

RUN_DEPTH = 100
ANSWER_DEPTH = 5


def search(
    name: Annotated[str, typer.Argument(help="Name of the index.", metavar="NAME")],
    query: Annotated[str | None, typer.Argument(help="What to search for.", metavar="QUERY")] = None,
    home: Home = DEFAULT_HOME,
    k: Annotated[
        int | None,
        typer.Option(
            "-k",
            "--k",
            help=f"Documents wanted [default: 10; {RUN_DEPTH} with --queries, {ANSWER_DEPTH} with --answers].",
        ),
    ] = None,
    offset: Annotated[int, typer.Option(help="Documents to skip.")] = 0,
    profile: Annotated[str, typer.Option(help="How hits are shown: product or qa.")] = "product",
    filters: Annotated[
        list[str] | None,
        typer.Option(
            "--filter", help="Condition such as 'brand=Sony' or 'price<100'; may be repeated.", metavar="EXPR"
        ),
    ] = None,
    facets: Annotated[
        list[str] | None, typer.Option("--facet", help="Field whose values are counted; may be repeated.")
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Say why each hit is there.")] = False,
    sources: Annotated[str | None, typer.Option(help="Candidate sources to use, such as bm25,dense.")] = None,
    fusion: Annotated[str | None, typer.Option(help="How sources are joined [default: as the release says].")] = None,
    expand: Annotated[
        str, typer.Option(help="Whether the graph is used: off, auto (its gate decides) or on.", metavar="WHEN")
    ] = "auto",
    rerank: Annotated[
        bool | None,
        typer.Option("--rerank/--no-rerank", help="Let a cross-encoder read the first [default: as the index says]."),
    ] = None,
    min_probability: Annotated[
        float | None,
        typer.Option(
            "--min-probability", help="Drop reranked hits, or answers, that are less likely (0 to 1).", metavar="P"
        ),
    ] = None,
    budget_ms: Annotated[float | None, typer.Option(help="Wanted answer time; what does not fit is left out.")] = None,
    answers: Annotated[
        bool, typer.Option("--answers", help="Show the sentence of each document that answers best.")
    ] = False,
    why_not: Annotated[
        str | None, typer.Option("--why-not", help="Say which stage lost this document.", metavar="ID")
    ] = None,
    queries: Annotated[
        str | None, typer.Option(help="File of queries: BEIR JSON lines, or id<TAB>text; may be .gz.", metavar="FILE")
    ] = None,
    run: Annotated[
        str | None, typer.Option(help="TREC run file to write; .gz allowed; - is stdout.", metavar="OUT")
    ] = None,
    release: Annotated[str | None, typer.Option(help="Release to search [default: the live one].")] = None,
    as_json: Json = False,
) -> None:
    """Search an index, or answer a file of queries with a TREC run.

    Examples:

    clew search shop "wireless headphones" -k 5 --filter brand=Sony --explain

    clew search shop "how long does the battery last" --answers

    clew search shop "wireless headphones" --why-not P-0042

    clew search shop --queries queries.jsonl --run shop.run.gz -k 100
    """
    from clew.search.pipeline import check
    from clew.search.types import SearchRequest

    wanted = SearchRequest(
        query=query or "",
        k=(RUN_DEPTH if queries else ANSWER_DEPTH if answers else 10) if k is None else k,
        offset=offset,
        facets=tuple(facets or ()),
        profile=profile,
        sources=_sources(sources),
        fusion=fusion,
        explain=explain,
        budget_ms=budget_ms,
        graph=cast("GraphMode", expand),  # any other word is refused by `check`
        rerank=rerank,
        min_probability=min_probability,
    )
    if queries is None and run is None:
        if query is None:
            raise UsageError("QUERY is missing", 'give one, such as: clew search shop "headphones"; or --queries FILE')
        if answers:
            _refuse(
                "--answers",
                {
                    "--facet": bool(facets),
                    "--explain": explain,
                    "--why-not": why_not is not None,
                    "--offset": offset != 0,
                    # Its own profile is qa; product is what stands where none was given.
                    "--profile": profile not in {"product", "qa"},
                },
            )
        check(wanted)
        with _opened(home, name, release) as searcher:
            if filters:
                from clew.search.filters import parse_filter_words

                wanted = replace(wanted, filters=parse_filter_words(filters, searcher.fields))
            if answers:
                _show_answers(searcher, wanted, as_json)
            elif why_not is not None:
                _show_why_not(searcher, wanted, why_not, as_json)
            else:
                _show(searcher, wanted, as_json)
        return
    if queries is None or run is None:
        raise UsageError("--queries and --run go together", "give both: --queries FILE --run OUT")
    _refuse(
        "--queries",
        {
            "QUERY": query is not None,
            "--filter": bool(filters),
            "--facet": bool(facets),
            "--explain": explain,
            "--answers": answers,
            "--why-not": why_not is not None,
            "--offset": offset != 0,
            "--budget-ms": budget_ms is not None,
            "--min-probability": min_probability is not None,
            "--json": as_json,
        },
    )
    check(replace(wanted, query="-"))
    with _opened(home, name, release) as searcher:
        _write_run(searcher, wanted, queries, run)


def _refuse(option: str, others: dict[str, bool]) -> None:
    given = [other for other, present in others.items() if present]
    if given:
        raise UsageError(f"{given[0]} cannot be used with {option}", f"leave out {', '.join(given)}")


def _sources(words: str | None) -> tuple[str, ...] | None:
    if words is None:
        return None
    names = tuple(word.strip() for word in words.split(",") if word.strip())
    if not names:
        raise QueryError("sources is empty", "name one or more, such as --sources bm25,dense")
    return names


@contextmanager
def _opened(home: Path, name: str, release: str | None) -> Iterator[Searcher]:
    from clew.search.assemble import open_index

    searcher = open_index(home, name, release)
    try:
        yield searcher
    finally:
        searcher.close()


def _show(searcher: Searcher, wanted: SearchRequest, as_json: bool) -> None:
    response = searcher.search(wanted)
    if as_json:
        out_json(asdict(response))
        return
    from clew.cli.hits import Page

    on_terminal = sys.stdout.isatty()
    page = Page(searcher.fields, on_terminal, shutil.get_terminal_size((100, 24)).columns if on_terminal else 200)
    for line in page.answer(response):
        out(line)
    _tell(response, len(response.hits))


def _show_answers(searcher: Searcher, wanted: SearchRequest, as_json: bool) -> None:
    from clew.search.types import AnswerRequest

    response = searcher.answer(AnswerRequest(search=wanted, k=wanted.k, min_probability=wanted.min_probability))
    if as_json:
        out_json(asdict(response))
        return
    from clew.cli.answers import answer_lines

    for line in answer_lines(response):
        out(line)
    _tell(response, len(response.answers))


def _tell(response: SearchResponse | AnswerResponse, shown: int) -> None:
    """How many were found, how long it took, and what was left out."""
    took = response.timings_ms.get("total", 0.0)
    note(f"{shown} of {response.considered:,} candidates, {took:.1f} ms, release {response.release}")
    for said in response.notes:
        note(f"note: {said}")
    for lost in response.degraded:
        note(f"degraded: {lost.stage} was left out: {lost.reason}")


def _show_why_not(searcher: Searcher, wanted: SearchRequest, document: str, as_json: bool) -> None:
    from clew.cli.hits import verdict

    found = searcher.why_not(wanted, document)
    if as_json:
        out_json(asdict(found))
        return
    for line in verdict(found):
        out(line)


def _write_run(searcher: Searcher, wanted: SearchRequest, file: str, to: str) -> None:
    """Answer every query of a file and write the run, whole or not at all."""
    from clew.cli.query_file import read_queries
    from clew.core.measures.runs import write_run
    from clew.search.pipeline import check

    queries = read_queries(file)
    started = time.monotonic()
    with _destination(to) as whole:
        run: dict[str, dict[str, float]] = {}
        for name, (text, where) in queries.items():
            try:
                check(replace(wanted, query=text))
            except QueryError as error:
                raise DataError(f"{where}: {error.message}", error.hint) from None
            ids, scores = searcher.rank(
                text,
                wanted.k,
                sources=wanted.sources,
                fusion=wanted.fusion,
                graph=wanted.graph,
                rerank=wanted.rerank,
            )
            run[name] = dict(zip(ids, scores.tolist(), strict=True))
        write_run(whole, run, f"clew-{searcher.release.index}")
    silent = sum(not found for found in run.values())
    took = time.monotonic() - started
    note(f"{len(run):,} queries in {took:.1f} s{f', {silent:,} without hits' if silent else ''}: {to}")


@contextmanager
def _destination(to: str) -> Iterator[Path]:
    """A file to write; once it is complete it is renamed to `to`, or copied to stdout for "-"."""
    if to == "-":
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder) / "run"
            sys.stdout.write((Path(folder) / "run").read_text(encoding="utf-8"))
        return
    path = Path(to)
    if path.is_dir():
        raise UsageError(f"{to} is a folder", "name a file: --run OUT.run")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        staging = tempfile.TemporaryDirectory(prefix=".clew-run-", dir=path.parent)
    except OSError as error:
        raise UsageError(f"cannot write {to}: {error.strerror}", "name another place for --run") from None
    with staging as folder:
        yield Path(folder) / path.name
        (Path(folder) / path.name).replace(path)
