"""Measure BM25 with each way to cut Chinese, on the questions of drcd and cmrc2018 and on the names of a shop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clew.benchmarks.data.datasets import open_dataset
from clew.benchmarks.words.segmentation import SEGMENTATIONS, ranked
from clew.benchmarks.words.shop_names import KINDS, Queries, shop_queries
from clew.benchmarks.words.typos import misspelt, ranked_with
from clew.core.errors import UsageError
from clew.core.measures.evaluation import evaluate
from clew.core.measures.judged import data_folder
from clew.core.measures.significance import compare

if TYPE_CHECKING:
    from rich.table import Table

_MEASURE = "nDCG@10"
_NAMES = Path("shopify-taxonomy")


def data(split: str) -> dict[str, Queries]:
    """Return the data sets of a split by name. Raises UsageError for another split than train and dev."""
    if split not in {"train", "dev"}:
        raise UsageError(f"split is {split!r}", "give dev or train: nothing is chosen on test queries")
    found = {name: _questions(name, split) for name in ("drcd", "cmrc2018")}
    return found | {f"shop {kind}": shop_queries(data_folder(_NAMES), kind, split) for kind in KINDS}


def measure(sets: Mapping[str, Queries], done: Callable[[str], None] = lambda _: None) -> dict[str, dict[str, Any]]:
    """Measure every segmentation: data set → {"queries": n, "nDCG@10": {segmentation: mean, and against the first}}.

    done: is called with the name of each segmentation that has been measured.
    """
    found: dict[str, dict[str, Any]] = {name: {"queries": len(each.qrels), _MEASURE: {}} for name, each in sets.items()}
    first: dict[str, Mapping[str, float]] = {}
    for label, segmentation in SEGMENTATIONS.items():
        for name, each in sets.items():
            measured = evaluate(each.qrels, ranked(segmentation, each.texts, each.queries), (_MEASURE,))
            values = measured.per_query[_MEASURE]
            against = asdict(compare(values, first.setdefault(name, values)))
            found[name][_MEASURE][label] = {"mean": round(measured.means[_MEASURE], 5), "against_first": against}
        done(label)
    return found


def measure_typos(sets: Mapping[str, Queries], seed: int = 0) -> dict[str, dict[str, Any]]:
    """Measure queries with a homophone in them: data set → {"queries": n, "nDCG@10": {way: {"mean": mean}}}.

    Ways: the queries as typed and with an error, without and with homophones. Only queries that can have one.
    """
    found: dict[str, dict[str, Any]] = {}
    for name, each in sets.items():
        wrong = misspelt(each, seed)
        right = {query: each.queries[query] for query in wrong}
        qrels = {query: each.qrels[query] for query in wrong}
        means = {}
        for label, queries, sound in (
            ("as typed", right, False),
            ("as typed, with homophones", right, True),
            ("with an error", wrong, False),
            ("with an error, with homophones", wrong, True),
        ):
            run = ranked_with(each.texts, queries, sound=sound)
            means[label] = {"mean": round(evaluate(qrels, run, (_MEASURE,)).means[_MEASURE], 5)}
        found[name] = {"queries": len(wrong), _MEASURE: means}
    return found


def table(found: Mapping[str, Mapping[str, Any]]) -> Table:
    """Return what was measured (as `measure` returns it) for the terminal."""
    from rich.table import Table

    shown = Table(title="nDCG@10 of BM25 (of segmentations: difference to the first row, p)", title_justify="left")
    shown.add_column("terms")
    for name, each in found.items():
        shown.add_column(f"{name} ({each['queries']:,})", justify="right")
    for label in next(iter(found.values()))[_MEASURE]:
        cells = [each[_MEASURE][label] for each in found.values()]
        shown.add_row(label, *map(_cell, cells))
    return shown


def _cell(cell: Mapping[str, Any]) -> str:
    against = cell.get("against_first")
    if against is None:
        return f"{cell['mean']:.3f}"
    return f"{cell['mean']:.3f} ({against['difference']:+.3f}, {against['p']:.3f})"


def _questions(name: str, split: str) -> Queries:
    dataset = open_dataset(Path(name))
    qrels = dataset.judged.qrels(split, dataset.document_ids)
    queries = dataset.judged.queries
    texts = {identity: f"{title} {text}" for identity, title, text in dataset.texts()}
    return Queries(texts, {query: queries[query] for query in qrels}, qrels)
