"""`clew bench fusion`: how the default weights of the fusion were chosen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clew.cli.options import DEFAULT_HOME, Home, Json, out_json, print_table
from clew.core.errors import UsageError


def fusion(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR", help="BEIR folders, or names under $CLEW_DATA.")],
    splits: Annotated[str, typer.Option("--splits", help="Splits, comma-separated; never test.")] = "dev,train",
    gains: Annotated[str, typer.Option("--gains", help="Gain of grade 0, 1, 2, …, such as 0,0.01,0.1,1.")] = "",
    sample: Annotated[
        int, typer.Option("--sample", help="Number of queries per split at most, drawn by --seed.")
    ] = 600,
    model: Annotated[str, typer.Option("--model", help="Bi-encoder of the index.")] = "default",
    seed: Annotated[int, typer.Option("--seed", help="Seed of the sample.")] = 3,
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Compare fusion weights, RRF and min-max sums by nDCG@10.

    Measures several weights of BM25 and dense on train and dev queries.

    Example: clew bench fusion data/squad11 data/medquad
    """
    from clew.benchmarks.data.datasets import open_dataset
    from clew.benchmarks.relevance.fusion import Options, sweep, table
    from clew.core.measures.gains import parse_gains

    words = tuple(dict.fromkeys(word.strip() for word in splits.split(",") if word.strip()))
    if not words:
        raise UsageError("--splits is empty", "name one or more, comma-separated")
    options = Options(words, parse_gains(gains) if gains else None, sample, seed, model)
    opened = [open_dataset(folder) for folder in folders]
    found = {dataset.name: sweep(dataset, home / "bench", options, models=home) for dataset in opened}
    if json:
        out_json(found)
    else:
        print_table(table(found))
