"""`clew graph link` and `clew graph expand`: what a graph makes of a text, and where a query leads in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clew.cli.options import DEFAULT_HOME, Home, Json, out, out_json

if TYPE_CHECKING:
    from clew.search.lookup import ConsideredEntity, ExpandReport, LinkReport
    from clew.search.pipeline import Searcher


def link(
    name: Annotated[str, typer.Argument(help="An index with a graph, or a graph.", metavar="NAME")],
    text: Annotated[str, typer.Argument(help="The text whose entities are wanted.", metavar="TEXT")],
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Say which entities a text names, what else its words may mean, and why that was dropped.

    An index links as its searches do; a graph by itself knows no vectors, and links less surely.

    Example: clew graph link shop "dark blue headphones"
    """
    report = _linked(home, name, text)
    if as_json:
        out_json(asdict(report))
    else:
        for line in link_lines(report):
            out(line)


def expand(
    index: Annotated[str, typer.Argument(help="An index with a graph.", metavar="INDEX")],
    query: Annotated[str, typer.Argument(help="The query.", metavar="QUERY")],
    k: Annotated[int, typer.Option("-k", "--k", help="Entities wanted.")] = 20,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Say what a query leads to in the graph of an index: entities, weights and paths, whatever the gate would say.

    Example: clew graph expand shop "dark blue headphones"
    """
    from clew.search import lookup

    with _opened(home, index) as searcher:
        report = lookup.expand(searcher, query, most=k)
    if as_json:
        out_json(asdict(report))
    else:
        for line in expand_lines(report):
            out(line)


def link_lines(report: LinkReport) -> Iterator[str]:
    """The lines of a link report: each mention with what spoke for it, then what its words may also mean."""
    from clew.cli.hits import linked, visible

    yield f"{report.graph}, snapshot {report.snapshot}: {len(report.mentions)} of {report.considered:,} candidates"
    spans = {(c.start, c.end) for c in report.candidates}
    named = {(c.start, c.end) for c in report.candidates if not c.dropped}
    # Words that name something come first; they may name several things.
    for start, end in [*sorted(named), *sorted(spans - named)]:
        yield ""
        if (start, end) not in named:
            yield f"'{visible(report.text[start:end])}' names none"
        for entity in report.candidates:
            if not entity.dropped and (entity.start, entity.end) == (start, end):
                yield f"{linked(entity)}  {visible(entity.id)}"
                yield f"     {_features(entity)}"
        yield from _rivals(report, start, end)


def expand_lines(report: ExpandReport) -> Iterator[str]:
    """The lines of an expansion: what the query names, then what that leads to."""
    from clew.cli.hits import linked, visible

    named = ", ".join(map(linked, report.mentions)) or "the query names no entity"
    cut = ", cut at a limit" if report.truncated else ""
    yield f"{report.graph}, snapshot {report.snapshot}: {named}; {report.total:,} reached{cut}"
    for entity in report.reached:
        yield f"  {entity.weight:>8.4f}  {visible(entity.path)}  [{visible(entity.id)}]"
    if report.total > len(report.reached):
        yield f"  and {report.total - len(report.reached):,} more; -k shows them"


SHOWN = 5


def _rivals(report: LinkReport, start: int, end: int) -> Iterator[str]:
    """What the same words may also mean, and why that was dropped."""
    from clew.cli.hits import visible

    rivals = [c for c in report.candidates if c.dropped and (c.start, c.end) == (start, end)]
    for rival in rivals[:SHOWN]:
        kind = f" ({visible(rival.type)})" if rival.type else ""
        yield f"  not  {visible(rival.name)}{kind}  {visible(rival.id)}: {visible(rival.dropped)}"
        yield f"       {_features(rival)}"
    if len(rivals) > SHOWN:
        yield f"  not  {len(rivals) - SHOWN:,} more"


def _features(entity: ConsideredEntity) -> str:
    return ", ".join(f"{name} {value:.3g}" for name, value in entity.features.items() if name != "bias")


def _linked(home: Path, name: str, text: str) -> LinkReport:
    """A text linked by an index or, where no index has the name, by a graph. Raises NotFoundError for neither."""
    from clew.core.errors import NotFoundError, nearest
    from clew.kg.snapshot import graph_names
    from clew.search import lookup
    from clew.search.versions import index_names

    indexes, graphs = index_names(home), graph_names(home)
    if name in indexes:
        with _opened(home, name) as searcher:
            if searcher.knowledge is not None or name not in graphs:
                return lookup.link(searcher, text, trace=True)
    if name not in graphs:
        raise NotFoundError(f"no index or graph {name[:80]!r} under {home}", nearest(name, {*indexes, *graphs}))
    return _linked_by_graph(home, name, text)


def _linked_by_graph(home: Path, name: str, text: str) -> LinkReport:
    from clew.kg.annotate import open_linker
    from clew.kg.snapshot import Snapshot, find_snapshot
    from clew.kg.spec import GraphSpec
    from clew.search import lookup

    snapshot = Snapshot.open(find_snapshot(home, name))
    try:
        linker = open_linker(snapshot.folder, GraphSpec(name=name))
        return lookup.link_text(linker, snapshot, text, trace=True)
    finally:
        snapshot.close()


@contextmanager
def _opened(home: Path, name: str) -> Iterator[Searcher]:
    from clew.search.assemble import open_index

    searcher = open_index(home, name)
    try:
        yield searcher
    finally:
        searcher.close()
