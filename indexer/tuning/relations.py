"""Learn which relations questions ask for, from train queries, the entities they name and their relevant documents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from clew.core.errors import QueryError
from clew.core.types import Deadline
from clew.kg.relations import Path, RelationModel, Step, path_key, remainder
from clew.kg.types import EdgeTable
from clew.search.graph_reports import check_text

if TYPE_CHECKING:
    from clew.search.graph_retriever import GraphRetriever
    from clew.search.pipeline import Searcher

# A question asks for a step if the F1 of the entities that it reaches against the question's answers is at least this.
LEAST_F1 = 0.3
# Steps whose F1 is at most this much below the best one count too.
NEAR_BEST = 0.05
# A path of two steps is learned from at least so many questions, because some path leads to any answer by chance.
_LEAST_QUESTIONS = 2


@dataclass(frozen=True, slots=True)
class Answered:
    """One question to learn from.

    rest: stems of its words outside the mention. paths: step or path → F1 against the answers (above 0, at most 1).
    """

    rest: tuple[str, ...]
    paths: Mapping[Path, float]


def learn(examples: Iterable[Answered]) -> RelationModel:
    """Count the words of questions with known answers, for each step and path and in total."""
    found = list(examples)
    asked = Counter(path for example in found for path in example.paths)
    per_step: dict[str, dict[str, float]] = {}
    everywhere: Counter[str] = Counter()
    questions = 0
    for example in found:
        paths = {path: f1 for path, f1 in example.paths.items() if len(path) == 1 or asked[path] >= _LEAST_QUESTIONS}
        if not paths:
            continue
        questions += 1
        everywhere.update(example.rest)
        total = sum(paths.values())
        for path, share in paths.items():
            counts = per_step.setdefault(path_key(path), {})
            for word in example.rest:
                # The shares of one question add up to 1.
                counts[word] = counts.get(word, 0.0) + share / total
    rounded = {key: {w: round(n, 3) for w, n in sorted(c.items())} for key, c in sorted(per_step.items())}
    return RelationModel(rounded, dict(sorted(everywhere.items())), questions)


def steps_to_answers(
    searcher: Searcher, graph_retriever: GraphRetriever, text: str, wanted: set[str]
) -> Answered | None:
    """Return the steps that lead from an entity that a question names to the relevant documents of the question.

    If no single step does, the paths of two steps that do, where the policy walks two hops. wanted: ids of the relevant
    documents. Returns None if search rejects the question, if no entity is found in it, or if no path leads to the
    documents.
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
        hops = min(graph_retriever.policy.hops, 2)
        table = graph_retriever.store.neighbourhood([seed], replace(graph_retriever.policy.walk, hops=hops), Deadline())
        for reached in (one_step, _two_steps):
            shares = {path: 2 * len(to & nodes) / (len(to) + len(nodes)) for path, to in reached(table).items()}
            best = max(shares.values(), default=0.0)
            if best >= LEAST_F1:
                good = {path: share for path, share in shares.items() if share >= best - NEAR_BEST}
                return Answered(remainder(query.text, [(mention.start, mention.end)]), good)
    return None


def one_step(table: EdgeTable) -> dict[Path, set[str]]:
    """Return step → the entities that it leads to from the seed, the only one of the walk."""
    reached: dict[Path, set[str]] = {}
    for step, near, far in _edges(table):
        if table.hops[near] == 0:
            reached.setdefault((step,), set()).add(table.nodes[far])
    return reached


def _two_steps(table: EdgeTable) -> dict[Path, set[str]]:
    """Return path of two steps → the entities that it leads to from the seed, without the seed."""
    onward: dict[int, list[tuple[Step, int]]] = {}
    for step, near, far in _edges(table):
        if table.hops[far] > 0:
            onward.setdefault(near, []).append((step, far))
    reached: dict[Path, set[str]] = {}
    for first, near, middle in _edges(table):
        if table.hops[near] == 0 and table.hops[middle] > 0:
            for second, far in onward.get(middle, ()):
                reached.setdefault((first, second), set()).add(table.nodes[far])
    return reached


def _edges(table: EdgeTable) -> Iterator[tuple[Step, int, int]]:
    for relation, outgoing, near, far in zip(
        table.relation.tolist(), table.outgoing.tolist(), table.near.tolist(), table.far.tolist(), strict=True
    ):
        yield Step(table.relations[relation], outgoing), near, far
