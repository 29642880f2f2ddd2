"""`clew bench fusion`: how the default weights of the fusion were chosen."""

from __future__ import annotations

from dataclasses import replace
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
    k1: Annotated[str, typer.Option("--k1", help="Values of BM25's k1, comma-separated, such as 0.4,0.6,1.5.")] = "",
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
    found = {
        dataset.name if value is None else f"{dataset.name}, k1 {value:g}": sweep(
            dataset, home / "bench", replace(options, k1=value), models=home
        )
        for dataset in opened
        for value in _k1_values(k1)
    }
    if json:
        out_json(found)
    else:
        print_table(table(found))


def _k1_values(text: str) -> list[float | None]:
    """Return the values of --k1, or None alone if it is empty. Raises UsageError for what is no number from 0 to 10."""
    found: list[float | None] = []
    for word in filter(None, (part.strip() for part in text.split(","))):
        try:
            value = float(word)
        except ValueError:
            value = -1.0
        if not 0 <= value <= 10:
            raise UsageError(f"--k1 has {word!r}", "give numbers from 0 to 10, comma-separated")
        found.append(value)
    return found or [None]
