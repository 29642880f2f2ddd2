"""`clew bench exactness`: what approximate search loses compared with scoring every passage."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clew.cli.options import DEFAULT_HOME, Home, Json, note, out_json, print_table


def exactness(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR", help="BEIR folders, or names under $CLEW_DATA.")],
    split: Annotated[str, typer.Option("--split", help="Qrels to score with.")] = "test",
    sample: Annotated[int, typer.Option("--sample", help="Number of queries at most, drawn by --seed.")] = 500,
    to: Annotated[
        Path | None, typer.Option("--out", help="Write figures, signature and environment to this JSON file.")
    ] = None,
    allow_unknown: Annotated[
        bool, typer.Option("--allow-unknown", help="Accept judged ids that are not in the data set.")
    ] = False,
    model: Annotated[str, typer.Option("--model", help="Bi-encoder of the index.")] = "default",
    seed: Annotated[int, typer.Option("--seed", help="Seed of the sample.")] = 0,
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Compare approximate search with exhaustive scoring.

    Answers the same queries by the fast search and by scoring every passage, and reports nDCG@10 of both and how far
    they agree. Exact means BM25 of every passage, and cosines of float32 vectors that are encoded again, not read from
    the index.

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
