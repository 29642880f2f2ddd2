"""`clew models`: list, show, verify, quantise, dequantise, trim, export and import models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clew.cli.options import DEFAULT_HOME, Home, Json, out, out_json

if TYPE_CHECKING:
    from clew.models.manifest import ModelManifest

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)

NAMED = 'Model: NAME (as in `clew models list`), NAME/ID for one saved copy, or "default", the default encoder.'
Name = Annotated[str, typer.Argument(metavar="NAME", help=NAMED)]
ROLES = {"bi_encoder": "bi-encoder", "cross_encoder": "cross-encoder"}


@app.callback()
def models() -> None:
    """List, show, verify, quantise, dequantise, trim, export and import models.

    Example: clew models show default
    """


@app.command("list")
def list_(home: Home = DEFAULT_HOME, as_json: Json = False) -> None:
    """List the models of a home and those that come with Clew.

    Example: clew models list
    """
    from clew.models.catalogue import models as listed

    found = listed(home)
    if as_json:
        out_json([asdict(model) for model in found])
        return
    for model in found:
        if model.problem:
            out(f"{model.name}/{model.id}: {model.problem}")
            continue
        reads = f"{model.dim or '?'} dims" if model.role == "bi_encoder" else f"{model.max_length} tokens"
        mark = "*" if model.default else " "
        about = (
            f"{ROLES[model.role]:<13}  {reads:<10}  {model.licence or 'no licence':<12}  {model.bytes / 1e6:>8,.1f} MB"
        )
        out(f"{mark} {model.name:<32}  {model.id}  {about}  {model.created}  {model.source}")


@app.command()
def show(name: Name, home: Home = DEFAULT_HOME, as_json: Json = False) -> None:
    """Show where a model comes from, and how it was measured.

    Example: clew models show default
    """
    from clew.models.catalogue import find, size
    from clew.models.manifest import read_manifest

    folder = find(home, name)
    manifest = read_manifest(folder)
    took = size(folder, manifest)
    if as_json:
        out_json({**asdict(manifest), "id": manifest.id, "folder": folder, "bytes": took})
        return
    out(f"{manifest.name}/{manifest.id}: {_kind(manifest)}")
    out(f"  source       {manifest.source}, saved {manifest.created}")
    out(f"  licence      {manifest.licence or 'unknown'}")
    out(f"  size         {took:,} bytes in {len(manifest.files)} files, in {folder}")
    out(f"  fingerprint  {manifest.fingerprint}")
    for title, table in (
        ("runtimes", manifest.runtimes),
        ("lineage", manifest.lineage),
        ("metrics", manifest.metrics),
        ("calibration", manifest.calibration),
    ):
        for number, line in enumerate(_lines(table)):
            out(f"  {'' if number else title:<11}  {line}")


@app.command()
def verify(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help=NAMED)] = None,
    all_: Annotated[bool, typer.Option("--all", help="Verify all models.")] = False,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Verify the files of a model, then load and run it.

    Every file is compared with its sha256. If one is damaged, the command names it and exits with 1.

    Example: clew models verify --all
    """
    from clew.core.errors import ClewError, UsageError
    from clew.models.catalogue import check, find, folders

    if (name is None) != all_:
        raise UsageError("verify takes either a model or --all", "give a model that `clew models list` shows, or --all")
    rows = []
    for folder in folders(home) if name is None else [find(home, name)]:
        row: dict[str, Any] = {"name": folder.parent.name, "id": folder.name, "files": 0, "problem": "", "hint": ""}
        try:
            manifest = check(folder)
            row |= {"name": manifest.name, "id": manifest.id, "files": len(manifest.files)}
        except ClewError as error:
            row |= {"problem": error.message, "hint": error.hint}
        rows.append(row)
    if as_json:
        out_json(rows)
    for row in [] if as_json else rows:
        state = (
            f"{row['problem']}\n  hint: {row['hint']}" if row["problem"] else f"intact, {row['files']} files; it runs"
        )
        out(f"{row['name']}/{row['id']}: {state}")
    if any(row["problem"] for row in rows):
        raise typer.Exit(1)


@app.command()
def quantise(name: Name, home: Home = DEFAULT_HOME, as_json: Json = False) -> None:
    """Convert a model to 8 bits: smaller, and faster on a CPU.

    The result is a quarter of the size and is saved as NAME-int8. `clew models show` shows how closely it agrees
    with the original, and `clew bench relevance` measures the loss in quality.

    Example: clew models quantise my-reranker
    """
    from clew.models.catalogue import find
    from clew.models.save import save_quantised

    _print_saved(save_quantised(find(home, name), home), as_json)


@app.command()
def dequantise(name: Name, home: Home = DEFAULT_HOME, as_json: Json = False) -> None:
    """Convert an 8-bit model back to float32, to train it.

    The result is saved as NAME-fp32 without -int8: clew-reranker-int8, which comes with Clew, becomes
    clew-reranker-fp32.

    Example: clew models dequantise clew-reranker-int8
    """
    from clew.models.catalogue import find
    from clew.models.save import save_dequantised

    _print_saved(save_dequantised(find(home, name), home), as_json)


@app.command()
def trim(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Folder of a model, or a name as for [dense] model.")],
    keep: Annotated[
        str,
        typer.Option(
            "--keep", help="Languages to keep, by ISO 639-1 codes, comma-separated: zh,en.", metavar="LANGUAGES"
        ),
    ],
    target: Annotated[Path, typer.Option("--out", help="New folder for the trimmed model.", metavar="FOLDER")],
    texts: Annotated[
        list[str] | None,
        typer.Option(
            "--texts",
            help="Texts whose tokens to keep: a file of lines or .jsonl, or a BEIR folder, whose train split is read; "
            "may be repeated.",
            metavar="FILE",
        ),
    ] = None,
    vocabulary: Annotated[
        int, typer.Option("--vocabulary", min=0, help="Largest number of tokens to keep (0: no limit); needs --texts.")
    ] = 0,
    precision: Annotated[
        str, typer.Option("--precision", help="int8, the form of the models that come with Clew, or fp32.")
    ] = "int8",
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Trim a multilingual model to the tokens that some languages need.

    The vocabulary must be unigram or WordPiece, as in XLM-R or BERT. A text whose tokens are kept has the same vector
    as before; scripts of other languages become unknown. The result is an artifact that `clew build` and training take
    by its folder.

    Example: clew models trim e5-small --keep zh,en --texts squad11 --texts drcd --out e5-zh-en
    """
    from typing import cast, get_args

    from clew.cli.options import shown_progress
    from clew.core.errors import UsageError
    from clew.models.manifest import Precision
    from clew.models.trim import trim_model

    if precision not in get_args(Precision):
        raise UsageError(f"precision is {precision!r}", f"known: {', '.join(get_args(Precision))}")
    languages = [language.strip().lower() for language in keep.split(",")]
    with shown_progress("trim") as progress:
        found = trim_model(
            model,
            languages,
            target,
            home,
            progress,
            texts=texts or (),
            most=vocabulary,
            precision=cast("Precision", precision),
        )
    if as_json:
        out_json(asdict(found))
        return
    out(f"{found.name}/{found.id}: for {', '.join(found.languages)}, in {found.place}")
    for title, (before, after) in (("tokens", found.tokens), ("weights", found.weights), ("bytes", found.bytes)):
        out(f"  {title:<8}  {before:>13,} -> {after:>13,}")
    if found.counted:
        out(f"  counted   {found.counted:,} texts")
    out(f"  {found.agreement.shown() if found.agreement else 'agreement was not measured: give --texts'}")


@app.command()
def export(
    name: Name,
    target: Annotated[
        Path, typer.Argument(metavar="TARGET", help="File to write (.tar, .tar.gz or .tar.zst), or a new folder.")
    ],
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Export a model to one file or to a folder.

    Example: clew models export my-reranker my-reranker.tar.zst
    """
    from clew.models.transfer import export_model

    report = export_model(home, name, target)
    out_json(asdict(report)) if as_json else out(f"{report.place}: {report.name}/{report.id}, {report.bytes:,} bytes")


@app.command("import")
def import_(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="Exported file or folder, folder of a saved model, or name on the Hugging Face hub.",
        ),
    ],
    name: Annotated[str | None, typer.Option("--name", help="Name to save it under (default: its own).")] = None,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Import a model into the home, after verifying it.

    A name is looked up on the Hugging Face hub. Code that comes with a model is never run.

    Examples:

    clew models import my-reranker.tar.zst

    clew models import cross-encoder/ms-marco-MiniLM-L6-v2
    """
    from clew.models.transfer import import_model

    report = import_model(home, source, name)
    out_json(asdict(report)) if as_json else out(f"{report.name}/{report.id}: {ROLES[report.role]} in {report.place}")


def _kind(manifest: ModelManifest) -> str:
    """Describe role and sizes; older manifests have no sizes."""
    width = f", vectors of {manifest.dim} dimensions" if manifest.dim else ""
    length = f", reads up to {manifest.max_length} tokens" if manifest.max_length else ""
    return ROLES[manifest.role] + width + length


def _lines(table: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield a table as "key value" lines, with dotted keys for nested tables; "none" for an empty table."""
    if not table and not prefix:
        yield "none"
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _lines(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key} {value:.4g}" if isinstance(value, float) else f"{prefix}{key} {value}"


def _print_saved(folder: Path, as_json: bool) -> None:
    """Print where a converted model was saved."""
    from clew.models.catalogue import size
    from clew.models.manifest import read_manifest

    manifest = read_manifest(folder)
    took = size(folder, manifest)
    if as_json:
        out_json({"name": manifest.name, "id": manifest.id, "place": folder, "bytes": took})
        return
    out(f"{manifest.name}/{manifest.id}: {took:,} bytes, in {folder}")
