"""`clew bench exactness`: what the fast search loses against scoring every passage."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clew.cli.options import DEFAULT_HOME, Home, Json, note, out_json, print_table


def exactness(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR...", help="BEIR folders, or names under $CLEW_DATA.")],
    split: Annotated[str, typer.Option("--split", help="Qrels to score with.")] = "test",
    sample: Annotated[int, typer.Option("--sample", help="At most so many queries, drawn by --seed.")] = 500,
    to: Annotated[Path | None, typer.Option("--out", help="File for the figures, signature and environment.")] = None,
    allow_unknown: Annotated[
        bool, typer.Option("--allow-unknown", help="Judged ids outside the data set are no error.")
    ] = False,
    model: Annotated[str, typer.Option("--model", help="Bi-encoder of the index.")] = "default",
    seed: Annotated[int, typer.Option("--seed", help="Seed of the sample.")] = 0,
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Answer the same queries fast and by scoring every passage; nDCG@10 of both, and how far they agree.

    Exact are BM25 of every passage and cosines of float32 vectors that are not taken from the index.

    Example: clew bench exactness data/medquad data/squad11 --out exactness.json
    """
    from clew.benchmarks.data.datasets import open_dataset
    from clew.benchmarks.relevance.exactness import full, measure, table
    from clew.benchmarks.relevance.options import Options
    from clew.core.files import write_atomic

    options = Options(split=split, sample=sample, seed=seed, allow_unknown=allow_unknown, model=model)
    opened = [open_dataset(folder) for folder in folders]
    found = {each.name: measure(each, home / "bench", options, note, models=home) for each in opened}
    if to is not None:
        write_atomic(to, full(found, options).encode())
        note(f"wrote {to}")
    if json:
        out_json(found)
    else:
        print_table(table(found))
