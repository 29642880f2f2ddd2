"""`clew bench words`: how the terms of Chinese texts and their weights were chosen."""

from __future__ import annotations

from typing import Annotated

import typer

from clew.cli.options import Json, note, out_json, print_table


def words(
    split: Annotated[str, typer.Option("--split", help="dev or train; never test.")] = "dev",
    typos: Annotated[
        bool, typer.Option("--typos", help="Measure queries with a typing error, and the search for homophones.")
    ] = False,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the typing errors.")] = 0,
    json: Json = False,
) -> None:
    """Compare ways to cut Chinese into index terms by nDCG@10 of BM25.

    Needs drcd, cmrc2018 and shopify-taxonomy under $CLEW_DATA.

    Example: clew bench words --split train
    """
    from clew.benchmarks.words.measure import data, measure, measure_typos, table

    found = measure_typos(data(split), seed) if typos else measure(data(split), note)
    if json:
        out_json(found)
    else:
        print_table(table(found))
