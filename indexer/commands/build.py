"""`clew init` and `clew build`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clew.cli.options import DEFAULT_HOME, Home, Json, note, out, out_json

if TYPE_CHECKING:
    from clew.indexer.report import BuildReport


OverrideReason = Annotated[
    str | None,
    typer.Option(
        "--override",
        metavar="REASON",
        help="Reason for publishing although the quality gate fails; recorded with the release. Needs --until.",
    ),
]
OverrideUntil = Annotated[
    str | None, typer.Option("--until", metavar="DATE", help="Last day of the override, YYYY-MM-DD.")
]


def init(
    data: Annotated[
        str, typer.Argument(metavar="DATA", help="Your documents: a file, folder, BEIR folder, glob or URL.")
    ],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Spec to write (default: NAME.toml).")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing spec.")] = False,
    form: Annotated[str, typer.Option("--form", help="Form of the data, such as csv (default: detected).")] = "",
    identity: Annotated[str, typer.Option("--id", metavar="FIELD", help="Field that holds the id.")] = "",
    group: Annotated[
        str, typer.Option("--group", metavar="FIELD", help="Field that names the product of a variant.")
    ] = "",
    delimiter: Annotated[str, typer.Option("--delimiter", help="Character between the columns of a CSV file.")] = "",
    encoding: Annotated[str, typer.Option("--encoding", help="Encoding of the data, such as cp1252.")] = "",
    records: Annotated[
        str, typer.Option("--records", metavar="PATH", help="Dotted path of the array of records in a JSON file.")
    ] = "",
) -> None:
    """Inspect your data and write a commented spec for it.

    It says what it found and what it proposes. Next to the spec it writes clew.schema.json, with which editors complete
    and check the spec.

    Example: clew init catalogue.jsonl.gz --output shop.toml
    """
    from clew.core.errors import UsageError
    from clew.core.files import write_atomic
    from clew.indexer.schema import SCHEMA_FILE, write_schema
    from clew.indexer.suggest import default_target, suggest

    target = output or default_target(data)
    if target.exists() and not force:
        raise UsageError(f"{target} already exists", "choose another --output, or replace it with --force")
    given = {"form": form, "id": identity, "group": group, "delimiter": delimiter.replace("\\t", "\t"),
             "encoding": encoding, "records": records}  # fmt: skip
    found = suggest(data, target, {key: value for key, value in given.items() if value})
    write_schema(target.with_name(SCHEMA_FILE))
    write_atomic(target, found.text.encode())
    for line in found.summary:
        note(line)
    out(str(target))


def build(
    spec: Annotated[Path, typer.Argument(metavar="SPEC", help="The index spec, a TOML file.")],
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
    override: OverrideReason = None,
    until: OverrideUntil = None,
) -> None:
    """Build, verify and publish a new version of an index.

    A build can be stopped at any point; the same command resumes it. The live release continues to serve until the
    last step.

    Example: clew build shop.toml
    """
    from clew.core.progress import for_terminal
    from clew.indexer.build import build as run
    from clew.indexer.releases.override import Override
    from clew.indexer.spec import read_spec

    chosen = Override.of(override, until)
    report = run(read_spec(spec), home, override=chosen, progress=for_terminal())
    if as_json:
        out_json(report.as_table())
    else:
        print_report(report)


def print_report(report: BuildReport) -> None:
    """Print what a build did."""
    from clew.indexer.releases.comparison import describe_comparison
    from clew.indexer.releases.stages import describe_proofs
    from clew.search.rerank.cost import describe_cost

    if report.status == "unchanged":
        out(f"{report.index}: unchanged, release {report.release} is still live")
    else:
        out(f"{report.index}: release {report.release} is live")
    out(f"  {report.documents:,} documents, {report.passages:,} passages, {report.shards} shard(s)")
    if report.encoded or report.reused:
        out(f"  {report.encoded:,} texts encoded, {report.reused:,} vectors reused")
    if report.graph:
        out(f"  {report.graph.describe(report.documents)}")
    for title, values in (("recall", report.recall), ("relevance", report.relevance)):
        if values:
            out(f"  {title}: " + ", ".join(f"{name} {value:.4f}" for name, value in values.items()))
    for line in describe_proofs(report.stages):
        out(f"  {line}")
    if report.rerank_seconds is not None:
        out(f"  {describe_cost(report.rerank_seconds)}")
    if report.comparison:
        out(f"  {describe_comparison(report.comparison)}")
    if report.override:
        out(f"  {report.override.describe()}")
    out(f"  {sum(report.seconds.values()):.1f} s: " + ", ".join(f"{n} {s:.1f}" for n, s in report.seconds.items()))
    if report.rejects:
        left_out = {"records": report.rejected, "values": report.bad_values, "documents without text": report.empty}
        counts = ", ".join(f"{count:,} {what}" for what, count in left_out.items() if count)
        out(f"  left out: {counts}; see {report.rejects}")
