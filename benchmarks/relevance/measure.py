"""Measure the relevance of named systems on judged data sets. Indexes are built, or reused if nothing changed."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Container, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clew.benchmarks.data.datasets import Dataset
from clew.benchmarks.data.index import build_if_missing, graph_table, open_built, spec_variant
from clew.benchmarks.relevance import systems
from clew.benchmarks.relevance.options import Options
from clew.benchmarks.relevance.pairs import SharedScorer
from clew.benchmarks.relevance.prepared import system_searcher, tune_systems
from clew.benchmarks.relevance.systems import System
from clew.benchmarks.signature import model_name
from clew.core.errors import DataError, QueryError
from clew.core.measures.evaluation import MEASURES, Evaluation, evaluate, judged_queries
from clew.core.measures.gains import to_gains
from clew.core.measures.runs import Qrels, Run
from clew.core.measures.significance import Comparison, compare, holm, interval
from clew.core.progress import Progress
from clew.indexer.tuning.tune import Tuned
from clew.models.store import resolve_if_saved
from clew.search.identical_ids import own_document, without_own

if TYPE_CHECKING:
    from clew.core.measures.judged import JudgedQueries
    from clew.search.fusion import FusionSpec
    from clew.search.pipeline import Searcher
    from clew.search.rerank.stage import Reranker

# judged@10 describes the judgements, not the quality of a system, so it is not tested for significance.
TESTED = tuple(name for name in MEASURES if name != "judged@10")


@dataclass(frozen=True, slots=True)
class SystemResult:
    """Result of one system on one data set.

    intervals: measure → 95 % interval of the mean. comparisons: measure → comparison with the baseline. p: measure →
    its p after Holm's correction over the systems of the set (both empty for the baseline). seconds: time of all
    queries; if several systems rerank, the first one pays for the pairs they share. tuned: what a tuned system learned.
    pairs: pairs per query that the cross-encoder read (0: the system does not rerank).
    """

    evaluation: Evaluation
    run: Run
    intervals: Mapping[str, tuple[float, float]]
    comparisons: Mapping[str, Comparison] = field(default_factory=dict)
    p: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    tuned: Tuned | None = None
    pairs: float = 0.0


@dataclass(frozen=True, slots=True)
class SetResult:
    """All systems on one data set, and what the figures depend on."""

    name: str
    options: Options
    queries: Mapping[str, str]
    qrels: Qrels
    systems: Mapping[str, SystemResult]
    signature: Mapping[str, Any]


def measure(
    dataset: Dataset, home: Path, options: Options, progress: Progress | None = None, *, models: Path | None = None
) -> SetResult:
    """Run every system on one data set and compare it with the baseline.

    home: where indexes are stored. models: home of the models (None: `home`). Raises DataError if the judgements do not
    fit the data set, NotFoundError if a model does not exist.
    """
    chosen = {name: systems.load(name) for name in options.names}
    # A BEIR folder knows its ids, so that bad judgements are found before anything is built.
    qrels = judged_qrels(dataset.judged, dataset.document_ids, options) if dataset.beir else {}
    runs: dict[str, Run] = {}
    spent: dict[str, float] = {}
    pairs: dict[str, int] = {}
    tuned: dict[str, Tuned] = {}
    indexes: dict[str, Any] = {}
    rerankers: dict[str, Any] = {}
    for backend in dict.fromkeys(system.backend for system in chosen.values()):
        group = {name: system for name, system in chosen.items() if system.backend == backend}
        searcher = with_reranker(
            open_shared_index(dataset, home, group, options, models), group, options, models or home
        )
        try:
            if searcher.reranker is not None and any(system.rerank for system in group.values()):
                rerankers[backend] = reranker_signature(searcher.reranker)
            qrels = qrels or judged_qrels(dataset.judged, IndexIds(searcher), options)
            indexes[backend] = index_signature(searcher)
            tuned.update(tune_systems(searcher, dataset.judged, group, options, progress))
            found, times, asked = _run(searcher, group, tuned, dataset.judged.queries, qrels, options, progress)
        finally:
            searcher.close()
        runs.update(found)
        spent.update(times)
        pairs.update(asked)
    return SetResult(
        name=dataset.name,
        options=options,
        queries={name: dataset.judged.queries[name] for name in qrels},
        qrels=qrels,
        systems=evaluate_systems(
            {name: runs[name] for name in chosen}, qrels, options.baseline, options.seed, spent, tuned, pairs
        ),
        signature={
            "files": dataset.signature,
            "indexes": indexes,
            "rerankers": rerankers,
            "systems": {name: asdict(system) for name, system in chosen.items()},
            "learned": {name: found.as_dict() for name, found in tuned.items()},
        },
    )


@dataclass(frozen=True, slots=True)
class IndexIds:
    """The ids of an index."""

    searcher: Searcher

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.searcher.store.find(name) is not None


def judged_qrels(judged: JudgedQueries, documents: Container[str] | None, options: Options) -> Qrels:
    """Return the qrels of the split, as integer gains.

    documents: ids of the data set (None: not checked). Raises DataError for judged documents that do not exist, and if
    nothing is relevant.
    """
    integers = options.gains is not None
    grades = judged.qrels(options.split, documents, allow_unknown=options.allow_unknown, integers=integers)
    return _chosen(to_gains(grades, options.gains), options)


def _chosen(qrels: Qrels, options: Options) -> Qrels:
    """Return the qrels of the queries that have a relevant document, or of a sample of them."""
    names = judged_queries(qrels)
    if not names:
        raise DataError(
            f"no query of split {options.split!r} has a relevant document", "check --split, and --gains if given"
        )
    if options.sample is not None and options.sample < len(names):
        kept = set(random.Random(options.seed).sample(names, options.sample))  # noqa: S311 - reproducible, no secret
        names = [name for name in names if name in kept]
    return {name: qrels[name] for name in names}


def open_shared_index(
    dataset: Dataset, home: Path, group: Mapping[str, System], options: Options, models: Path | None = None
) -> Searcher:
    """Open the index that a group of systems shares, built unless it exists. models: as in `measure`."""
    dense = any("dense" in system.sources for system in group.values())
    backend = next(iter(group.values())).backend
    graph = graph_table(dataset.base) if any(system.graph for system in group.values()) else None
    model = resolve_if_saved(options.model, models or home)
    table = spec_variant(dataset.spec, model=model, dense=dense, backend=backend, graph=graph)
    return open_built(home, build_if_missing(table, dataset.sources, dataset.base, home, rebuild=options.rebuild))


def with_reranker(searcher: Searcher, group: Mapping[str, System], options: Options, models: Path) -> Searcher:
    """Return the searcher with the run's reranker, if a system needs one and the index has none.

    models: home of that model. Closes the searcher and raises NotFoundError if the model does not exist.
    """
    if searcher.reranker is not None or not any(system.rerank for system in group.values()):
        return searcher
    try:
        return replace(searcher, reranker=_reranker(options.reranker, models))
    except BaseException:
        searcher.close()
        raise


@cache
def _reranker(model: str, home: Path) -> Reranker:
    """Load a cross-encoder, once for all data sets of a run."""
    from clew.search.assemble import load_reranker
    from clew.search.rerank.spec import RerankSpec

    return load_reranker(RerankSpec(model), home)


def reranker_signature(reranker: Reranker) -> dict[str, Any]:
    """Return the parts of a reranker that the figures depend on."""
    return {
        "model": model_name(reranker.spec.model),
        "fingerprint": reranker.scorer.fingerprint,
        "runtime": reranker.scorer.runtime,
        "top": reranker.spec.top,
        "calibration": reranker.calibration.as_table(),
    }


def index_signature(searcher: Searcher) -> dict[str, Any]:
    """Return the parts of an index that the figures depend on."""
    version = searcher.version
    return {
        "index": version.index,
        "content": version.content,
        "documents": version.documents,
        "passages": version.passages,
        "encoder": {**version.encoder, "model": model_name(version.encoder["model"])} if version.encoder else {},
        "analyzer": version.analyzer,
        "recall": dict(version.recall),
    }


def _run(
    searcher: Searcher,
    group: Mapping[str, System],
    tuned: Mapping[str, Tuned],
    queries: Mapping[str, str],
    qrels: Qrels,
    options: Options,
    progress: Progress | None,
) -> tuple[dict[str, Run], dict[str, float], dict[str, int]]:
    """Return every system's run, seconds and pairs.

    Systems take turns on each query, so that they share its vector and the scores of its pairs, and so that changes in
    the machine's load affect all of them.
    """
    runs: dict[str, Run] = {name: {} for name in group}
    spent = dict.fromkeys(group, 0.0)
    known: dict[tuple[str, str], float] = {}
    searchers = {name: system_searcher(searcher, system, tuned.get(name), known) for name, system in group.items()}
    for done, query in enumerate(qrels, 1):
        own = own_document(searcher.store, query, queries[query], options.identical_ids, qrels[query])
        for name, system in group.items():
            start = time.perf_counter()
            fusion = tuned[name].after if name in tuned else system.fusion
            listed = _listed(searchers[name], queries[query], system, fusion, qrels[query], options, own)
            spent[name] += time.perf_counter() - start
            if listed:
                runs[name][query] = listed
        known.clear()
        if progress:
            progress("searching", done, len(qrels))
    scorers = {name: each.reranker.scorer for name, each in searchers.items() if each.reranker is not None}
    return runs, spent, {name: each.pairs for name, each in scorers.items() if isinstance(each, SharedScorer)}


def _listed(
    searcher: Searcher,
    text: str,
    system: System,
    fusion: FusionSpec | str | None,
    judged: Mapping[str, int],
    options: Options,
    own: str | None,
) -> dict[str, float]:
    """Return document → score of one query, best first; empty if search rejects the query (empty, too long).

    own: the query's own document, which is left out.
    """
    depth = max(options.depth, len(judged)) if options.judged_only else options.depth
    among = list(judged) if options.judged_only else None
    try:
        ids, scores = searcher.rank(
            text,
            depth if own is None else depth + 1,
            sources=system.sources,
            fusion=fusion,
            among=among,
            graph=system.expand,
            rerank=system.rerank,
        )
    except QueryError:
        return {}
    listed = without_own(ids, scores, own, depth)
    if among is not None:
        lowest = min(listed.values(), default=0.0)
        unretrieved = (name for name in _unretrieved(judged, listed) if name != own)
        for place, name in enumerate(unretrieved, 1):
            listed[name] = lowest - place
    return listed


def _unretrieved(judged: Mapping[str, int], listed: Mapping[str, float]) -> Sequence[str]:
    """Return the judged documents that a system did not retrieve, in an order independent of their grades."""
    return sorted((name for name in judged if name not in listed), key=lambda n: hashlib.sha256(n.encode()).digest())


def evaluate_systems(
    runs: Mapping[str, Run],
    qrels: Qrels,
    baseline: str,
    seed: int,
    spent: Mapping[str, float],
    tuned: Mapping[str, Tuned] | None = None,
    pairs: Mapping[str, int] | None = None,
) -> dict[str, SystemResult]:
    """Evaluate every run and compare it with the baseline, with Holm's correction over the other systems."""
    evaluations = {name: evaluate(qrels, run, MEASURES) for name, run in runs.items()}
    base = evaluations[baseline]
    others = [name for name in runs if name != baseline]
    comparisons: dict[str, dict[str, Comparison]] = {name: {} for name in runs}
    corrected: dict[str, dict[str, float]] = {name: {} for name in runs}
    for metric in TESTED:
        for name in others:
            comparisons[name][metric] = compare(evaluations[name].per_query[metric], base.per_query[metric], seed)
        for name, p in holm({name: comparisons[name][metric].p for name in others}).items():
            corrected[name][metric] = p
    return {
        name: SystemResult(
            evaluation=found,
            run=runs[name],
            intervals={m: interval(list(found.per_query[m].values()), seed) for m in TESTED},
            comparisons=comparisons[name],
            p=corrected[name],
            seconds=spent[name],
            tuned=tuned.get(name) if tuned else None,
            pairs=(pairs or {}).get(name, 0) / max(len(qrels), 1),
        )
        for name, found in evaluations.items()
    }
