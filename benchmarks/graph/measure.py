"""Measure what a graph adds on a judged data set: off, on and auto (the gate decides), compared with an oracle."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clew.benchmarks.data.datasets import Dataset
from clew.benchmarks.data.index import build_if_missing, graph_table, open_built, spec_variant
from clew.benchmarks.graph.oracle import oracle_run, read_gold
from clew.benchmarks.relevance import systems
from clew.benchmarks.relevance.measure import SetResult, evaluate_systems, index_signature, judged_qrels
from clew.benchmarks.relevance.options import Options
from clew.benchmarks.relevance.prepared import with_graph_use
from clew.benchmarks.relevance.report import PRIMARY
from clew.benchmarks.relevance.systems import System
from clew.core.errors import QueryError, UsageError
from clew.core.measures.gains import to_gains
from clew.core.measures.runs import Qrels, Run
from clew.core.progress import Progress
from clew.core.types import Floats
from clew.indexer.tuning.gate import learn
from clew.indexer.tuning.graph import DEPTH, Learned, TrainingData, answered, default_examples, learned
from clew.models.store import resolve_if_saved
from clew.search.gate import FEATURES, Gate

if TYPE_CHECKING:
    from clew.search.pipeline import Searcher

BASELINE = "off"
_TOLERANCE = 1e-9
_WORST = 20


SYSTEMS = ("bm25", "dense", "off", "graph", "on", "auto", "on-terms", "auto-terms")


@dataclass(frozen=True, slots=True)
class GraphOptions:
    """How the graph is measured.

    graph: folder whose graph/ is used (None: the data set's own). table: further keys of the [graph] table. The rest
    is as in `clew.benchmarks.relevance.options.Options`.
    """

    graph: Path | None = None
    table: Mapping[str, Any] = field(default_factory=dict)
    split: str = "test"
    gains: tuple[str, ...] | None = None
    sample: int | None = None
    seed: int = 0
    model: str = "default"
    rebuild: bool = False

    @property
    def relevance(self) -> Options:
        """These options as options of a relevance run."""
        return Options(
            SYSTEMS, BASELINE, self.split, self.gains, sample=self.sample, seed=self.seed, model=self.model,
            rebuild=self.rebuild,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Effect:
    """What a system changes per query compared with the system without the graph. Shares of queries, 0 to 1.

    used: the graph took part. helped, hurt: nDCG@10 rose, fell. worst: (query, nDCG@10 before, after), largest loss
    first.
    """

    used: float
    helped: float
    hurt: float
    worst: tuple[tuple[str, float, float], ...]


@dataclass(frozen=True, slots=True)
class GraphResult:
    """Results of all systems on one data set, what was learned first, and the effect of each system.

    learned: for the graph as a ranking; terms: for its names as query terms, which help other queries.
    """

    result: SetResult
    learned: Learned
    terms: Learned
    effects: Mapping[str, Effect]
    graph: Mapping[str, Any]


def measure(
    dataset: Dataset,
    home: Path,
    options: GraphOptions,
    progress: Progress | None = None,
    *,
    models: Path | None = None,
) -> GraphResult:
    """Learn on train and dev, then run every system on the split. Raises UsageError for split "train".

    home: where indexes are stored. models: home of the bi-encoder (None: `home`).
    """
    if options.split == "train":
        raise UsageError("split is 'train', which is used for learning", "measure on dev or test")
    qrels = judged_qrels(dataset.judged, dataset.document_ids, options.relevance)
    searcher = open_graph(dataset, home, options, models)
    try:
        known = material(dataset, options)
        answers = answered(searcher, known, progress)
        found = learned(searcher, known, progress, answers)
        terms = learned(with_graph_use(searcher, ("terms",)), known, progress, answers)
        chosen = {name: systems.load(name) for name in SYSTEMS}
        searchers = {
            name: with_graph_use((terms if "terms" in system.use else found).applied(searcher), system.use)
            for name, system in chosen.items()
        }
        runs, spent, used = _run(chosen, searchers, dataset.judged.queries, qrels, progress)
        assert searcher.graph_retriever is not None  # noqa: S101 - built with a graph
        if gold := read_gold(dataset.judged.folder):
            start = time.perf_counter()
            runs["oracle"] = oracle_run(searcher.graph_retriever, gold, qrels)
            spent["oracle"] = time.perf_counter() - start
        signature: dict[str, Any] = {
            "files": dataset.signature,
            "indexes": {"bm25": index_signature(searcher)},
            "graph": _graph_signature(searcher),
            "learned": {"fusion": asdict(found.fusion), "gate": found.gate.as_table(),
                        "terms gate": terms.gate.as_table(), "questions": found.relations.questions},
        }  # fmt: skip
    finally:
        searcher.close()
    result = SetResult(
        name=dataset.name,
        options=options.relevance,
        queries={name: dataset.judged.queries[name] for name in qrels},
        qrels=qrels,
        systems=evaluate_systems(runs, qrels, BASELINE, options.seed, spent),
        signature=signature,
    )
    effects = {name: _effect(result, name, used.get(name, {})) for name in runs if name != BASELINE}
    return GraphResult(result, found, terms, effects, signature["graph"])


def open_graph(dataset: Dataset, home: Path, options: GraphOptions, models: Path | None = None) -> Searcher:
    """Open the index of a data set with a graph, built unless it exists. home, models: as in `measure`."""
    own = dataset.spec.get("graph") if options.graph is None else None
    graph = {**(own or graph_table(options.graph or dataset.base)), **options.table}
    table = spec_variant(dataset.spec, model=resolve_if_saved(options.model, models or home), graph=graph)
    return open_built(home, build_if_missing(table, dataset.sources, dataset.base, home, rebuild=options.rebuild))


def material(dataset: Dataset, options: GraphOptions) -> TrainingData:
    """Return the judged queries to learn from: train and dev, without the split that is measured."""
    found: dict[str, Qrels] = {}
    for split in ("train", "dev"):
        known = split in dataset.judged.splits and split != options.split
        found[split] = (
            to_gains(dataset.judged.qrels(split, None, integers=options.gains is not None), options.gains)
            if known
            else {}
        )
    return TrainingData(dataset.judged.queries, found["train"], found["dev"], options.seed)


def _run(
    chosen: Mapping[str, System],
    searchers: Mapping[str, Searcher],
    queries: Mapping[str, str],
    qrels: Qrels,
    progress: Progress | None,
) -> tuple[dict[str, Run], dict[str, float], dict[str, dict[str, bool]]]:
    """Return every system's run, its time in seconds, and for which queries the graph took part."""
    runs: dict[str, Run] = {name: {} for name in SYSTEMS}
    used: dict[str, dict[str, bool]] = {name: {} for name in SYSTEMS}
    spent = dict.fromkeys(SYSTEMS, 0.0)
    for done, query in enumerate(qrels, 1):
        for name, system in chosen.items():
            start = time.perf_counter()
            listed, used[name][query] = _listed(searchers[name], queries[query], system)
            spent[name] += time.perf_counter() - start
            if listed:
                runs[name][query] = listed
        if progress:
            progress("searching", done, len(qrels))
    return runs, spent, used


def _listed(searcher: Searcher, text: str, system: System) -> tuple[dict[str, float], bool]:
    """Return document → score of one query, best first, and whether the graph took part.

    A query that search rejects (empty, too long) has no result.
    """
    try:
        pool, trace = searcher.traced(text, DEPTH, sources=system.sources, graph=system.expand)
    except QueryError:
        return {}, False
    order = pool.order()[:DEPTH]
    ids = searcher.store.ids(pool.documents[order])
    listed = dict(zip(ids, pool.totals[order].tolist(), strict=True))
    return listed, trace.graph is not None and trace.graph.used


def default_gate(
    datasets: Sequence[Dataset],
    home: Path,
    options: GraphOptions,
    progress: Progress | None = None,
    *,
    models: Path | None = None,
) -> Gate:
    """Learn a gate on the train and dev queries of several data sets, each with the same weight.

    home, models: as in `measure`.
    """
    pooled: list[tuple[Floats, float]] = []
    for dataset in datasets:
        searcher = open_graph(dataset, home, options, models)
        try:
            examples = default_examples(searcher, material(dataset, options), progress)
        finally:
            searcher.close()
        total = sum(abs(gain) for _, gain in examples) or 1.0
        pooled += [(features, gain * 100 / total) for features, gain in examples]
    return learn(pooled, Gate(dict.fromkeys(FEATURES, 0.0)), strength=1.0)


def _effect(result: SetResult, name: str, used: Mapping[str, bool]) -> Effect:
    before = result.systems[BASELINE].evaluation.per_query[PRIMARY]
    after = result.systems[name].evaluation.per_query[PRIMARY]
    count = max(1, len(before))
    lost = sorted(before, key=lambda query: (after[query] - before[query], query))
    return Effect(
        used=sum(used.values()) / count,
        helped=sum(after[query] > before[query] + _TOLERANCE for query in before) / count,
        hurt=sum(after[query] < before[query] - _TOLERANCE for query in before) / count,
        worst=tuple((q, before[q], after[q]) for q in lost[:_WORST] if after[q] < before[q] - _TOLERANCE),
    )


def _graph_signature(searcher: Searcher) -> dict[str, Any]:
    assert searcher.graph_retriever is not None  # noqa: S101 - built with a graph
    manifest = searcher.graph_retriever.snapshot.manifest
    spec = searcher.graph_retriever.spec
    return {
        "name": manifest.name,
        "fingerprint": manifest.fingerprint,
        "entities": manifest.counts.entities,
        "edges": manifest.counts.edges,
        "documents": spec.documents,
        "document_types": list(spec.document_types),
        "about": list(spec.about),
    }


def plain(result: GraphResult) -> dict[str, Any]:
    """Return the effects for JSON: system → used, helped, hurt (shares), worst queries with their texts."""
    texts = result.result.queries
    return {
        name: {
            "used": round(effect.used, 6),
            "helped": round(effect.helped, 6),
            "hurt": round(effect.hurt, 6),
            "worst": [
                {"query": query, "text": texts[query], "before": round(before, 6), "after": round(after, 6)}
                for query, before, after in effect.worst
            ],
        }
        for name, effect in result.effects.items()
    }
