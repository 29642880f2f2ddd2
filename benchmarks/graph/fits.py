"""Fit the weights with which a relation's fit to a question adds up: `clew bench graph DIR --fits`.

A question chooses among the steps of the entity that it names. The weights of the cosine and of the learned
log-likelihood in `clew.kg.relations` are those of a conditional logit (McFadden 1974): they maximise the probability
of the steps that lead to the relevant documents of train questions. The log-likelihood of a question is learned on the
other half of the questions. Questions whose entity has one step only, or only right ones, say nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from clew.benchmarks.data.datasets import Dataset
from clew.benchmarks.graph.measure import GraphOptions, material, open_graph
from clew.core.errors import DataError, QueryError
from clew.core.types import Bools, Deadline, Floats
from clew.indexer.tuning.relations import LEAST_F1, NEAR_BEST, Answered, learn, one_step
from clew.kg.relations import Step, remainder
from clew.search.graph_reports import check_text

if TYPE_CHECKING:
    from clew.search.pipeline import Searcher

# More questions change the second decimal only.
MOST_QUESTIONS = 2_000


@dataclass(frozen=True, slots=True)
class Choice:
    """The steps of the entity that a question names.

    steps: n steps. cosines: (n,) float64, of the relations' names, in deviations. right: (n,) bool. answered: what is
    learned from the question.
    """

    steps: tuple[Step, ...]
    cosines: Floats
    right: Bools
    answered: Answered


def choices(searcher: Searcher, questions: Sequence[tuple[str, set[str]]]) -> Iterator[Choice]:
    """Yield the choice of each question that names an entity with right and wrong steps.

    questions: texts, each with the ids of its relevant documents. Right are the steps that relations are learned from.
    """
    retriever = searcher.graph_retriever
    assert retriever is not None  # noqa: S101 - opened with a graph
    for text, wanted in questions:
        try:
            query = searcher.query_analyzer.vector(searcher.query_analyzer.terms(check_text(text, "query")))
        except QueryError:
            continue
        nodes = {retriever.spec.documents.replace("{id}", document) for document in wanted}
        mentions = retriever.linker.link(query.text, query.vector).mentions
        for mention in sorted(mentions, key=lambda each: -each.probability):
            (seed,) = retriever.snapshot.ids(np.array([mention.entity], np.int64))
            around = retriever.store.neighbourhood([seed], replace(retriever.policy.walk, hops=1), Deadline())
            reached = one_step(around)
            shares = {path[0]: 2 * len(to & nodes) / (len(to) + len(nodes)) for path, to in reached.items()}
            best = max(shares.values(), default=0.0)
            if best < LEAST_F1:
                continue
            right = np.array([share >= best - NEAR_BEST for share in shares.values()])
            if not right.all():
                cosines = np.array(retriever.cosines(query, [step.relation for step in shares]))
                good: dict[tuple[Step, ...], float] = {
                    (step,): share for step, share in shares.items() if share >= best - NEAR_BEST
                }
                rest = remainder(query.text, [(mention.start, mention.end)])
                yield Choice(tuple(shares), cosines, right, Answered(rest, good))
            break


class Weights(NamedTuple):
    """The weights in log-odds.

    cosine: of the cosine alone, in deviations; cosine_learned, likelihood: where a model is learned. questions: how
    many they were fitted on.
    """

    cosine: float
    cosine_learned: float
    likelihood: float
    questions: int


def fitted(found: Sequence[Choice]) -> Weights:
    """Return the weights that make the right steps most probable. Raises DataError if no question says anything."""
    if not found:
        raise DataError(
            "no train question names an entity with steps to its answers and others",
            "--fits needs a data set whose documents are entities of its graph",
        )
    halves = [learn(choice.answered for choice in found[1 - half :: 2]) for half in (0, 1)]
    tables = [
        np.stack([choice.cosines, [halves[at % 2].fit(choice.answered.rest, step) for step in choice.steps]], axis=1)
        for at, choice in enumerate(found)
    ]
    right = [choice.right for choice in found]
    (alone,) = _conditional_logit([table[:, :1] for table in tables], right)
    cosine, likelihood = _conditional_logit(tables, right)
    return Weights(round(alone, 2), round(cosine, 2), round(likelihood, 2), len(found))


def _conditional_logit(tables: Sequence[Floats], right: Sequence[Bools]) -> list[float]:
    from scipy.optimize import minimize
    from scipy.special import logsumexp, softmax

    def loss(weights: Floats) -> tuple[float, Floats]:
        total, gradient = 0.0, np.zeros(len(weights))
        for table, meant in zip(tables, right, strict=True):
            odds = table @ weights
            total += float(logsumexp(odds) - logsumexp(odds[meant]))
            gradient += softmax(odds) @ table - softmax(odds[meant]) @ table[meant]
        return total, gradient

    found: list[float] = minimize(loss, np.zeros(tables[0].shape[1]), jac=True, method="L-BFGS-B").x.tolist()
    return found


def weights(dataset: Dataset, home: Path, options: GraphOptions, models: Path | None = None) -> Weights:
    """Fit the weights on the train questions of a data set with a graph. home, models: as in `measure`."""
    searcher = open_graph(dataset, home, options, models)
    try:
        data = material(dataset, options)
        names = data.sampled(data.train, MOST_QUESTIONS)
        wanted = [{node for node, gain in data.train[name].items() if gain > 0} for name in names]
        found = list(choices(searcher, [(data.queries[name], ids) for name, ids in zip(names, wanted, strict=True)]))
    finally:
        searcher.close()
    return fitted(found)
