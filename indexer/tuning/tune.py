"""Learn the parameters of an index from judged queries: fusion weights, graph, and the reranker's calibration.

One fusion weight per source is learned on dev queries, regularised towards the weight that the index uses now. For an
index with a graph, the relations that questions ask for, the graph's weight and the gate are learned on train and dev
queries (`clew.indexer.tuning.graph`). For an index with a reranker, its calibration is learned
(`clew.indexer.tuning.rerank`).
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clew.core.errors import DataError
from clew.core.measures.evaluation import judged_queries
from clew.core.measures.gains import to_gains
from clew.core.measures.runs import Qrels
from clew.core.progress import Progress
from clew.indexer.tuning.fusion import example, learn, mean_ndcg
from clew.indexer.tuning.graph import Learned, TrainingData, learned
from clew.indexer.tuning.judged import TRAIN, dev_qrels, open_folder, open_judged
from clew.indexer.tuning.rerank import RerankTuned, learn_rerank
from clew.kg.relations import RelationModel
from clew.search.identical_ids import IdenticalIds, own_document

if TYPE_CHECKING:
    from clew.core.measures.judged import JudgedQueries
    from clew.search.fusion import FusionSpec
    from clew.search.pipeline import Searcher

GRAPH = "graph"
DEPTH = 100
# Enough to learn one weight per source; more queries take time and do not improve the result.
MOST_QUERIES = 1_000
# Number of words that are shown for a learned relation.
MOST_WORDS = 5


@dataclass(frozen=True, slots=True)
class Options:
    """The options of tuning.

    gains: gain of grade 0, 1, 2, … (None: the grade itself). judged_only: use only each query's judged documents as
    candidates. allow_unknown: accept judged ids that are not in the index. model: bi-encoder of a folder's index. seed:
    of the random samples. identical_ids: whether a document with the query's id is left out (see
    `clew.search.identical_ids`).
    """

    gains: tuple[str, ...] | None = None
    judged_only: bool = False
    allow_unknown: bool = False
    model: str = "default"
    seed: int = 0
    identical_ids: IdenticalIds = "auto"


@dataclass(frozen=True, slots=True)
class Tuned:
    """The result of tuning: the fusion before and after, and the mean nDCG@10 of both on the dev queries.

    graph: the graph's parameters, for an index with a graph (else None); the measures are then those of complete
    searches with the gate. rerank: the calibration, for an index with a reranker (else None); the measures are those
    before reranking.
    """

    before: FusionSpec
    after: FusionSpec
    ndcg_before: float
    ndcg_after: float
    queries: int
    graph: GraphTuned | None = None
    rerank: RerankTuned | None = None

    @property
    def changed(self) -> bool:
        """Whether any parameter differs from what the index uses now."""
        names = {*self.before.weights, *self.after.weights}
        fusion = any(self.before.weight(name) != self.after.weight(name) for name in names)
        graph = self.graph is not None and self.graph.changed
        return fusion or graph or (self.rerank is not None and self.rerank.before != self.rerank.after)

    def as_dict(self) -> dict[str, Any]:
        """Return the result as plain data, without parts that the index does not have; relations are only counted."""
        table = asdict(replace(self, graph=None))
        if self.rerank is None:
            del table["rerank"]
        del table["graph"]
        return table | ({"graph": self.graph.as_dict()} if self.graph else {})


@dataclass(frozen=True, slots=True)
class GraphTuned:
    """The learned parameters of an index's graph, as a release stores them.

    questions: number of questions that the relations were learned from. decided: number of queries that the graph
    helped or hurt, from which the gate was learned. changed: whether the relations or the gate differ from those that
    the index uses now.
    """

    relations: Mapping[str, Any]
    gate: Mapping[str, Any]
    questions: int
    decided: int
    changed: bool = True

    @classmethod
    def of(cls, found: Learned, searcher: Searcher) -> GraphTuned:
        """Return the record of what was learned for a searcher."""
        decided = sum(gain != 0 for _, gain in found.examples)
        assert searcher.graph_retriever is not None  # noqa: S101 - learned on a graph
        changed = found.relations != searcher.graph_retriever.model or found.gate != searcher.gate
        return cls(**found.as_table(), questions=found.relations.questions, decided=decided, changed=changed)

    @property
    def model(self) -> RelationModel:
        """The learned relations."""
        return RelationModel.of_table(self.relations)

    @property
    def steps(self) -> int:
        """Number of relations with learned words; each direction counts as one."""
        return len(self.model.words) - self.paths

    @property
    def paths(self) -> int:
        """Number of paths of two steps with learned words."""
        return len(self.model.paths)

    def as_dict(self) -> dict[str, Any]:
        """Return the parameters as plain data: the complete gate, and of each relation and path what points to it."""
        learned = [{"path": path, "words": stems} for path, stems in self.model.described(MOST_WORDS)]
        counts = {"questions": self.questions, "steps": self.steps, "paths": self.paths}
        return counts | {"learned": learned, "decided": self.decided, "gate": dict(self.gate)}


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
    identical_ids: IdenticalIds = "auto",
) -> Tuned:
    """Learn fusion weights from judged queries.

    queries: id → text. qrels: integer gains; at most `most` of the queries are used, sampled with `seed`. depth: number
    of documents requested from each source. sources: those whose weights are learned (None: all). judged_only: use only
    each query's judged documents as candidates. identical_ids: as in `Options`. Raises DataError if no query has a
    relevant document.
    """
    names = judged_queries(qrels)
    if not names:
        raise DataError("no query to tune on has a relevant document", "check the dev qrels, and the gains if given")
    if len(names) > most:
        names = random.Random(seed).sample(names, most)  # noqa: S311 - a reproducible choice, no secret
    examples = []
    for done, name in enumerate(names, 1):
        judged = qrels[name]
        among = list(judged) if judged_only else None
        pool_depth = max(depth, len(judged)) if judged_only else depth
        own = own_document(searcher.store, name, queries[name], identical_ids, judged)
        examples.append(example(searcher, queries[name], judged, pool_depth, sources, among, own))
        if progress:
            progress("tuning", done, len(names))
    before = searcher.fusion
    after = learn(examples, before)
    return Tuned(before, after, mean_ndcg(examples, before), mean_ndcg(examples, after), len(examples))


def tune_folder(
    path: Path, home: Path, options: Options, progress: Progress | None = None, *, models: Path | None = None
) -> Tuned:
    """Tune the index of a folder with documents and judged queries, on its dev split; the index is built in `home`.

    path: as for `clew.indexer.tuning.judged.open_folder`. models: home of the models (None: the same).
    """
    return _tuned(*open_folder(path, home, options.model, models=models), options, progress)


def tune_index(name: str, home: Path, judged: Path | None, options: Options, progress: Progress | None = None) -> Tuned:
    """Tune a live index on the dev split of a folder of judged queries (None: the folder that its spec names)."""
    return _tuned(*open_judged(name, home, judged), options, progress)


def _tuned(searcher: Searcher, judged: JudgedQueries, options: Options, progress: Progress | None) -> Tuned:
    try:
        integers = options.gains is not None
        qrels = to_gains(dev_qrels(judged, allow_unknown=options.allow_unknown, integers=integers), options.gains)
        has_graph = searcher.graph_retriever is not None and not options.judged_only
        found = tune(
            searcher,
            judged.queries,
            qrels,
            # The graph's weight is learned together with its gate, on queries that use it.
            sources=tuple(name for name in searcher.sources if name != GRAPH) if has_graph else None,
            judged_only=options.judged_only,
            seed=options.seed,
            progress=progress,
            identical_ids=options.identical_ids,
        )
        tuned = replace(searcher, fusion=found.after)
        if has_graph:
            found, tuned = _with_graph(searcher, judged, qrels, found, options, progress)
        asked = [judged.queries[name] for name in judged_queries(qrels)]
        if searcher.reranker is not None and searcher.reranker.reads_any(asked):
            calibration = learn_rerank(
                tuned,
                judged.queries,
                qrels,
                options.seed,
                progress,
                judged_only=options.judged_only,
                identical_ids=options.identical_ids,
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
    """Learn the graph's parameters and add them to those of the other sources; return them and the tuned searcher."""
    data = TrainingData(judged.queries, dev, {}, options.seed, options.identical_ids)
    names = data.sampled(dev, MOST_QUERIES)
    if TRAIN in judged.splits:
        grades = judged.qrels(TRAIN, None, allow_unknown=options.allow_unknown, integers=options.gains is not None)
        train = to_gains(grades, options.gains)
        data = replace(data, train=train, dev=dev)
    got = learned(replace(searcher, fusion=found.after), data, progress)
    tuned = got.applied(searcher)
    before, after = (_measured(each, data, dev, names) for each in (searcher, tuned))
    return replace(
        found, after=got.fusion, ndcg_before=before, ndcg_after=after, graph=GraphTuned.of(got, searcher)
    ), tuned


def _measured(searcher: Searcher, data: TrainingData, qrels: Qrels, names: Sequence[str]) -> float:
    """Return the mean nDCG@10 of complete searches, with the gate's decisions."""
    examples = []
    for name in names:
        text, judged = data.queries[name], qrels[name]
        own = own_document(searcher.store, name, text, data.identical_ids, judged)
        examples.append(example(searcher, text, judged, DEPTH, None, None, own))
    return mean_ndcg(examples, searcher.fusion)
