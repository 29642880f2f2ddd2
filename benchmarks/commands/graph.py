"""`clew bench graph`: what a graph adds to relevance."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clew.cli.options import DEFAULT_HOME, Home, Json, note, out, out_json
from clew.core.errors import UsageError

if TYPE_CHECKING:
    from clew.benchmarks.graph.measure import GraphResult


def graph(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR", help="BEIR folders, or names under $CLEW_DATA.")],
    of: Annotated[
        Path | None, typer.Option("--graph", help="Folder whose graph/ is used (default: each data set's own).")
    ] = None,
    split: Annotated[
        str, typer.Option("--split", help="Qrels to score with; the other splits are used for learning.")
    ] = "test",
    gains: Annotated[str, typer.Option("--gains", help="Gain of grade 0, 1, 2, …, such as 0,0.01,0.1,1.")] = "",
    sample: Annotated[int | None, typer.Option("--sample", help="Number of queries at most, drawn by --seed.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of samples and resampling.")] = 0,
    gate: Annotated[
        bool, typer.Option("--gate", help="Only learn a gate on all data sets together, and print it.")
    ] = False,
    fits: Annotated[
        bool, typer.Option("--fits", help="Only fit how relations are weighed by train questions, and print it.")
    ] = False,
    to: Annotated[
        Path | None, typer.Option("--out", help="Write results.json, report.md and more to this folder.")
    ] = None,
    model: Annotated[str, typer.Option("--model", help="Bi-encoder of the index.")] = "default",
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Build the index again.")] = False,
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Measure what a graph adds to search.

    Compares the graph off, on and auto (the gate decides) with an oracle, as a source of candidates and as query terms.
    Relations, the graph's weight and the gate are learned on the train and dev queries first.

    Example: clew bench graph data/fb15k237-simpleqa --json
    """
    from clew.benchmarks.data.datasets import open_dataset
    from clew.benchmarks.graph.fits import weights
    from clew.benchmarks.graph.measure import GraphOptions, default_gate, measure, plain
    from clew.benchmarks.relevance.report import full, table, write
    from clew.benchmarks.relevance.report import plain as plain_results
    from clew.benchmarks.signature import code, environment
    from clew.cli.options import print_table, shown_progress
    from clew.core.measures.gains import parse_gains

    options = GraphOptions(
        _with_graph(of) if of else None, {}, split, parse_gains(gains) if gains else None, sample, seed, model, rebuild
    )
    opened = [open_dataset(path) for path in folders]
    if fits:
        for folder in opened:
            out_json(weights(folder, home / "bench", options, models=home)._asdict())
        return
    if gate:
        with shown_progress("gate") as progress:
            out_json(default_gate(opened, home / "bench", options, progress, models=home).as_table())
        return
    found: list[GraphResult] = []
    for folder in opened:
        with shown_progress(folder.name) as progress:
            found.append(measure(folder, home / "bench", options, progress, models=home))
        if not json:
            print_table(table(found[-1].result))
            for line in _effects(found[-1]):
                out(line)
    results = [each.result for each in found]
    effects = {each.result.name: plain(each) for each in found}
    if to is not None:
        report = full(results, environment(seed), code()) | {"effects": effects, "graph": of.name if of else ""}
        paths = write(to, results, report)
        note(f"wrote {', '.join(str(path) for path in paths[:2])} and {len(paths) - 2} more files")
    if json:
        shown: dict[str, Any] = plain_results(results)
        for name, systems in effects.items():
            for system, effect in systems.items():
                shown[name][system] |= effect
        out_json(shown)


def _with_graph(folder: Path) -> Path:
    """Return a folder that holds graph/, by its path or its name under $CLEW_DATA. Raises UsageError if none does."""
    from clew.core.measures.judged import data_home

    for found in (folder, data_home() / folder):
        if (found / "graph").is_dir():
            return found.resolve()
    raise UsageError(f"--graph {folder} contains no folder graph/", "graph/ contains nodes.jsonl and edges.jsonl")


def _effects(found: GraphResult) -> list[str]:
    lines = [f"  learned on {found.learned.gate.queries} queries with something to win or lose, "
             f"{found.learned.relations.questions} questions about relations; graph weight "
             f"{found.learned.fusion.weight('graph'):g}"]  # fmt: skip
    for name, effect in found.effects.items():
        lines.append(f"  {name}: used {effect.used:.0%}, helped {effect.helped:.0%}, hurt {effect.hurt:.0%}")
    return lines
