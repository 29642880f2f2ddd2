"""`clew bench words`: how the terms of Chinese texts and their weights were chosen."""

from __future__ import annotations

from typing import Annotated

import typer

from clew.cli.options import Json, note, out_json, print_table


def words(
    split: Annotated[str, typer.Option("--split", help="dev or train; never test.")] = "dev",
    json: Json = False,
) -> None:
    """Compare ways to cut Chinese into index terms by nDCG@10 of BM25.

    Needs drcd, cmrc2018 and shopify-taxonomy under $CLEW_DATA.

    Example: clew bench words --split train
    """
    from clew.benchmarks.words.measure import data, measure, table

    found = measure(data(split), note)
    if json:
        out_json(found)
    else:
        print_table(table(found))
