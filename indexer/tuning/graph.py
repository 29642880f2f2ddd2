"""Learn from judged queries how an index uses its graph: the relations, the graph's fusion weight, and the gate.

Only train and dev queries are used.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from clew.core.errors import QueryError
from clew.core.measures.evaluation import judged_queries
from clew.core.measures.runs import Qrels
from clew.core.progress import Progress
from clew.core.types import Floats
from clew.indexer.tuning import relations
from clew.indexer.tuning.fusion import Judged, example, learn
from clew.indexer.tuning.gate import learn as learn_gate
from clew.indexer.tuning.relations import Answered, steps_to_answers
from clew.kg.relations import RelationModel
from clew.search.fusion import FusionSpec
from clew.search.gate import Gate
from clew.search.identical_ids import IdenticalIds, own_document, pool_without

if TYPE_CHECKING:
    from clew.search.pipeline import Searcher

DEPTH = 100
# More queries than these take time and do not improve the result.
MOST_QUERIES = 1_000
MOST_QUESTIONS = 5_000
_OPEN = Gate(threshold=0.0)
_FOLDS = 4
# Number of queries of each split, for the default gate.
DEFAULT_QUERIES = 300

Examples = tuple[tuple[Floats, float], ...]


@dataclass(frozen=True, slots=True)
class Learned:
    """The learned parameters.

    examples: the gate's training data: (features of a query, change of its nDCG@10 if it uses the graph).
    """

    relations: RelationModel
    fusion: FusionSpec
    gate: Gate
    examples: Examples = ()

    def applied(self, searcher: Searcher) -> Searcher:
        """Return the searcher with the learned parameters."""
        assert searcher.graph_retriever is not None  # noqa: S101 - learned on a graph
        graph_retriever = replace(searcher.graph_retriever, model=self.relations)
        return replace(searcher, graph_retriever=graph_retriever, fusion=self.fusion, gate=self.gate)

    def as_table(self) -> dict[str, Any]:
        """Return the parameters as a release stores them, without the fusion."""
        return {"relations": self.relations.as_table() if self.relations else {}, "gate": self.gate.as_table()}


@dataclass(frozen=True, slots=True)
class TrainingData:
    """The training data: judged queries. queries: id → text. train, dev: their qrels, with integer gains.

    identical_ids: whether a document with the query's id is left out (see `clew.search.identical_ids`).
    """

    queries: Mapping[str, str]
    train: Qrels
    dev: Qrels
    seed: int = 0
    identical_ids: IdenticalIds = "auto"

    def sampled(self, qrels: Qrels, most: int) -> list[str]:
        """Return at most `most` of the queries that have a relevant document, sampled with the seed."""
        names = judged_queries(qrels)
        return names if len(names) <= most else random.Random(self.seed).sample(names, most)  # noqa: S311


def learned(
    searcher: Searcher,
    data: TrainingData,
    progress: Progress | None = None,
    answers: Mapping[str, Answered] | None = None,
) -> Learned:
    """Learn the graph's parameters from judged queries, starting with those of the searcher.

    answers: the result of `answered` (None: compute it here). The gate's features of a train query come from relations
    that were learned on the other half of the train queries, so that the gate is not fitted to queries that the
    relations were learned from.
    """
    assert searcher.graph_retriever is not None  # noqa: S101 - the caller has a graph
    names = data.sampled(data.train, MOST_QUESTIONS)
    if answers is None:
        answers = answered(searcher, data, progress)
    model_of_all = relations.learn(answers.values())
    cases: list[_GraphExample] = []
    halves = [set(names[0::2]), set(names[1::2])]
    sampled = data.sampled(data.train, MOST_QUERIES // 2)
    for half in halves:
        model = relations.learn(found for name, found in answers.items() if name not in half)
        asked = [name for name in sampled if name in half]
        cases += _graph_examples(_with_relations(searcher, model), data, asked, data.train, progress)
    rest = data.sampled(data.dev, MOST_QUERIES - len(cases))
    cases += _graph_examples(_with_relations(searcher, model_of_all), data, rest, data.dev, progress)
    always = learn([each.with_graph for each in cases], searcher.fusion, free=("graph",))
    # The weight that is best for all queries may not be the best for those that the gate lets use the graph.
    fusion = max((searcher.fusion, always), key=lambda tried: _gated_gain(cases, tried, searcher.gate))
    examples = _examples(cases, fusion)
    return Learned(model_of_all, fusion, learn_gate(examples, searcher.gate), examples)


def default_examples(searcher: Searcher, data: TrainingData, progress: Progress | None = None) -> Examples:
    """Return the training data of the default gate: features and gains without learned relations."""
    assert searcher.graph_retriever is not None  # noqa: S101 - the caller has a graph
    cases: list[_GraphExample] = []
    for qrels in (data.train, data.dev):
        asked = data.sampled(qrels, DEFAULT_QUERIES)
        cases += _graph_examples(_with_relations(searcher, RelationModel()), data, asked, qrels, progress)
    return _examples(cases, FusionSpec())


def _examples(cases: Sequence[_GraphExample], fusion: FusionSpec) -> Examples:
    return tuple((each.features, each.gain(fusion)) for each in cases if each.features is not None)


def _gated_gain(cases: Sequence[_GraphExample], fusion: FusionSpec, start: Gate) -> float:
    """Return the gain in nDCG@10, summed over the queries; the gate of each query is learned on the other folds."""
    examples = _examples(cases, fusion)
    total = 0.0
    for fold in range(_FOLDS):
        gate = learn_gate([each for at, each in enumerate(examples) if at % _FOLDS != fold], start)
        held_out = examples[fold::_FOLDS]
        total += sum(gain for features, gain in held_out if gate.probability(features) >= gate.threshold)
    return total


def _with_relations(searcher: Searcher, model: RelationModel) -> Searcher:
    assert searcher.graph_retriever is not None  # noqa: S101 - see learned
    return replace(searcher, graph_retriever=replace(searcher.graph_retriever, model=model), gate=_OPEN)


def answered(searcher: Searcher, data: TrainingData, progress: Progress | None = None) -> dict[str, Answered]:
    """Return the steps that lead from the entity a train query names to its relevant documents, by query id.

    Queries without such steps are left out.
    """
    graph_retriever = searcher.graph_retriever
    assert graph_retriever is not None  # noqa: S101 - see learned
    if not graph_retriever.walks or not graph_retriever.spec.documents or graph_retriever.spec.document_types:
        return {}  # documents are not nodes that a walk can reach
    answers: dict[str, Answered] = {}
    names = data.sampled(data.train, MOST_QUESTIONS)
    for done, name in enumerate(names, 1):
        wanted = {node for node, gain in data.train[name].items() if gain > 0}
        found = steps_to_answers(searcher, graph_retriever, data.queries[name], wanted)
        if found is not None:
            answers[name] = found
        if progress:
            progress("relations", done, len(names))
    return answers


@dataclass(frozen=True, slots=True)
class _GraphExample:
    """One judged query: its candidates without and with the graph, and the gate's features.

    features: None if the query names no entity. before: the fusion of the ranking without the graph.
    """

    without: Judged
    with_graph: Judged
    features: Floats | None
    before: FusionSpec = field(default_factory=FusionSpec)

    def gain(self, fusion: FusionSpec) -> float:
        """Return the change of nDCG@10 if the query uses the graph with this fusion."""
        return self.with_graph.ndcg(fusion) - self.without.ndcg(self.before)


def _graph_examples(
    searcher: Searcher, data: TrainingData, names: Sequence[str], qrels: Qrels, progress: Progress | None
) -> Iterator[_GraphExample]:
    others = tuple(name for name in searcher.sources if name != "graph")
    for done, name in enumerate(names, 1):
        # A query that search rejects (empty, too long) cannot be used as training data.
        with suppress(QueryError):
            text = data.queries[name]
            own = own_document(searcher.store, name, text, data.identical_ids, qrels[name])
            yield _graph_example(searcher, text, qrels[name], others, own)
        if progress:
            progress("weights and gate", done, len(names))


def _graph_example(
    searcher: Searcher, text: str, judged: Mapping[str, int], others: tuple[str, ...], own: str | None
) -> _GraphExample:
    without = example(searcher, text, judged, DEPTH, others, None, own)
    found, trace = searcher.traced(text, DEPTH if own is None else DEPTH + 1, graph="auto")
    pool = pool_without(found, searcher.store, own)
    with_graph = Judged.of(pool, searcher.store.ids(pool.documents), judged)
    return _GraphExample(without, with_graph, trace.gate_features, searcher.fusion)
