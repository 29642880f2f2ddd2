"""Learn how an index uses its graph from judged queries: relations, the graph's fusion weight, and the gate.

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

if TYPE_CHECKING:
    from clew.search.pipeline import Searcher

DEPTH = 100
# More queries than these only cost time.
MOST_QUERIES = 1_000
MOST_QUESTIONS = 5_000
_OPEN = Gate(threshold=0.0)
_FOLDS = 4
# Of each split, for the default gate.
DEFAULT_QUERIES = 300

Examples = tuple[tuple[Floats, float], ...]


@dataclass(frozen=True, slots=True)
class Learned:
    """What was learned. examples: the gate's: (features of a query, change of its nDCG@10 when it uses the graph)."""

    relations: RelationModel
    fusion: FusionSpec
    gate: Gate
    examples: Examples = ()

    def applied(self, searcher: Searcher) -> Searcher:
        """The searcher with what was learned."""
        assert searcher.knowledge is not None  # noqa: S101 - learned on a graph
        knowledge = replace(searcher.knowledge, model=self.relations)
        return replace(searcher, knowledge=knowledge, fusion=self.fusion, gate=self.gate)

    def as_table(self) -> dict[str, Any]:
        """As a release stores it, without the fusion."""
        return {"relations": self.relations.as_table() if self.relations else {}, "gate": self.gate.as_table()}


@dataclass(frozen=True, slots=True)
class TrainingData:
    """The training data: judged queries. queries: id → text. train, dev: their judgements, in integer gains."""

    queries: Mapping[str, str]
    train: Qrels
    dev: Qrels
    seed: int = 0

    def sampled(self, qrels: Qrels, most: int) -> list[str]:
        """At most `most` of the queries that have a relevant document, drawn by the seed."""
        names = judged_queries(qrels)
        return names if len(names) <= most else random.Random(self.seed).sample(names, most)  # noqa: S311


def learned(
    searcher: Searcher,
    material: TrainingData,
    progress: Progress | None = None,
    answers: Mapping[str, Answered] | None = None,
) -> Learned:
    """Learn from judged queries, for the way the searcher uses its graph.

    answers: the result of `answered`, if it is known already. The gate's features of a train query come from relations
    learned on the other half of the train queries, so that it does not see answers it was trained on.
    """
    assert searcher.knowledge is not None  # noqa: S101 - the caller has a graph
    names = material.sampled(material.train, MOST_QUESTIONS)
    if answers is None:
        answers = answered(searcher, material, progress)
    whole = relations.learn(answers.values())
    seen: list[_Seen] = []
    halves = [set(names[0::2]), set(names[1::2])]
    kept = material.sampled(material.train, MOST_QUERIES // 2)
    for half in halves:
        model = relations.learn(found for name, found in answers.items() if name not in half)
        asked = [name for name in kept if name in half]
        seen += _watched(_with(searcher, model), material, asked, material.train, progress)
    rest = material.sampled(material.dev, MOST_QUERIES - len(seen))
    seen += _watched(_with(searcher, whole), material, rest, material.dev, progress)
    always = learn([each.with_graph for each in seen], searcher.fusion, free=("graph",))
    # The weight that is best for every query need not be the best for those a gate lets through.
    fusion = max((searcher.fusion, always), key=lambda tried: _gated_gain(seen, tried, searcher.gate))
    examples = _examples(seen, fusion)
    return Learned(whole, fusion, learn_gate(examples, searcher.gate), examples)


def default_examples(searcher: Searcher, material: TrainingData, progress: Progress | None = None) -> Examples:
    """Training data of the default gate: features and gains where no relations were learned."""
    assert searcher.knowledge is not None  # noqa: S101 - the caller has a graph
    seen: list[_Seen] = []
    for qrels in (material.train, material.dev):
        asked = material.sampled(qrels, DEFAULT_QUERIES)
        seen += _watched(_with(searcher, RelationModel()), material, asked, qrels, progress)
    return _examples(seen, FusionSpec())


def _examples(seen: Sequence[_Seen], fusion: FusionSpec) -> Examples:
    return tuple((each.features, each.gain(fusion)) for each in seen if each.features is not None)


def _gated_gain(seen: Sequence[_Seen], fusion: FusionSpec, start: Gate) -> float:
    """nDCG@10 gained, summed over the queries, each under a gate learned on the other folds."""
    examples = _examples(seen, fusion)
    total = 0.0
    for fold in range(_FOLDS):
        gate = learn_gate([each for at, each in enumerate(examples) if at % _FOLDS != fold], start)
        held = examples[fold::_FOLDS]
        total += sum(gain for features, gain in held if gate.probability(features) >= gate.threshold)
    return total


def _with(searcher: Searcher, model: RelationModel) -> Searcher:
    assert searcher.knowledge is not None  # noqa: S101 - see learned
    return replace(searcher, knowledge=replace(searcher.knowledge, model=model), gate=_OPEN)


def answered(searcher: Searcher, material: TrainingData, progress: Progress | None = None) -> dict[str, Answered]:
    """Train query → the steps that lead from the entity it names to its relevant documents, where there are any."""
    knowledge = searcher.knowledge
    assert knowledge is not None  # noqa: S101 - see learned
    if not knowledge.walks or not knowledge.spec.documents or knowledge.spec.document_types:
        return {}  # no walk leads to a document's node
    answers: dict[str, Answered] = {}
    names = material.sampled(material.train, MOST_QUESTIONS)
    for done, name in enumerate(names, 1):
        wanted = {node for node, gain in material.train[name].items() if gain > 0}
        found = steps_to_answers(searcher, knowledge, material.queries[name], wanted)
        if found is not None:
            answers[name] = found
        if progress:
            progress("relations", done, len(names))
    return answers


@dataclass(frozen=True, slots=True)
class _Seen:
    """One judged query: its candidates without and with the graph, and the gate's features (None: no entity)."""

    without: Judged
    with_graph: Judged
    features: Floats | None
    before: FusionSpec = field(default_factory=FusionSpec)

    def gain(self, fusion: FusionSpec) -> float:
        """Change of nDCG@10 when the query uses the graph, under this fusion."""
        return self.with_graph.ndcg(fusion) - self.without.ndcg(self.before)


def _watched(
    searcher: Searcher, material: TrainingData, names: Sequence[str], qrels: Qrels, progress: Progress | None
) -> Iterator[_Seen]:
    others = tuple(name for name in searcher.sources if name != "graph")
    for done, name in enumerate(names, 1):
        # A query that search refuses (empty, too long) is no training data.
        with suppress(QueryError):
            yield _seen(searcher, material.queries[name], qrels[name], others)
        if progress:
            progress("weights and gate", done, len(names))


def _seen(searcher: Searcher, text: str, judged: Mapping[str, int], others: tuple[str, ...]) -> _Seen:
    without = example(searcher, text, judged, DEPTH, others, None)
    pool, trace = searcher.traced(text, DEPTH, graph="auto")
    with_graph = Judged.of(pool, searcher.store.ids(pool.documents), judged)
    return _Seen(without, with_graph, trace.gate_features, searcher.fusion)
