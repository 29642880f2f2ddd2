"""Sweep the weights of the default fusion: how `clew.search.fusion.DEFAULT_WEIGHTS` was chosen.

The dense weight is 1 and the BM25 weight varies, and so may BM25's k1. For comparison: each source alone, RRF and
min-max sums. Choose values with which the fusion is at most .01 below the better source on every data set, and best on
average. Never run on test queries.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from clew.benchmarks.data.index import build_if_missing, open_built, spec_variant
from clew.core.errors import DataError, UsageError
from clew.core.measures.evaluation import judged_queries
from clew.core.measures.gains import to_gains
from clew.indexer.tuning.fusion import Judged, example, ndcg
from clew.search.fusion import FUSIONS, FusionSpec
from clew.search.identical_ids import own_document

if TYPE_CHECKING:
    from rich.table import Table

    from clew.benchmarks.data.datasets import Dataset
    from clew.search.pipeline import Searcher

WEIGHTS = (0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.8, 1.0)
FUSED: Mapping[str, FusionSpec] = {
    "bm25": FusionSpec("hybrid", {"bm25": 1, "dense": 0}),
    "dense": FusionSpec("hybrid", {"bm25": 0, "dense": 1}),
    "rrf": FusionSpec("rrf"),
    "sum": FusionSpec("sum"),
    **{f"{weight:g}:1": FusionSpec("hybrid", {"bm25": weight, "dense": 1}) for weight in WEIGHTS},
}
_DEPTH = 100


@dataclass(frozen=True, slots=True)
class Options:
    """What is swept.

    splits: of the qrels, never test. gains: gain of grade 0, 1, 2, … as decimal text (None: the grades). sample: at
    most so many queries of a split, drawn by seed. model: the bi-encoder. k1: of BM25 (None: the data set's spec).
    """

    splits: tuple[str, ...] = ("dev", "train")
    gains: tuple[str, ...] | None = None
    sample: int = 600
    seed: int = 3
    model: str = "default"
    k1: float | None = None

    def __post_init__(self) -> None:
        if "test" in self.splits:
            raise UsageError("split is 'test'", "weights are not chosen on test queries: give dev or train")
        if self.sample < 1:
            raise UsageError(f"sample is {self.sample}", "give 1 or more queries")


def sweep(dataset: Dataset, home: Path, options: Options, *, models: Path | None = None) -> dict[str, dict[str, Any]]:
    """Measure every fusion on the splits that a data set has: split → {"queries": n, "nDCG@10": {fusion: mean}}.

    home: where indexes are kept. models: home of the bi-encoder (None: `home`). Raises DataError if the data set has
    none of the splits, or a split has no query with a relevant document.
    """
    from clew.models.store import resolve_if_saved

    splits = [split for split in options.splits if split in dataset.judged.splits]
    if not splits:
        raise DataError(
            f"{dataset.name} has no split {' or '.join(options.splits)}", f"it has {', '.join(dataset.judged.splits)}"
        )
    table = spec_variant(dataset.spec, model=resolve_if_saved(options.model, models or home))
    if options.k1 is not None:
        table = {**table, "bm25": {**table["bm25"], "k1": options.k1}}
    searcher = open_built(home, build_if_missing(table, dataset.sources, dataset.base, home))
    found = {}
    try:
        for split in splits:
            qrels = to_gains(
                dataset.judged.qrels(split, dataset.document_ids, integers=options.gains is not None), options.gains
            )
            names = sorted(judged_queries(qrels))
            if not names:
                raise DataError(f"no query of split {split!r} of {dataset.name} has a relevant document")
            random.Random(options.seed).shuffle(names)  # noqa: S311 - a reproducible sample, no secret
            chosen = names[: options.sample]
            queries = dataset.judged.queries
            pools = [_example(searcher, name, queries[name], qrels[name]) for name in chosen]
            found[split] = {"queries": len(pools), "nDCG@10": _means(pools)}
    finally:
        searcher.close()
    return found


def _example(searcher: Searcher, name: str, text: str, judged: Mapping[str, int]) -> Judged:
    own = own_document(searcher.store, name, text, "auto", judged)
    return example(searcher, text, judged, _DEPTH, None, None, own)


def _means(pools: Sequence[Judged]) -> dict[str, float]:
    """Return the mean nDCG@10 of every fusion over the candidates of some queries."""
    return {
        name: round(fmean(ndcg(FUSIONS[spec.method](pool.found, spec).sum(axis=0), pool) for pool in pools), 5)
        for name, spec in FUSED.items()
    }


def table(found: Mapping[str, Mapping[str, Any]]) -> Table:
    """Return the sweep of data sets (name → as `sweep` returns) for the terminal."""
    from rich.table import Table

    shown = Table(title="nDCG@10; the last columns are BM25 weight:dense weight", title_justify="left")
    for heading in ("data set", "split", "queries", *FUSED):
        shown.add_column(heading, justify="left" if heading in {"data set", "split"} else "right")
    for name, splits in found.items():
        for split, row in splits.items():
            shown.add_row(name, split, str(row["queries"]), *(f"{mean:.3f}" for mean in row["nDCG@10"].values()))
    return shown
