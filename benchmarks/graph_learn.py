"""What an index's graph learns from judged queries: which relations questions ask for, what the graph weighs beside the
other sources, and when it is used at all. Train and dev queries only."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from clew.benchmarks.tune import example
from clew.core.errors import QueryError
from clew.core.measures.evaluation import judged_queries
from clew.core.measures.runs import Qrels
from clew.core.progress import Progress
from clew.core.types import Deadline, Floats
from clew.kg.relations import Answered, RelationModel, Step, remainder
from clew.search.fusion import FUSIONS, FusionSpec, Judged, learn, ndcg
from clew.search.gate import FEATURES, Gate
from clew.search.gate import learn as learn_gate
from clew.search.lookup import check_text

if TYPE_CHECKING:
    from clew.search.knowledge import Knowledge
    from clew.search.pipeline import Searcher

DEPTH = 100
# More queries than these only cost time.
MOST_QUERIES = 1_000
MOST_QUESTIONS = 5_000
# A step answers a question where it leads to its answers and to little else: F1 of what it reaches.
_LEAST_SHARE = 0.3
_OPEN = Gate(threshold=0.0)
_FOLDS = 4
# Of each split, for the default gate.
DEFAULT_QUERIES = 300

Examples = tuple[tuple[Floats, float], ...]


@dataclass(frozen=True, slots=True)
class Learned:
    """What was learned. examples: (features of a query, nDCG@10 that the graph won or lost it), what the gate saw."""

    relations: RelationModel
    fusion: FusionSpec
    gate: Gate
    examples: Examples = ()

    def applied(self, searcher: Searcher) -> Searcher:
        """A searcher that uses it."""
        assert searcher.knowledge is not None  # noqa: S101 - learned on a graph
        knowledge = replace(searcher.knowledge, model=self.relations)
        return replace(searcher, knowledge=knowledge, fusion=self.fusion, gate=self.gate)

    def as_table(self) -> dict[str, Any]:
        """As a release keeps it, but for the fusion."""
        return {"relations": self.relations.as_table() if self.relations else {}, "gate": self.gate.as_table()}


@dataclass(frozen=True, slots=True)
class Material:
    """Judged queries to learn from. queries: id → text. train, dev: their judgements, in integer gains."""

    queries: Mapping[str, str]
    train: Qrels
    dev: Qrels
    seed: int = 0

    def sampled(self, qrels: Qrels, most: int) -> list[str]:
        """At most so many of the queries that have a relevant document, drawn by the seed."""
        names = judged_queries(qrels)
        return names if len(names) <= most else random.Random(self.seed).sample(names, most)  # noqa: S311


def learned(
    searcher: Searcher,
    material: Material,
    progress: Progress | None = None,
    answers: Mapping[str, Answered] | None = None,
) -> Learned:
    """Learn on judged queries, for the way the searcher uses its graph.

    answers: what `answered` gave, where it is known. What train queries show the gate comes from relations learned on
    the others of them.
    """
    assert searcher.knowledge is not None  # noqa: S101 - the caller has a graph
    names = material.sampled(material.train, MOST_QUESTIONS)
    if answers is None:
        answers = answered(searcher, material, progress)
    whole = RelationModel.learn(answers.values())
    seen: list[_Seen] = []
    halves = [set(names[0::2]), set(names[1::2])]
    kept = material.sampled(material.train, MOST_QUERIES // 2)
    for half in halves:
        model = RelationModel.learn(found for name, found in answers.items() if name not in half)
        asked = [name for name in kept if name in half]
        seen += _watched(_with(searcher, model), material, asked, material.train, progress)
    rest = material.sampled(material.dev, MOST_QUERIES - len(seen))
    seen += _watched(_with(searcher, whole), material, rest, material.dev, progress)
    always = learn([each.with_graph for each in seen], searcher.fusion, free=("graph",))
    # The weight that is best for every query need not be the best for those a gate lets through.
    fusion = max((searcher.fusion, always), key=lambda tried: _gated_gain(seen, tried, searcher.gate))
    examples = _examples(seen, fusion)
    return Learned(whole, fusion, learn_gate(examples, searcher.gate), examples)


def default_examples(searcher: Searcher, material: Material, progress: Progress | None = None) -> Examples:
    """What a gate sees and could win where nothing was learned: what the default gate is made of."""
    assert searcher.knowledge is not None  # noqa: S101 - the caller has a graph
    seen: list[_Seen] = []
    for qrels in (material.train, material.dev):
        asked = material.sampled(qrels, DEFAULT_QUERIES)
        seen += _watched(_with(searcher, RelationModel()), material, asked, qrels, progress)
    return _examples(seen, FusionSpec())


def _examples(seen: Sequence[_Seen], fusion: FusionSpec) -> Examples:
    return tuple((each.features, each.gain(fusion)) for each in seen if each.features is not None)


def _gated_gain(seen: Sequence[_Seen], fusion: FusionSpec, start: Gate) -> float:
    """nDCG@10 won with a gate that is learned on the other folds, summed over the queries."""
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


# ------------------------------------------------------------------ relations


def answered(searcher: Searcher, material: Material, progress: Progress | None = None) -> dict[str, Answered]:
    """Train query → the steps that lead from the entity it names to its relevant documents, where there are such."""
    knowledge = searcher.knowledge
    assert knowledge is not None  # noqa: S101 - see learned
    if not knowledge.walks or not knowledge.spec.documents or knowledge.spec.document_types:
        return {}  # no walk leads to a document's node
    answers: dict[str, Answered] = {}
    names = material.sampled(material.train, MOST_QUESTIONS)
    for done, name in enumerate(names, 1):
        wanted = {node for node, gain in material.train[name].items() if gain > 0}
        found = _answered(searcher, knowledge, material.queries[name], wanted)
        if found is not None:
            answers[name] = found
        if progress:
            progress("relations", done, len(names))
    return answers


def _answered(searcher: Searcher, knowledge: Knowledge, text: str, wanted: set[str]) -> Answered | None:
    try:
        query = searcher.understanding.terms(check_text(text, "query"))
    except QueryError:
        return None
    if searcher.understanding.encoder is not None:
        query = searcher.understanding.vector(query)
    mentions = sorted(knowledge.linker.link(query.text, query.vector).mentions, key=lambda m: -m.probability)
    nodes = {knowledge.spec.documents.replace("{id}", document) for document in wanted}
    for mention in mentions:
        (seed,) = knowledge.snapshot.ids(np.array([mention.entity], np.int64))
        table = knowledge.store.neighbourhood([seed], replace(knowledge.policy.walk, hops=1), Deadline())
        reached: dict[Step, set[str]] = {}
        for relation, outgoing, far in zip(table.relation, table.outgoing, table.far, strict=True):
            step = Step(table.relations[int(relation)], bool(outgoing))
            reached.setdefault(step, set()).add(table.nodes[int(far)])
        shares = {step: 2 * len(to & nodes) / (len(to) + len(nodes)) for step, to in reached.items()}
        best = max(shares.values(), default=0.0)
        if best >= _LEAST_SHARE:
            good = {step: share for step, share in shares.items() if share >= best - 0.05}
            return Answered(remainder(query.text, [(mention.start, mention.end)]), good)
    return None


# ------------------------------------------------------------------ weights and gate


@dataclass(frozen=True, slots=True)
class _Seen:
    """One judged query: its documents without and with the graph, and what the gate would see (None: no entity)."""

    without: Judged
    with_graph: Judged
    features: Floats | None
    before: FusionSpec = field(default_factory=FusionSpec)

    def gain(self, fusion: FusionSpec) -> float:
        """nDCG@10 that the graph wins."""
        after = ndcg(FUSIONS[fusion.method](self.with_graph.found, fusion).sum(axis=0), self.with_graph)
        return after - ndcg(FUSIONS[self.before.method](self.without.found, self.before).sum(axis=0), self.without)


def _watched(
    searcher: Searcher, material: Material, names: Sequence[str], qrels: Qrels, progress: Progress | None
) -> Iterator[_Seen]:
    others = tuple(name for name in searcher.sources if name != "graph")
    for done, name in enumerate(names, 1):
        # One that search refuses (empty, too long) shows nothing.
        with suppress(QueryError):
            yield _seen(searcher, material.queries[name], qrels[name], others)
        if progress:
            progress("weights and gate", done, len(names))


def _seen(searcher: Searcher, text: str, judged: Mapping[str, int], others: tuple[str, ...]) -> _Seen:
    without = example(searcher, text, judged, DEPTH, others, None)
    pool, trace = searcher.traced(text, DEPTH, expand="auto")
    gains = np.array([judged.get(document, 0) for document in searcher.store.ids(pool.documents)], np.float64)
    ideal = sorted((float(gain) for gain in judged.values()), reverse=True)
    parts = {part.what: float(part.detail["value"]) for part in (trace.graph.parts if trace.graph else ())}
    features = np.array([parts[feature] for feature in FEATURES], np.float64) if parts else None
    return _Seen(without, Judged(pool.found, gains, ideal), features, searcher.fusion)
