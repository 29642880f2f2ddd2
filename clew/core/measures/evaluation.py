"""Measures of a run against judgements, computed by ir-measures (trec_eval's definitions)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clew.core.errors import DataError, unknown_name

# What every report shows. judged@10 is the share of the first ten that somebody judged: where it is low, the other
# figures say little about a system that the judgements were not made for.
MEASURES = ("nDCG@10", "RR@10", "R@100", "AP", "judged@10")


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The measures of one run.

    per_query: measure → query → value (0 to 1). means: measure → mean over those queries. queries: how many have at
    least one relevant document; only those are counted. missing: how many of them the run has no result for; each
    counts 0 in every measure.
    """

    per_query: Mapping[str, Mapping[str, float]]
    means: Mapping[str, float]
    queries: int
    missing: int


def judged_queries(qrels: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Queries with at least one relevant document (gain above 0), in the order of the qrels."""
    return [query for query, judged in qrels.items() if any(gain > 0 for gain in judged.values())]


def evaluate(
    qrels: Mapping[str, Mapping[str, int]],
    run: Mapping[str, Mapping[str, float]],
    measures: Sequence[str] = MEASURES,
) -> Evaluation:
    """Measure a run.

    qrels: query → document → integer gain, 0 or more (see `gained`). run: query → document → score; where scores
    tie, the order of the mapping counts, so that what a user would see is what is measured. measures: names such as
    "nDCG@10", "RR@10", "R@100", "AP", "judged@10". Raises DataError where no query has a relevant document.
    """
    import ir_measures

    parsed = {_parse(name): name for name in measures}
    queries = judged_queries(qrels)
    if not queries:
        raise DataError("no query of the qrels has a relevant document", "check the split, and the gains if given")
    wanted = {query: dict(qrels[query]) for query in queries}
    per_query: dict[str, dict[str, float]] = {name: dict.fromkeys(queries, 0.0) for name in measures}
    answered = {query: by_rank(run[query]) for query in queries if run.get(query)}
    for found in ir_measures.iter_calc(list(parsed), wanted, answered):
        per_query[parsed[found.measure]][found.query_id] = float(found.value)
    means = {name: sum(values.values()) / len(queries) for name, values in per_query.items()}
    return Evaluation(per_query, means, len(queries), len(queries) - len(answered))


def by_rank(scored: Mapping[str, float]) -> dict[str, float]:
    """A result list with its scores replaced by strictly descending ones: n, n-1, …, 1.

    trec_eval sorts by score and breaks ties its own way (and compares in float32), other tools in yet another way;
    with ranks for scores all of them see the order that was given.
    """
    ordered = sorted(scored, key=lambda doc: -scored[doc])
    return {doc: float(len(ordered) - place) for place, doc in enumerate(ordered)}


def _parse(name: str) -> Any:
    """An ir-measures measure by Clew's name for it."""
    import ir_measures

    try:
        return ir_measures.parse_measure(name.replace("judged", "Judged"))
    except (NameError, ValueError, SyntaxError):
        raise unknown_name("measure", name, MEASURES) from None
