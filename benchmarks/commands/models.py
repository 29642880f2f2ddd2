"""`clew bench models`: compare encoders and rerankers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clew.cli.options import DEFAULT_HOME, Home, IdenticalIds, Json, note, out, out_json

ANY = float("inf")


def models(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR", help="BEIR folders, or names under $CLEW_DATA.")],
    encoders: Annotated[str, typer.Option("--encoders", help="Bi-encoders, comma-separated.")] = "",
    rerankers: Annotated[str, typer.Option("--rerankers", help="Cross-encoders, comma-separated.")] = "",
    runtimes: Annotated[
        str, typer.Option("--runtimes", help="Runtimes, comma-separated: onnxruntime, torch.")
    ] = "onnxruntime",
    split: Annotated[str, typer.Option("--split", help="Qrels to compare on; never test.")] = "dev",
    queries: Annotated[
        int, typer.Option("--queries", help="Number of queries per data set at most, drawn by --seed.")
    ] = 200,
    documents: Annotated[
        int, typer.Option("--documents", help="Number of documents that encoders rank in addition to the judged ones.")
    ] = 2_000,
    lists: Annotated[
        str, typer.Option("--lists", help="System whose first 50 are reranked: bm25, dense, rrf or hybrid.")
    ] = "bm25",
    budget_ms: Annotated[
        float, typer.Option("--budget-ms", help="Milliseconds per query that an encoder may take.", show_default="any")
    ] = ANY,
    rerank_budget_ms: Annotated[
        float,
        typer.Option(
            "--rerank-budget-ms", help="Milliseconds per 50 pairs that a reranker may take.", show_default="any"
        ),
    ] = ANY,
    budget_mb: Annotated[
        float, typer.Option("--budget-mb", help="Memory a model may add, in 10^6 bytes.", show_default="any")
    ] = ANY,
    rounds: Annotated[
        int, typer.Option("--rounds", help="Timed rounds, alternating between models; medians are reported.")
    ] = 3,
    gains: Annotated[str, typer.Option("--gains", help="Gain of grade 0, 1, 2, …, such as 0,0.01,0.1,1.")] = "",
    allow_unknown: Annotated[
        bool, typer.Option("--allow-unknown", help="Accept judged ids that are not in the data set.")
    ] = False,
    identical_ids: IdenticalIds = "auto",
    seed: Annotated[int, typer.Option("--seed", help="Seed of samples and resampling.")] = 0,
    to: Annotated[Path | None, typer.Option("--out", help="Write models.json and models.md to this folder.")] = None,
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Compare models by quality, speed and memory.

    Measures them on dev queries, and suggests one for a budget.

    Example: clew bench models medquad squad11 --encoders default,mine --budget-ms 20 --budget-mb 200
    """
    from clew.benchmarks.data.datasets import open_dataset
    from clew.benchmarks.models.choice import Budget
    from clew.benchmarks.models.compare import Options, measure
    from clew.benchmarks.models.report import advice, plain, table, write
    from clew.cli.options import print_table
    from clew.core.measures.gains import parse_gains
    from clew.search.identical_ids import check_identical_ids

    options = Options(
        encoders=_names(encoders),
        rerankers=_names(rerankers),
        runtimes=_names(runtimes),
        split=split,
        queries=queries,
        documents=documents,
        lists=lists,
        rounds=rounds,
        gains=parse_gains(gains) if gains else None,
        allow_unknown=allow_unknown,
        identical_ids=check_identical_ids(identical_ids),
        seed=seed,
        budget=Budget(budget_ms, rerank_budget_ms, budget_mb),
    )
    found = measure([open_dataset(folder) for folder in folders], home, options, note)
    if to is not None:
        note(f"wrote {', '.join(map(str, write(to, found)))}")
    if json:
        out_json(plain(found))
        return
    print_table(table(found))
    for line in advice(found):
        out(line)


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
