"""Learn which relations questions ask for, from train queries, the entities they name and their relevant documents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from clew.core.errors import QueryError
from clew.core.types import Deadline
from clew.kg.relations import RelationModel, Step, remainder
from clew.search.graph_reports import check_text

if TYPE_CHECKING:
    from clew.search.graph_retriever import GraphRetriever
    from clew.search.pipeline import Searcher

# A question asks for a step if the F1 of the entities that it reaches against the question's answers is at least this.
_LEAST_F1 = 0.3
# Steps whose F1 is at most this much below the best one count too.
_NEAR_BEST = 0.05


@dataclass(frozen=True, slots=True)
class Answered:
    """One question to learn from.

    rest: stems of its words outside the mention. steps: step → F1 against the answers (above 0, at most 1).
    """

    rest: tuple[str, ...]
    steps: Mapping[Step, float]


def learn(examples: Iterable[Answered]) -> RelationModel:
    """Count the words of questions with known answers, for each step and in total."""
    per_step: dict[str, dict[str, float]] = {}
    everywhere: Counter[str] = Counter()
    questions = 0
    for example in examples:
        questions += 1
        everywhere.update(example.rest)
        total = sum(example.steps.values())
        for step, share in example.steps.items():
            counts = per_step.setdefault(step.key, {})
            for word in example.rest:
                # The shares of one question add up to 1.
                counts[word] = counts.get(word, 0.0) + share / total
    rounded = {key: {w: round(n, 3) for w, n in sorted(c.items())} for key, c in sorted(per_step.items())}
    return RelationModel(rounded, dict(sorted(everywhere.items())), questions)


def steps_to_answers(
    searcher: Searcher, graph_retriever: GraphRetriever, text: str, wanted: set[str]
) -> Answered | None:
    """Return the steps that lead from an entity that a question names to the relevant documents of the question.

    wanted: ids of the relevant documents. Returns None if search rejects the question, if no entity is found in it, or
    if no step leads to one of the documents.
    """
    try:
        query = searcher.query_analyzer.terms(check_text(text, "query"))
    except QueryError:
        return None
    if searcher.query_analyzer.encoder is not None:
        query = searcher.query_analyzer.vector(query)
    mentions = sorted(graph_retriever.linker.link(query.text, query.vector).mentions, key=lambda m: -m.probability)
    nodes = {graph_retriever.spec.documents.replace("{id}", document) for document in wanted}
    for mention in mentions:
        (seed,) = graph_retriever.snapshot.ids(np.array([mention.entity], np.int64))
        table = graph_retriever.store.neighbourhood([seed], replace(graph_retriever.policy.walk, hops=1), Deadline())
        reached: dict[Step, set[str]] = {}
        for relation, outgoing, far in zip(table.relation, table.outgoing, table.far, strict=True):
            step = Step(table.relations[int(relation)], bool(outgoing))
            reached.setdefault(step, set()).add(table.nodes[int(far)])
        shares = {step: 2 * len(to & nodes) / (len(to) + len(nodes)) for step, to in reached.items()}
        best = max(shares.values(), default=0.0)
        if best >= _LEAST_F1:
            good = {step: share for step, share in shares.items() if share >= best - _NEAR_BEST}
            return Answered(remainder(query.text, [(mention.start, mention.end)]), good)
    return None
