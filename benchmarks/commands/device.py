"""`clew bench device`: speed of the models in torch, and of the vector search, on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clew.cli.options import DEFAULT_HOME, Home, Json, note, out_json


def device(
    texts: Annotated[
        int, typer.Option("--texts", help="Number of passages to encode, and of pairs to score.")
    ] = 20_000,
    rounds: Annotated[int, typer.Option("--rounds", help="Timed rounds, alternating; medians are reported.")] = 3,
    vectors: Annotated[int, typer.Option("--vectors", help="Number of vectors to search.")] = 100_000,
    model: Annotated[str, typer.Option("--model", help="Bi-encoder.")] = "default",
    reranker: Annotated[str, typer.Option("--reranker", help="Cross-encoder.")] = "default",
    seed: Annotated[int, typer.Option("--seed", help="Seed of the texts.")] = 0,
    to: Annotated[Path | None, typer.Option("--out", help="Write the figures to this JSON file.")] = None,
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Measure models and vector search on the GPU, if there is one.

    Measures encoding, reranking and training in torch.

    Example: clew bench device --texts 50000 --vectors 1000000 --out gpu.json
    """
    from clew.benchmarks.device.measure import Job, full, measure, table
    from clew.cli.options import print_table

    job = Job(texts, rounds, vectors, model, reranker, seed)
    found = measure(home, job, note)
    if to is not None:
        from json import dumps

        from clew.core.files import write_atomic

        write_atomic(to, (dumps(full(found, job), indent=1) + "\n").encode())
        note(f"wrote {to}")
    if json:
        out_json(found)
    else:
        print_table(table(found))
