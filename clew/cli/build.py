"""`clew init` and `clew build`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clew.cli.options import DEFAULT_HOME, Home, Json, note, out, out_json

if TYPE_CHECKING:
    from clew.indexer.build import BuildReport


def init(
    data: Annotated[str, typer.Argument(help="File, folder, BEIR folder, glob or URL of your documents.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Spec to write (default: NAME.toml).")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a spec that is there.")] = False,
) -> None:
    """Write a commented spec from a look at your data.

    Example: clew init catalogue.jsonl.gz --output shop.toml
    """
    from clew.core.errors import UsageError
    from clew.core.files import write_atomic
    from clew.indexer.suggest import default_target, suggest

    target = output or default_target(data)
    if target.exists() and not force:
        raise UsageError(f"{target} is there already", "choose another --output, or replace it with --force")
    text, count = suggest(data, target)
    write_atomic(target, text.encode())
    note(f"looked at {count:,} records")
    out(str(target))


def build(
    spec: Annotated[Path, typer.Argument(help="The index spec, a TOML file.")],
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
    override: Annotated[
        str | None,
        typer.Option("--override", help="Why it goes live even where judged queries speak against it; needs --until."),
    ] = None,
    until: Annotated[str | None, typer.Option("--until", help="Last day of the override, YYYY-MM-DD.")] = None,
) -> None:
    """Build, verify and publish a new version of an index.

    It can be stopped at any point and goes on from finished work when it is called again; until the last step the
    release that is live goes on serving.

    Example: clew build shop.toml
    """
    from clew.core.progress import for_terminal
    from clew.indexer import build as road
    from clew.indexer.override import Override
    from clew.indexer.spec import read_spec

    chosen = Override.of(override, until)
    report = road.build(read_spec(spec), home, override=chosen, progress=for_terminal())
    if as_json:
        from dataclasses import asdict

        out_json(asdict(report))
    else:
        _print(report)


def _print(report: BuildReport) -> None:
    from clew.indexer.comparison import told

    if report.status == "unchanged":
        out(f"{report.index}: unchanged, release {report.release} stays live")
    else:
        out(f"{report.index}: release {report.release} is live")
    out(f"  {report.documents:,} documents, {report.passages:,} passages, {report.shards} shard(s)")
    if report.encoded or report.reused:
        out(f"  {report.encoded:,} texts encoded, {report.reused:,} vectors reused")
    for title, values in (("recall", report.recall), ("relevance", report.relevance)):
        if values:
            out(f"  {title}: " + ", ".join(f"{name} {value:.4f}" for name, value in values.items()))
    if report.comparison:
        out(f"  {told(report.comparison)}")
    if report.override:
        out(f"  override until {report.override['until']}: {report.override['reason']}")
    if report.rejects:
        out(f"  {report.rejected:,} records rejected, {report.empty:,} without text: see {report.rejects}")
    out(f"  {sum(report.seconds.values()):.1f} s: " + ", ".join(f"{n} {s:.1f}" for n, s in report.seconds.items()))
