"""`clew graph link` and `clew graph expand`: the entities of a text, and what a query reaches in a graph."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clew.cli.options import DEFAULT_HOME, Home, Json, out, out_json
from clew.search.commands.completion import index_and_graph_names
from clew.search.commands.options import IndexName, opened

if TYPE_CHECKING:
    from clew.search.graph_reports import EntityCandidate, ExpandReport, LinkReport


def link(
    name: Annotated[
        str,
        typer.Argument(
            help="Name of an index with a graph, or of a graph.", metavar="NAME", autocompletion=index_and_graph_names
        ),
    ],
    text: Annotated[str, typer.Argument(help="Text to find entities in.", metavar="TEXT")],
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Find the entities that a text names.

    The other candidates for its words are listed too, each with the reason why it was dropped.

    With the name of an index, linking works as in its searches. With the name of a graph it has no vectors to compare,
    so it is less accurate.

    Example: clew graph link shop "dark blue headphones"
    """
    report = _linked(home, name, text)
    if as_json:
        out_json(asdict(report))
    else:
        for line in link_lines(report):
            out(line)


def expand(
    name: IndexName,
    query: Annotated[str, typer.Argument(help="The query.", metavar="QUERY")],
    k: Annotated[int, typer.Option("-k", "--k", help="Number of entities to show.")] = 20,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Show which entities a query reaches in the graph of an index.

    Each is shown with its weight and its path. The gate is not used.

    Example: clew graph expand shop "dark blue headphones"
    """

    from clew.search import graph_reports

    with opened(home, name) as searcher:
        report = graph_reports.expand(searcher, query, most=k)
    if as_json:
        out_json(asdict(report))
    else:
        for line in expand_lines(report):
            out(line)


def link_lines(report: LinkReport) -> Iterator[str]:
    """Yield the lines of a link report: each mention with its features, then the other candidates for its words."""
    from clew.search.commands.hits import linked, printable

    yield f"{report.graph}, snapshot {report.snapshot}: {len(report.mentions)} of {report.considered:,} candidates"
    spans = {(c.start, c.end) for c in report.candidates}
    named = {(c.start, c.end) for c in report.candidates if not c.dropped}
    # Words that name an entity come first; they may name several.
    for start, end in [*sorted(named), *sorted(spans - named)]:
        yield ""
        if (start, end) not in named:
            yield f"'{printable(report.text[start:end])}' names no entity"
        for entity in report.candidates:
            if not entity.dropped and (entity.start, entity.end) == (start, end):
                yield f"{linked(entity)}  {printable(entity.id)}"
                yield f"     {_features(entity)}"
        yield from _dropped_candidates(report, start, end)


def expand_lines(report: ExpandReport) -> Iterator[str]:
    """Yield the lines of an expansion: the entities that the query names, then those reached from them."""
    from clew.search.commands.hits import linked, printable

    named = ", ".join(map(linked, report.mentions)) or "the query names no entity"
    cut = ", cut at a limit" if report.truncated else ""
    yield f"{report.graph}, snapshot {report.snapshot}: {named}; {report.total:,} reached{cut}"
    for entity in report.reached:
        yield f"  {entity.weight:>8.4f}  {printable(entity.path)}  [{printable(entity.id)}]"
    if report.total > len(report.reached):
        yield f"  and {report.total - len(report.reached):,} more; raise -k to show them"


SHOWN = 5


def _dropped_candidates(report: LinkReport, start: int, end: int) -> Iterator[str]:
    """Yield the other candidates for the same words, and why each was dropped."""
    from clew.search.commands.hits import printable

    rivals = [c for c in report.candidates if c.dropped and (c.start, c.end) == (start, end)]
    for rival in rivals[:SHOWN]:
        kind = f" ({printable(rival.type)})" if rival.type else ""
        yield f"  not  {printable(rival.name)}{kind}  {printable(rival.id)}: {printable(rival.dropped)}"
        yield f"       {_features(rival)}"
    if len(rivals) > SHOWN:
        yield f"  not  {len(rivals) - SHOWN:,} more"


def _features(entity: EntityCandidate) -> str:
    return ", ".join(f"{name} {value:.3g}" for name, value in entity.features.items() if name != "bias")


def _linked(home: Path, name: str, text: str) -> LinkReport:
    """Link a text with an index or, if none has that name, with a graph. Raises NotFoundError if neither exists."""
    from clew.core.errors import NotFoundError, nearest
    from clew.kg.snapshot import graph_names
    from clew.search import graph_reports
    from clew.search.versions import index_names

    indexes, graphs = index_names(home), graph_names(home)
    if name in indexes:
        with opened(home, name) as searcher:
            if searcher.graph_retriever is not None or name not in graphs:
                return graph_reports.link(searcher, text, trace=True)
    if name not in graphs:
        raise NotFoundError(f"no index or graph {name[:80]!r} under {home}", nearest(name, {*indexes, *graphs}))
    return _linked_by_graph(home, name, text)


def _linked_by_graph(home: Path, name: str, text: str) -> LinkReport:
    from clew.kg.annotate import open_linker
    from clew.kg.snapshot import Snapshot, find_snapshot
    from clew.kg.spec import GraphSpec
    from clew.search import graph_reports

    snapshot = Snapshot.open(find_snapshot(home, name))
    try:
        linker = open_linker(snapshot.folder, GraphSpec(name=name))
        return graph_reports.link_text(linker, snapshot, text, trace=True)
    finally:
        snapshot.close()
