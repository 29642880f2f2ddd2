"""`clew bench`: measure relevance and speed, and compare models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clew.benchmarks.commands.calibration import calibration
from clew.benchmarks.commands.device import device
from clew.benchmarks.commands.exactness import exactness
from clew.benchmarks.commands.fusion import fusion
from clew.benchmarks.commands.graph import graph
from clew.benchmarks.commands.link import link
from clew.benchmarks.commands.models import models
from clew.benchmarks.commands.words import words
from clew.cli.options import DEFAULT_HOME, Home, IdenticalIds, Json, note, out_json, print_table, shown_progress
from clew.core.errors import UsageError
from clew.indexer.commands.tune import tune

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)
app.command()(link)

Gains = Annotated[str, typer.Option("--gains", help="Gain of grade 0, 1, 2, …, such as 0,0.01,0.1,1.")]
JudgedOnly = Annotated[bool, typer.Option("--judged-only", help="Rank only each query's judged documents.")]
AllowUnknown = Annotated[bool, typer.Option("--allow-unknown", help="Accept judged ids that are not in the data set.")]
Model = Annotated[str, typer.Option("--model", help="Bi-encoder of the index.")]
Seed = Annotated[int, typer.Option("--seed", help="Seed of samples and resampling.")]


app.command("graph")(graph)
app.command("calibration")(calibration)
app.command("device")(device)
app.command("exactness")(exactness)
app.command("fusion")(fusion)
app.command("models")(models)
app.command("words")(words)
app.command("tune", help="Alias of `clew tune`.\n\nExample: clew bench tune shop --publish")(tune)


@app.callback()
def bench() -> None:
    """Measure relevance and speed, and compare models.

    Example: clew bench relevance data/medquad --systems bm25,dense,hybrid
    """


@app.command()
def relevance(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR", help="BEIR folders, or names under $CLEW_DATA.")],
    systems: Annotated[
        str,
        typer.Option(
            "--systems",
            help="Systems, comma-separated (docs/benchmarks/method.md lists all); hybrid-tuned learns its weights on "
            "dev.",
        ),
    ] = "bm25,dense,rrf,hybrid",
    split: Annotated[str, typer.Option("--split", help="Qrels to score with.")] = "test",
    baseline: Annotated[str, typer.Option("--baseline", help="System the others are compared with.")] = "bm25",
    gains: Gains = "",
    judged_only: JudgedOnly = False,
    depth: Annotated[int, typer.Option("--depth", help="Number of documents per query.")] = 100,
    to: Annotated[
        Path | None, typer.Option("--out", help="Write results.json, report.md and more to this folder.")
    ] = None,
    runs: Annotated[bool, typer.Option("--runs", help="Also write TREC runs and qrels to --out.")] = False,
    sample: Annotated[int | None, typer.Option("--sample", help="Number of queries at most, drawn by --seed.")] = None,
    seed: Seed = 0,
    allow_unknown: AllowUnknown = False,
    model: Model = "default",
    reranker: Annotated[
        str, typer.Option("--reranker", help="Cross-encoder of systems that rerank, if the index has none.")
    ] = "default",
    identical_ids: IdenticalIds = "auto",
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Build the index again.")] = False,
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Measure nDCG@10, RR@10, R@100 and AP of systems.

    Ranks the documents of judged data sets for their queries, and compares each system with the baseline.

    Example: clew bench relevance data/medquad data/squad11 --systems bm25,dense,hybrid --out results --json
    """
    from clew.benchmarks.data.datasets import open_dataset
    from clew.benchmarks.relevance.measure import measure
    from clew.benchmarks.relevance.options import Options
    from clew.benchmarks.relevance.report import full, plain, table, write
    from clew.benchmarks.signature import code, environment
    from clew.search.identical_ids import check_identical_ids

    if runs and to is None:
        raise UsageError("--runs needs a folder to write to", "add --out DIR")
    options = Options(
        systems=_words(systems, "--systems"),
        baseline=baseline,
        split=split,
        gains=_gains(gains),
        judged_only=judged_only,
        depth=depth,
        sample=sample,
        seed=seed,
        allow_unknown=allow_unknown,
        model=model,
        rebuild=rebuild,
        reranker=reranker,
        identical_ids=check_identical_ids(identical_ids),
    )
    opened = [open_dataset(folder) for folder in folders]
    if twice := {folder.name for folder in opened if [other.name for other in opened].count(folder.name) > 1}:
        raise UsageError(f"two data sets are named {min(twice)!r}", "results are listed by folder name: rename one")
    found = []
    for folder in opened:
        with shown_progress(folder.name) as progress:
            found.append(measure(folder, home / "bench", options, progress, models=home))
        if not json:
            print_table(table(found[-1]))
    if to is not None:
        paths = write(to, found, full(found, environment(seed), code()), runs=runs)
        note(f"wrote {', '.join(str(path) for path in paths[:2])} and {len(paths) - 2} more files")
    if json:
        out_json(plain(found))


@app.command()
def speed(
    items: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="ITEM",
            # Written out, because importing benchmarks/speed/items.py takes a third of a second.
            help="Items to measure: bm25, bm25-terms, bm25-build, encode, query-encode, query-cached, rerank, "
            "rerank-long, hybrid, build, build-rest, ann, http, http-latency, cold-start, memory, memory-base "
            "(default: all of these); or link, expand, dictionary, graph-load.",
        ),
    ] = None,
    docs: Annotated[int, typer.Option("--docs", help="Number of documents in the corpus.")] = 20_000,
    rounds: Annotated[
        int, typer.Option("--rounds", help="Timed rounds, alternating with each peer; medians are reported.")
    ] = 3,
    data: Annotated[
        list[Path] | None,
        typer.Option(
            "--data",
            help="BEIR folder whose texts are cut into passages; may be repeated (default: synthetic texts).",
        ),
    ] = None,
    peers: Annotated[
        bool,
        typer.Option("--peers/--no-peers", help="Also measure the other software, installed in .venv-peers."),
    ] = True,
    to: Annotated[
        Path | None, typer.Option("--out", help="Write figures, signature and environment to this JSON file.")
    ] = None,
    model: Model = "default",
    reranker: Annotated[str, typer.Option("--reranker", help="Cross-encoder of the rerank items.")] = "default",
    seed: Seed = 0,
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Compare speed with other software on the same texts.

    Clew and the others are measured in alternating rounds.

    Example: clew bench speed bm25 query-encode --docs 20000 --json
    """
    from clew.benchmarks.speed.material import Job
    from clew.benchmarks.speed.run import full, measure, table

    if reranker not in {"default", "overlap"}:
        from clew.models.store import resolve_to_path

        reranker = resolve_to_path(reranker, home, "cross_encoder")  # by path: the benchmarks' home holds other models
    job = Job(docs=docs, rounds=rounds, data=tuple(data or ()), peers=peers, model=model, reranker=reranker, seed=seed)
    found = measure(items or [], home / "bench", job, note)
    if to is not None:
        from clew.core.files import write_atomic

        write_atomic(to, full(found, job).encode())
        note(f"wrote {to}")
    if json:
        out_json(found)
    else:
        print_table(table(found))


def _words(text: str, option: str) -> tuple[str, ...]:
    words = tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    if not words:
        raise UsageError(f"{option} is empty", "name one or more, comma-separated")
    return words


def _gains(text: str) -> tuple[str, ...] | None:
    from clew.core.measures.gains import parse_gains

    return parse_gains(text) if text else None
