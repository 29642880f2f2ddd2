"""`clew graph`: load, build, list, describe, export, clean up and query knowledge graphs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clew.cli.options import DEFAULT_HOME, Home, Json, out, out_json
from clew.indexer.commands import graph_pull
from clew.search.commands import graph as queries
from clew.search.commands.completion import graph_names

if TYPE_CHECKING:
    from clew.indexer.graphs.load import LoadReport
    from clew.indexer.graphs.statistics import GraphStatistics
    from clew.kg.spec import Neo4jSpec

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)

SHOWN = 10

Name = Annotated[str, typer.Argument(help="Name of the graph.", autocompletion=graph_names)]
SnapshotId = Annotated[str | None, typer.Option("--snapshot", help="Id of a snapshot (default: the newest one).")]
Licence = Annotated[str, typer.Option("--licence", help="Licence of the data; stored with the graph.")]
Uri = Annotated[
    str, typer.Option("--uri", help="Neo4j server to load the graph into as well, such as bolt://host:7687.")
]
Database = Annotated[str, typer.Option("--database", help="Database on the Neo4j server.")]
User = Annotated[
    str, typer.Option("--user", help="User on the Neo4j server; the password is read from $NEO4J_PASSWORD.")
]


class Form(StrEnum):
    """Formats of exported files."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"


@app.callback()
def graph() -> None:
    """Load, build, list, describe, export, clean up and query knowledge graphs."""


@app.command()
def load(
    name: Annotated[str, typer.Argument(help="Name of the graph: a-z, 0-9, '_', '.' and '-'.")],
    nodes: Annotated[str, typer.Option("--nodes", help="Path, glob or URL of the nodes: JSONL, CSV or Parquet.")],
    edges: Annotated[str, typer.Option("--edges", help="Path, glob or URL of the edges.")],
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Skip rows that cannot be used and list them in a file.")
    ] = False,
    licence: Licence = "",
    uri: Uri = "",
    database: Database = "neo4j",
    user: User = "neo4j",
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Load a graph from files of nodes and edges, and check every row.

    Example: clew graph load shop --nodes examples/shop/nodes.jsonl --edges examples/shop/edges.jsonl
    """
    from clew.core.progress import for_terminal
    from clew.indexer.graphs import load as loading

    server = _server(uri, database, user)
    progress = for_terminal()
    try:
        report = loading.load(
            home, name, nodes, edges, skip_bad=skip_bad, licence=licence, progress=progress, neo4j=server
        )
    finally:
        progress.close()
    out_json(asdict(report)) if as_json else _print_load(report)


@app.command()
def build(
    spec: Annotated[Path, typer.Argument(help="Index spec; fields with an entity type in it become nodes.")],
    name: Annotated[str, typer.Option("--name", help="Name of the graph (default: the spec's).")] = "",
    document_type: Annotated[
        str, typer.Option("--type", help="Type of the nodes that stand for documents.")
    ] = "product",
    prefix: Annotated[str, typer.Option("--prefix", help="Prefix of their ids (default: TYPE:).")] = "",
    licence: Licence = "",
    uri: Uri = "",
    database: Database = "neo4j",
    user: User = "neo4j",
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Build a graph from the fields of a catalogue.

    Each value of a field that has an `entity` type in the spec becomes a node, joined to the documents that have it.

    Example: clew graph build shop.toml --name shop-fields
    """
    from clew.core.progress import for_terminal
    from clew.indexer.graphs import from_catalogue
    from clew.indexer.spec import read_spec

    server = _server(uri, database, user)
    read = read_spec(spec)
    progress = for_terminal()
    try:
        report = from_catalogue.build(
            home,
            read,
            name=name,
            document_type=document_type,
            prefix=prefix,
            licence=licence,
            progress=progress,
            neo4j=server,
        )
    finally:
        progress.close()
    out_json(asdict(report)) if as_json else _print_load(report)


@app.command("list")
def list_(home: Home = DEFAULT_HOME, as_json: Json = False) -> None:
    """List the graphs and their snapshots, newest first.

    Example: clew graph list
    """
    from clew.kg.snapshot import graph_names, list_snapshots

    found = [manifest for name in graph_names(home) for manifest in list_snapshots(home, name)]
    if as_json:
        rows = [
            {
                "graph": manifest.name,
                "id": manifest.id,
                "created": manifest.created,
                "entities": manifest.counts.entities,
                "edges": manifest.counts.edges,
                "licence": manifest.licence,
            }
            for manifest in found
        ]
        out_json(rows)
        return
    for manifest in found:
        sizes = f"{manifest.counts.entities:>12,} entities {manifest.counts.edges:>12,} edges"
        out(f"{manifest.name:<24} {manifest.id} {sizes}  {manifest.created}")
    if not found:
        out(f"no graph under {home}")


@app.command()
def stats(
    name: Name,
    snapshot: SnapshotId = None,
    hubs: Annotated[
        int, typer.Option("--hubs", min=0, help="How many hubs to show: entities with the most edges.")
    ] = 10,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Show the types, relations, degrees and biggest hubs of a graph.

    Example: clew graph stats shop
    """
    from clew.indexer.graphs.statistics import describe
    from clew.kg.snapshot import Snapshot, find_snapshot

    opened = Snapshot.open(find_snapshot(home, name, snapshot))
    try:
        found = describe(opened, hubs)
    finally:
        opened.close()
    out_json(asdict(found)) if as_json else _print_statistics(found)


@app.command()
def export(
    name: Name,
    to: Annotated[Path, typer.Option("--to", help="Folder to write nodes and edges into.")],
    form: Annotated[Form, typer.Option("--format", help="Format of the files.")] = Form.JSONL,
    snapshot: SnapshotId = None,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Write a graph as files of nodes and edges.

    `clew graph load` reads these files and gives the same snapshot.

    Example: clew graph export shop --to shop-graph --format csv
    """
    from clew.indexer.graphs.export import export as write

    report = write(home, name, to, form.value, snapshot)
    if as_json:
        out_json(asdict(report))
    else:
        out(f"{report.nodes}: {report.entities:,} entities")
        out(f"{report.edges}: {report.links:,} edges")


@app.command()
def gc(
    name: Name,
    keep: Annotated[int, typer.Option("--keep", help="How many of the newest snapshots to keep.")] = 1,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be removed.")] = False,
    uri: Annotated[str, typer.Option("--uri", help="Neo4j server to remove the snapshots from as well.")] = "",
    database: Database = "neo4j",
    user: User = "neo4j",
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Remove old snapshots that nothing uses.

    The newest snapshots, those that an index uses and those that are open are kept.

    Example: clew graph gc shop --keep 2
    """

    from clew.indexer.graphs.gc import gc as remove

    report = remove(home, name, keep, dry_run=dry_run, neo4j=_server(uri, database, user))
    if as_json:
        out_json(asdict(report))
        return
    did = "would remove" if dry_run else "removed"
    out(f"{name}: {did} {len(report.snapshots)} snapshot(s), {report.bytes:,} bytes")
    for title, ids in (("used by an index", report.used), ("open", report.held)):
        if ids:
            out(f"  kept, {title}: {', '.join(ids)}")
    if report.labels:
        out(f"  {did} in Neo4j: {', '.join(report.labels)}")


app.command()(graph_pull.pull)
app.command()(graph_pull.drift)
app.command()(queries.link)
app.command()(queries.expand)


def _server(uri: str, database: str, user: str) -> Neo4jSpec | None:
    if not uri:
        return None
    from clew.core.spec import parse
    from clew.kg.spec import Neo4jSpec

    return parse(Neo4jSpec, {"uri": uri, "database": database, "user": user}, "--uri")


def _print_load(report: LoadReport) -> None:
    what = "unchanged," if report.status == "unchanged" else "loaded as"
    out(f"{report.graph}: {what} snapshot {report.id}")
    out(f"  {report.entities:,} entities of {len(report.types)} types, {report.edges:,} edges")
    _print_counts("relations", report.relations)
    if report.repeated:
        out(f"  {report.repeated:,} duplicate edges counted once")
    if report.rejected:
        out(f"  {report.rejected:,} rows rejected: see {report.rejects}")
    if report.label:
        out(f"  in Neo4j under the label {report.label}")
    out(f"  {sum(report.seconds.values()):.1f} s: " + ", ".join(f"{n} {s:.1f}" for n, s in report.seconds.items()))


def _print_statistics(found: GraphStatistics) -> None:
    out(f"{found.graph}: snapshot {found.id}, {found.created}" + (f", {found.licence}" if found.licence else ""))
    out(f"  {found.entities:,} entities, {found.edges:,} edges")
    for title, values in (("types", found.types), ("relations", found.relations)):
        _print_counts(title, values)
    out("  edges of an entity: " + ", ".join(f"{key} {value:,.5g}" for key, value in found.degrees.items()))
    for span, count in found.spread.items():
        out(f"    {span:>12} edges: {count:,} entities")
    for hub in found.hubs:
        kind = f" ({hub.type})" if hub.type else ""
        out(f"  {hub.degree:>9,}  {hub.id}  {hub.label}{kind}")


def _print_counts(title: str, counts: Mapping[str, int]) -> None:
    most = sorted(counts.items(), key=lambda pair: -pair[1])[:SHOWN]
    shown = ", ".join(f"{name or 'none'} {number:,}" for name, number in most)
    out(f"  {title}: {shown}" + (f", and {len(counts) - SHOWN:,} more" if len(counts) > SHOWN else ""))
