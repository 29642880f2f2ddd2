"""`clew tune`: learn an index's parameters from judged queries."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clew.cli.options import DEFAULT_HOME, Home, IdenticalIds, Json, out, out_json, shown_progress
from clew.core.errors import UsageError

if TYPE_CHECKING:
    from clew.indexer.tuning.tune import Tuned


# Number of learned relations that are shown.
_MOST_RELATIONS = 10


def tune(
    target: Annotated[str, typer.Argument(metavar="NAME_OR_DIR", help="Name of an index, or a BEIR folder.")],
    judged: Annotated[
        Path | None, typer.Option("--judged", help="BEIR folder with the judged queries (default: that of the spec).")
    ] = None,
    gains: Annotated[str, typer.Option("--gains", help="Gain of grade 0, 1, 2, …, such as 0,0.01,0.1,1.")] = "",
    judged_only: Annotated[
        bool, typer.Option("--judged-only", help="Rank only each query's judged documents.")
    ] = False,
    allow_unknown: Annotated[
        bool, typer.Option("--allow-unknown", help="Accept judged ids that are not in the data set.")
    ] = False,
    publish: Annotated[
        bool, typer.Option("--publish", help="Publish a release of the index with the learned parameters.")
    ] = False,
    model: Annotated[str, typer.Option("--model", help="Bi-encoder of a folder's index.")] = "default",
    seed: Annotated[int, typer.Option("--seed", help="Seed of samples.")] = 0,
    identical_ids: IdenticalIds = "auto",
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Learn fusion weights, graph parameters and the reranker's calibration from judged queries.

    Learns one fusion weight per source on dev queries, regularised towards the current weights. If the index has a
    graph, also learns which words point to which relation, and the gate; if it has a reranker, its calibration.
    If nothing better is found, --publish publishes nothing.

    Example: clew tune shop --judged examples/shop/judged --publish
    """
    from clew.core.measures.gains import parse_gains
    from clew.indexer.tuning.publish import publish_tuned
    from clew.indexer.tuning.tune import Options, tune_folder, tune_index
    from clew.search.identical_ids import check_identical_ids

    is_folder = Path(target).is_dir()
    if publish and is_folder:
        hint = "give the name of an index (see `clew indexes list`), or leave out --publish"
        raise UsageError(f"{target} is a folder, but --publish needs an index", hint)
    rule = check_identical_ids(identical_ids)
    options = Options(parse_gains(gains) if gains else None, judged_only, allow_unknown, model, seed, rule)
    with shown_progress(Path(target).name) as progress:
        if is_folder:
            found = tune_folder(Path(target), home / "bench", options, progress, models=home)
        else:
            found = tune_index(target, home, judged, options, progress)
    release = publish_tuned(home, target, found) if publish and found.changed else None
    if json:
        out_json({**found.as_dict(), "release": release})
    else:
        _print(found, release, publish=publish)


def _print(found: Tuned, release: str | None, *, publish: bool) -> None:
    from clew.indexer.tuning.tune import MOST_WORDS

    for line in _weights(found):
        out(line)
    if found.graph:
        steps, paths = found.graph.steps, found.graph.paths
        two = f" and {paths} path{'s' * (paths > 1)} of two steps" if paths else ""
        out(f"relations: {steps}{two} learned from {found.graph.questions} questions with their answers")
        shown = found.graph.model.described(MOST_WORDS)
        for path, stems in shown[:_MOST_RELATIONS]:
            out(f"  {path}: {', '.join(stems) or 'no word stands out'}")
        if len(shown) > _MOST_RELATIONS:
            out(f"  … and {len(shown) - _MOST_RELATIONS} more, which --json lists")
        out(
            f"gate: learned on {found.graph.decided} queries that the graph helps or hurts, "
            f"threshold {found.graph.gate['threshold']:g}"
        )
    if found.rerank:
        out(
            f"reranker: calibrated on {found.rerank.pairs} pairs of {found.rerank.queries} queries: "
            + ", ".join(f"{name} {value:.3g}" for name, value in found.rerank.after.items() if name != "ahead")
        )
    out(f"nDCG@10 on {found.queries} dev queries: {found.ndcg_before:.4f} → {found.ndcg_after:.4f}")
    if not found.changed:
        nothing = "nothing to learn: the current parameters are the best found"
        out(f"{nothing}; no release was published" if publish else nothing)
    else:
        out(f"published as release {release}" if release else "not published; add --publish for an index")


def _weights(found: Tuned) -> Iterator[str]:
    """Yield a line for each source with its weight in the fusion before and after."""
    for name in sorted({*found.before.weights, *found.after.weights}):
        before, after = (spec.weight(name) for spec in (found.before, found.after))
        default = "" if name in found.before.weights else " (default)"
        change = "" if before == after else f" → {after:.3f}"
        unchanged = " (unchanged)" if before == after and not default else ""
        yield f"weight of {name}: {before:.3f}{default}{change}{unchanged}"
