"""`clew indexes`: list and manage the indexes of a home and their releases."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from clew.cli.options import DEFAULT_HOME, Home, Json, note, out, out_json
from clew.indexer.commands.build import OverrideReason, OverrideUntil, print_report
from clew.search.commands.completion import index_names

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the index.", autocompletion=index_names)]
ReleaseId = Annotated[str | None, typer.Option("--release", help="Id of a release (default: the live one).")]


@app.callback()
def indexes() -> None:
    """List, show, verify, activate, roll back, clean up, export and import indexes.

    Example: clew indexes show shop
    """


@app.command("list")
def list_(home: Home = DEFAULT_HOME, as_json: Json = False) -> None:
    """List the indexes of a home.

    Example: clew indexes list
    """
    from clew.indexer.releases.history import releases
    from clew.search.versions import IndexFolder, index_names

    found: list[dict[str, Any]] = []
    for name in index_names(home):
        listed = releases(IndexFolder.of(home, name))
        live = next((release for release in listed if release.live), None)
        found.append(
            {
                "index": name,
                "release": live.id if live else None,
                "documents": live.documents if live else None,
                "passages": live.passages if live else None,
                "created": live.created if live else None,
                "releases": len(listed),
                "override_until": live.override_until if live else None,
                "override_ended": live.override_ended if live else False,
            }
        )
    if as_json:
        out_json(found)
        return
    for row in found:
        documents = f"{row['documents']:,}" if row["documents"] is not None else "?"
        line = f"{row['index']:<24} {row['release'] or '?':<8} {documents:>12} documents  {row['created'] or '?'}"
        out(line + _override(row["override_until"], row["override_ended"]))
    if not found:
        out(f"no index under {home}")


@app.command()
def show(name: Name, release: ReleaseId = None, home: Home = DEFAULT_HOME, as_json: Json = False) -> None:
    """Show the releases of an index.

    Shows counts, models, graph, recall, relevance and override of the live release (or another), then lists all
    releases.

    Example: clew indexes show shop
    """
    from clew.indexer.graphs.used import described
    from clew.indexer.releases.comparison import describe_comparison
    from clew.indexer.releases.history import existing, releases
    from clew.indexer.releases.override import Override
    from clew.indexer.releases.stages import describe_proofs

    folder = existing(home, name)
    chosen = folder.read_release(release)
    version = folder.read_version(chosen)
    listed = releases(folder)
    graph = described(home, version.spec)
    if as_json:
        shown = {"release": asdict(chosen), "version": asdict(version), "graph": asdict(graph) if graph else None}
        out_json({"index": name, **shown, "releases": [asdict(info) for info in listed]})
        return
    out(f"{name}: release {chosen.id}, version {version.id}")
    out(f"  {version.documents:,} documents, {version.passages:,} passages, {len(version.shards)} shard(s)")
    out(f"  encoder {version.encoder.get('model', 'none')}, content {version.content[:16]}")
    if chosen.reranker:
        out(f"  reranker {chosen.reranker['model']} ({chosen.reranker['runtime']})")
    if graph is not None:
        sizes = f"{graph.entities:,} entities, {graph.edges:,} edges" if graph.entities is not None else "missing"
        out(f"  graph {graph.name}, snapshot {graph.snapshot} in {graph.store}: {sizes}")
    for title, values in (("recall", version.recall), ("relevance", version.relevance)):
        if values:
            out(f"  {title}: " + ", ".join(f"{key} {value:.4f}" for key, value in values.items()))
    for line in describe_proofs(version.report.get("stages", ())):
        out(f"  {line}")
    if comparison := version.report.get("comparison"):
        out(f"  {describe_comparison(comparison)}")
    if (override := Override.of_release(chosen)) is not None:
        out(f"  {override.describe()}")
        for failure in override.overrode:
            out(f"    {failure.said}")
    for info in listed:
        documents = f"{info.documents:,}" if info.documents is not None else "?"
        line = f"{'*' if info.live else ' '} {info.id:<8} {info.created}  {documents:>12} documents  {info.note}"
        out(line + _override(info.override_until, info.override_ended))


def _override(until: str | None, ended: bool) -> str:
    """Return the end of the line about a release: its override, if it was published with one."""
    return "" if until is None else f"  override {'ended on' if ended else 'until'} {until}"


@app.command()
def verify(name: Name, release: ReleaseId = None, home: Home = DEFAULT_HOME, as_json: Json = False) -> None:
    """Verify the files of a release.

    Compares the sha256 of every file, opens the release and runs sample queries.

    Example: clew indexes verify shop
    """
    from clew.indexer.releases.verify import verify_release

    report = verify_release(home, name, release)
    if as_json:
        out_json(asdict(report))
        return
    out(f"{name}: release {report.release} is undamaged: {report.files} files, {report.documents:,} documents, ")
    out(f"  {report.passages:,} passages, {report.canaries} sample queries answered")


@app.command()
def activate(
    name: Name,
    release: Annotated[str, typer.Argument(metavar="RELEASE", help="The release to make live.")],
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Make a release live.

    The release is verified and opened first. A release whose override has ended is refused.

    Example: clew indexes activate shop r3
    """
    from clew.indexer.releases import publish

    chosen = publish.activate(home, name, release)
    out_json(asdict(chosen)) if as_json else out(f"{name}: release {chosen.id} is live")


@app.command()
def rollback(name: Name, home: Home = DEFAULT_HOME, as_json: Json = False) -> None:
    """Make the previous live release live again.

    The release is verified and opened first. A second rollback goes one release further back.

    Example: clew indexes rollback shop
    """
    from clew.indexer.releases import publish
    from clew.indexer.releases.override import Override

    chosen = publish.rollback(home, name)
    override = Override.of_release(chosen)
    if override is not None and override.has_ended():
        note(f"release {chosen.id}: {override.describe()}")
    out_json(asdict(chosen)) if as_json else out(f"{name}: release {chosen.id} is live")


@app.command()
def rebuild(
    name: Name,
    release: ReleaseId = None,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
    override: OverrideReason = None,
    until: OverrideUntil = None,
) -> None:
    """Build an index again from the spec that it stores.

    For an index that this version of Clew cannot open. The source and the judged queries are read where they were; no
    text is encoded again if the encoder is the same.

    Example: clew indexes rebuild shop
    """
    from clew.core.progress import for_terminal
    from clew.indexer.build import build
    from clew.indexer.releases.override import Override
    from clew.indexer.releases.stored import stored_spec

    chosen = Override.of(override, until)
    report = build(stored_spec(home, name, release), home, override=chosen, progress=for_terminal())
    out_json(report.as_table()) if as_json else print_report(report)


@app.command()
def gc(
    name: Name,
    keep: Annotated[int, typer.Option("--keep", help="Number of newest releases to keep.")] = 3,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only report what would be removed.")] = False,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Remove old releases and unused files.

    The live release, the one before it, the one that an override was compared with, and releases in use are kept.
    Models that builds stored are removed if no index of the home needs them any more.

    Example: clew indexes gc shop --keep 2
    """
    from clew.indexer.releases.gc import gc as remove_unused

    report = remove_unused(home, name, keep, dry_run=dry_run)
    if as_json:
        out_json(asdict(report))
        return
    did = "would remove" if dry_run else "removed"
    out(f"{name}: {did} {len(report.releases)} release(s), {len(report.shards)} shard(s), {report.bytes:,} bytes")
    if report.models:
        out(f"  and {len(report.models)} model(s) that no index needs any more")
    if report.unread:
        out(f"  no model was removed, because an index cannot be read: {report.unread}")
    if report.held:
        out(f"  not removed, because a reader has them open: {', '.join(report.held)}")


@app.command()
def export(
    name: Name,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write: .tar, .tar.gz or .tar.zst.")],
    release: ReleaseId = None,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Export a release into one file.

    The file contains everything that the release needs, including its graph and its models.

    Example: clew indexes export shop shop.tar.zst
    """
    from clew.indexer.releases import transfer

    report = transfer.export(home, name, file, release)
    if as_json:
        out_json(asdict(report))
    else:
        out(f"{report.file}: {name} {report.release}, {report.bytes:,} bytes")


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that `clew indexes export` wrote.")],
    name: Annotated[str | None, typer.Option("--name", help="Name of the index here (default: as exported).")] = None,
    activate: Annotated[bool, typer.Option("--activate/--no-activate", help="Make the imported release live.")] = True,
    neo4j: Annotated[
        str | None,
        typer.Option("--neo4j", metavar="URI", help="Your Neo4j server with the graph; password in NEO4J_PASSWORD."),
    ] = None,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Import a release from a file.

    Every file is checked before the release goes live. The file cannot choose a server, a model or a path.

    Example: clew indexes import shop.tar.zst
    """
    from clew.indexer.releases import transfer

    report = transfer.import_(home, file, name, activate=activate, neo4j=neo4j)
    for line in report.notes:
        note(line)
    if as_json:
        out_json(asdict(report))
    else:
        out(f"{report.index}: release {report.release} {'is live' if report.live else 'is imported, not live'}")
