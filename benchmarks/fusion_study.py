"""How the default fusion weights were chosen: nDCG@10 of the pools of train and dev queries over a sweep of weights.

    python -m clew.benchmarks.fusion_study squad11 medquad walmart-amazon
    python -m clew.benchmarks.fusion_study esci-us-sample --gains 0,0.01,0.1,1

Test queries are refused. One row a split: the parents, RRF, min-max sums, then the default method with the dense
weight at 1 and the BM25 weight as the column says. `clew.search.fusion.DEFAULT_WEIGHTS` is the column that stays level
with, or above, the better parent everywhere.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from clew.benchmarks.datasets import open_dataset
from clew.benchmarks.index import ensure, open_built, varied
from clew.cli.options import DEFAULT_HOME, Home, out
from clew.core.errors import ClewError, UsageError
from clew.core.measures.evaluation import judged_queries
from clew.core.measures.gains import gained
from clew.indexer.tuning.fusion import Judged, example, ndcg
from clew.search.fusion import FUSIONS, FusionSpec

WEIGHTS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
COLUMNS = {
    "bm25": FusionSpec("hybrid", {"bm25": 1, "dense": 0}),
    "dense": FusionSpec("hybrid", {"bm25": 0, "dense": 1}),
    "rrf": FusionSpec("rrf"),
    "sum": FusionSpec("sum"),
    **{f"{weight:g}:1": FusionSpec("hybrid", {"bm25": weight, "dense": 1}) for weight in WEIGHTS},
}


def pools(folder: Path, split: str, gains: tuple[str, ...] | None, sample: int, seed: int, home: Path) -> list[Judged]:
    """What BM25 and dense find for a sample of the queries of a split. Raises UsageError for the test split."""
    if split == "test":
        raise UsageError("split is 'test'", "nothing is chosen on test queries: give train or dev")
    dataset = open_dataset(folder)
    searcher = open_built(home, ensure(varied(dataset.spec), dataset.sources, dataset.base, home))
    try:
        qrels = gained(dataset.judged.qrels(split, dataset.document_ids), gains)
        names = sorted(judged_queries(qrels))
        random.Random(seed).shuffle(names)  # noqa: S311 - a reproducible choice, no secret
        return [
            example(searcher, dataset.judged.queries[name], qrels[name], 100, None, None) for name in names[:sample]
        ]
    finally:
        searcher.close()


def study(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR...", help="BEIR folders, or names under $CLEW_DATA.")],
    splits: Annotated[str, typer.Option("--splits", help="Splits, comma-separated; never test.")] = "dev,train",
    gains: Annotated[str, typer.Option("--gains", help="Gain of grade 0, 1, 2, …")] = "",
    sample: Annotated[int, typer.Option("--sample", help="At most so many queries of a split.")] = 600,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the sample.")] = 3,
    home: Home = DEFAULT_HOME,
) -> None:
    """Print the sweep."""
    wanted = tuple(gains.split(",")) if gains else None
    out(" ".join([f"{'set':20}", "split", "queries", *(f"{name:>6}" for name in COLUMNS)]))
    for folder in folders:
        for split in splits.split(","):
            found = pools(folder, split, wanted, sample, seed, home / "bench")
            means = [
                np.mean([ndcg(FUSIONS[spec.method](query.found, spec).sum(axis=0), query) for query in found])
                for spec in COLUMNS.values()
            ]
            out(" ".join([f"{folder.name:20}", f"{split:5}", f"{len(found):7}", *(f"{mean:6.3f}" for mean in means)]))


if __name__ == "__main__":
    try:
        typer.run(study)
    except ClewError as error:
        raise SystemExit(f"{error.message}\n  hint: {error.hint}") from None
