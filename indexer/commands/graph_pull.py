"""`clew graph pull` and `clew graph drift`: snapshots of a Neo4j database that Clew only reads."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clew.cli.options import DEFAULT_HOME, Home, Json, out, out_json
from clew.search.commands.completion import graph_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clew.kg.drift import Drift
    from clew.kg.snapshot import Snapshot
    from clew.kg.spec import Neo4jSpec

SHOWN = 10

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the graph.", autocompletion=graph_names)]
Database = Annotated[str, typer.Option("--database", help="Database on the server.")]
User = Annotated[str, typer.Option("--user", help="User that may read the database.")]
PasswordEnv = Annotated[str, typer.Option("--password-env", help="Environment variable that holds the password.")]


def pull(
    name: Name,
    uri: Annotated[str, typer.Option("--uri", help="The Neo4j server, such as bolt://host:7687.")],
    label: Annotated[
        list[str], typer.Option("--label", help="Label of the nodes to take as entities; may be repeated.")
    ],
    relation: Annotated[
        list[str] | None, typer.Option("--relation", help="Relationship type to take (default: all); may be repeated.")
    ] = None,
    id_property: Annotated[
        list[str] | None,
        typer.Option(
            "--id",
            help="Property that holds the id of a node (default: id), for all labels or as LABEL=PROPERTY for one; "
            "LABEL= for the element id; may be repeated.",
        ),
    ] = None,
    name_property: Annotated[
        list[str] | None,
        typer.Option(
            "--called",
            help="Property that holds the name of a node (default: name), or LABEL=PROPERTY; may be repeated.",
        ),
    ] = None,
    alias: Annotated[
        list[str] | None,
        typer.Option("--alias", help="Property that holds other names of a node, or LABEL=PROPERTY; may be repeated."),
    ] = None,
    translated: Annotated[
        list[str] | None,
        typer.Option(
            "--translated",
            help="Property that holds the name of a node in a language, such as zh=name_zh; may be repeated.",
        ),
    ] = None,
    description: Annotated[
        list[str] | None,
        typer.Option(
            "--description", help="Property that holds the description of a node, or LABEL=PROPERTY; may be repeated."
        ),
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Skip nodes without a usable id and list them in a file.")
    ] = False,
    licence: Annotated[str, typer.Option("--licence", help="Licence of the data; stored with the graph.")] = "",
    database: Database = "neo4j",
    user: User = "neo4j",
    password_env: PasswordEnv = "NEO4J_PASSWORD",  # noqa: S107 - the name of a variable
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Take a snapshot of an existing Neo4j database.

    The database is only read.

    Example: clew graph pull films --uri bolt://127.0.0.1:7687 --label Film --label Person --id tmdb_id --called title
    """
    from clew.core.errors import UsageError
    from clew.core.progress import for_terminal
    from clew.core.spec import parse
    from clew.indexer.graphs.pull import pull as pull_database
    from clew.kg.spec import Neo4jSpec

    names = dict(pair.partition("=")[::2] for pair in translated or [])
    if not all(names.values()):
        raise UsageError(
            f"--translated {translated!r} does not name a property",
            "give a language and a property, such as zh=name_zh",
        )
    table = {
        "uri": uri,
        "database": database,
        "user": user,
        "password_env": password_env,
        "labels": label,
        "relations": relation or [],
        "names": names,
        **_mapping(label, {"id": id_property, "name": name_property, "aliases": alias, "description": description}),
    }
    spec = parse(Neo4jSpec, table, "clew graph pull")
    progress = for_terminal()
    try:
        report = pull_database(home, name, spec, skip_bad=skip_bad, licence=licence, progress=progress)
    finally:
        progress.close()
    if as_json:
        out_json(asdict(report))
        return
    what = "unchanged," if report.status == "unchanged" else "pulled as"
    out(f"{report.graph}: {what} snapshot {report.id}")
    out(f"  {report.entities:,} entities of {len(report.types)} types, {report.edges:,} edges")
    out(f"  relations used from now on: {', '.join(report.relations) or 'none'}")
    if report.rejected:
        out(f"  {report.rejected:,} nodes rejected: see {report.rejects}")


def _mapping(labels: Sequence[str], options: Mapping[str, Sequence[str] | None]) -> dict[str, Any]:
    """Return the keys of [graph.neo4j] for options such as "title" (all labels) and "Film=title" (one of them).

    Raises UsageError if an option other than --alias is given twice for the same labels.
    """
    from clew.core.errors import UsageError

    table: dict[str, Any] = {"nodes": {}}
    for key, values in options.items():
        for value in values or ():
            label, equals, property_ = value.partition("=")
            own = bool(equals) and label in labels
            place = table["nodes"].setdefault(label, {}) if own else table
            given = property_ if own else value
            if key == "aliases":
                place.setdefault(key, []).append(given)
            elif key in place:
                raise UsageError(
                    f"{key} is given twice: {place[key]!r} and {given!r}", "name one property for each label"
                )
            else:
                place[key] = given
    return table


def drift(
    name: Name,
    snapshot: Annotated[
        str | None, typer.Option("--snapshot", help="Id of a snapshot (default: the newest one).")
    ] = None,
    edges: Annotated[
        bool, typer.Option("--edges/--no-edges", help="Whether to read all edges of the server and compare each.")
    ] = True,
    sample: Annotated[int, typer.Option("--sample", min=0, help="Number of sampled entities to compare.")] = 1_000,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the sample.")] = 0,
    uri: Annotated[
        str,
        typer.Option("--uri", help="Server that a graph from files was loaded into; not needed for a pulled graph."),
    ] = "",
    database: Database = "neo4j",
    user: User = "neo4j",
    password_env: PasswordEnv = "NEO4J_PASSWORD",  # noqa: S107 - the name of a variable
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Compare a snapshot with its Neo4j database as it is now. Exits with 1 if they differ.

    Example: clew graph drift films
    """
    from clew.core.spec import parse
    from clew.core.types import Deadline
    from clew.kg import drift as comparison
    from clew.kg.snapshot import Snapshot, find_snapshot
    from clew.kg.spec import Neo4jSpec
    from clew.kg.store import STORES

    opened = Snapshot.open(find_snapshot(home, name, snapshot))
    try:
        if uri:
            table = {"uri": uri, "database": database, "user": user, "password_env": password_env}
            store = STORES["neo4j"](parse(Neo4jSpec, table, "clew graph drift"), label=f"Clew_{opened.id}")
        else:
            store = STORES["neo4j"](_source(name, opened))
        try:
            found = comparison.drift(opened, store, Deadline(), sample=sample, seed=seed, edges=edges)
        finally:
            store.close()
    finally:
        opened.close()
    if as_json:
        out_json({"graph": name, "snapshot": opened.id, "drifted": found.found, **asdict(found)})
    else:
        _print(name, opened.id, found)
    if found.found:
        raise typer.Exit(1)


def _source(name: str, opened: Snapshot) -> Neo4jSpec:
    """The database that a snapshot was pulled from. Raises UsageError for a graph that was loaded from files."""
    from clew.core.errors import UsageError
    from clew.kg.spec import pulled

    spec = pulled(opened.manifest.lineage)
    if spec is None:
        raise UsageError(f"graph {name!r} was loaded from files", "name the server that it was loaded into with --uri")
    return spec


def _print(name: str, id: str, found: Drift) -> None:  # noqa: A002 - it is a snapshot's id
    out(f"{name}: the server {'differs from' if found.found else 'holds what is in'} snapshot {id}")
    for title, (before, now) in (("entities", found.entities), ("edges", found.edges)):
        out(f"  {title}: {before:,} in the snapshot, {now:,} on the server")
    for title, pairs in (("type", found.types), ("relation", found.relations)):
        for kind, (before, now) in pairs.items():
            out(f"  {title} {kind or 'none'}: {before:,} in the snapshot, {now:,} on the server")
    for title, ids in (("gone", found.gone), ("changed", found.changed)):
        if ids:
            more = f", and {len(ids) - SHOWN:,} more" if len(ids) > SHOWN else ""
            out(f"  {len(ids):,} of {found.sampled:,} sampled entities are {title}: {', '.join(ids[:SHOWN])}{more}")
    if found.lost or found.added:
        out(f"  edges: {found.lost:,} only in the snapshot, {found.added:,} only on the server, such as:")
        for edge in found.some:
            out(f"    {edge.source} {edge.relation} {edge.target}")
