"""Learn the parameters of an index from judged queries: fusion weights, graph, and the reranker's calibration.

One fusion weight a source is learned on dev queries, regularised towards what the index uses now. An index with a graph
also learns which relations questions ask for, the graph's weight, and the gate, on train and dev queries
(`clew.indexer.tuning.graph`). An index with a reranker learns its calibration (`clew.indexer.tuning.rerank`).
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clew.core.errors import DataError
from clew.core.measures.evaluation import judged_queries
from clew.core.measures.gains import gained
from clew.core.measures.runs import Qrels
from clew.core.progress import Progress
from clew.indexer.tuning.fusion import example, learn, mean_ndcg
from clew.indexer.tuning.graph import Learned, TrainingData, learned
from clew.indexer.tuning.judged import TRAIN, dev_qrels, open_folder, open_judged
from clew.indexer.tuning.rerank import RerankTuned, learn_rerank

if TYPE_CHECKING:
    from clew.core.measures.judged import JudgedQueries
    from clew.search.fusion import FusionSpec
    from clew.search.pipeline import Searcher

GRAPH = "graph"
DEPTH = 100
# Enough for one weight a source; more only cost time.
MOST_QUERIES = 1_000


@dataclass(frozen=True, slots=True)
class Options:
    """How to read the judgements.

    gains: gain of grade 0, 1, 2, … (None: the grade itself). judged_only: each query's judged documents are its only
    candidates. allow_unknown: judged ids outside the index are no error. model: bi-encoder of a folder's index. seed:
    of samples.
    """

    gains: tuple[str, ...] | None = None
    judged_only: bool = False
    allow_unknown: bool = False
    model: str = "default"
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Tuned:
    """What was learned: the fusion before and after, and mean nDCG@10 of both on the dev queries learned from.

    graph: what else was learned for an index with a graph (None for another); the measures are then those of whole
    searches. rerank: the calibration, for an index with a reranker; the measures are those before reranking.
    """

    before: FusionSpec
    after: FusionSpec
    ndcg_before: float
    ndcg_after: float
    queries: int
    graph: GraphTuned | None = None
    rerank: RerankTuned | None = None

    def as_dict(self) -> dict[str, Any]:
        """The same as plain data, without parts that the index does not have; relations are counted, not listed."""
        table = asdict(replace(self, graph=None))
        if self.rerank is None:
            del table["rerank"]
        del table["graph"]
        return table | ({"graph": self.graph.as_dict()} if self.graph else {})


@dataclass(frozen=True, slots=True)
class GraphTuned:
    """What was learned for an index's graph, as a release stores it.

    questions: how many showed which relation answers them. decided: how many the graph helped or hurt; the gate was
    learned on these.
    """

    relations: Mapping[str, Any]
    gate: Mapping[str, Any]
    questions: int
    decided: int

    @classmethod
    def of(cls, found: Learned) -> GraphTuned:
        """From what was learned."""
        decided = sum(gain != 0 for _, gain in found.examples)
        return cls(**found.as_table(), questions=found.relations.questions, decided=decided)

    @property
    def steps(self) -> int:
        """How many relations have words of their own; each direction counts by itself."""
        return len(self.relations.get("words", {}))

    def as_dict(self) -> dict[str, Any]:
        """As plain data: the gate in full, the relations counted."""
        return {"questions": self.questions, "steps": self.steps, "decided": self.decided, "gate": dict(self.gate)}


def tune(
    searcher: Searcher,
    queries: Mapping[str, str],
    qrels: Qrels,
    *,
    depth: int = DEPTH,
    sources: tuple[str, ...] | None = None,
    judged_only: bool = False,
    most: int = MOST_QUERIES,
    seed: int = 0,
    progress: Progress | None = None,
) -> Tuned:
    """Learn fusion weights from judged queries.

    queries: id → text. qrels: integer gains; at most `most` of the queries are used, drawn by `seed`. depth: documents
    that each source is asked for. sources: those whose weights are learned (None: all). judged_only: each query's
    judged documents are its only candidates. Raises DataError if no query has a relevant document.
    """
    names = judged_queries(qrels)
    if not names:
        raise DataError("no query to tune on has a relevant document", "check the split, and the gains if given")
    if len(names) > most:
        names = random.Random(seed).sample(names, most)  # noqa: S311 - a reproducible choice, no secret
    examples = []
    for done, name in enumerate(names, 1):
        judged = qrels[name]
        among = list(judged) if judged_only else None
        pool_depth = max(depth, len(judged)) if judged_only else depth
        examples.append(example(searcher, queries[name], judged, pool_depth, sources, among))
        if progress:
            progress("tuning", done, len(names))
    before = searcher.fusion
    after = learn(examples, before)
    return Tuned(before, after, mean_ndcg(examples, before), mean_ndcg(examples, after), len(examples))


def tune_folder(
    path: Path, home: Path, options: Options, progress: Progress | None = None, *, models: Path | None = None
) -> Tuned:
    """Learn from the dev split of a folder with documents and judged queries; its index is built under `home`.

    path: as for `clew.indexer.tuning.judged.open_folder`. models: home of the models (None: the same).
    """
    return _tuned(*open_folder(path, home, options.model, models=models), options, progress)


def tune_index(name: str, home: Path, judged: Path | None, options: Options, progress: Progress | None = None) -> Tuned:
    """Learn from the dev split of a folder of judged queries (None: that of the index's spec), with a live index."""
    return _tuned(*open_judged(name, home, judged), options, progress)


def _tuned(searcher: Searcher, judged: JudgedQueries, options: Options, progress: Progress | None) -> Tuned:
    try:
        qrels = gained(dev_qrels(judged, allow_unknown=options.allow_unknown), options.gains)
        has_graph = searcher.knowledge is not None and not options.judged_only
        found = tune(
            searcher,
            judged.queries,
            qrels,
            # The graph's weight is learned together with its gate, on queries that use it.
            sources=tuple(name for name in searcher.sources if name != GRAPH) if has_graph else None,
            judged_only=options.judged_only,
            seed=options.seed,
            progress=progress,
        )
        tuned = replace(searcher, fusion=found.after)
        if has_graph:
            found, tuned = _with_graph(searcher, judged, qrels, found, options, progress)
        if searcher.reranker is not None:
            calibration = learn_rerank(
                tuned, judged.queries, qrels, options.seed, progress, judged_only=options.judged_only
            )
            found = replace(found, rerank=calibration)
        return found
    finally:
        searcher.close()


def _with_graph(
    searcher: Searcher,
    judged: JudgedQueries,
    dev: Qrels,
    found: Tuned,
    options: Options,
    progress: Progress | None,
) -> tuple[Tuned, Searcher]:
    """Add what is learned for the graph to what was learned for the other sources; a searcher that uses both."""
    material = TrainingData(judged.queries, dev, {}, options.seed)
    names = material.sampled(dev, MOST_QUERIES)
    if TRAIN in judged.splits:
        train = gained(judged.qrels(TRAIN, None, allow_unknown=options.allow_unknown), options.gains)
        material = replace(material, train=train, dev=dev)
    got = learned(replace(searcher, fusion=found.after), material, progress)
    tuned = got.applied(searcher)
    before, after = (_measured(each, judged.queries, dev, names) for each in (searcher, tuned))
    return replace(found, after=got.fusion, ndcg_before=before, ndcg_after=after, graph=GraphTuned.of(got)), tuned


def _measured(searcher: Searcher, queries: Mapping[str, str], qrels: Qrels, names: Sequence[str]) -> float:
    """Mean nDCG@10 of whole searches, with the gate's decisions."""
    examples = [example(searcher, queries[name], qrels[name], DEPTH, None, None) for name in names]
    return mean_ndcg(examples, searcher.fusion)
