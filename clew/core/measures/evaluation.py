"""Measure a run against qrels with ir-measures (trec_eval's definitions)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clew.core.errors import DataError, unknown_name

# The measures of every report. judged@10 is the share of the first ten documents that are in the qrels. If it is low,
# the other measures say little about the system, because the qrels were made from other systems' results.
MEASURES = ("nDCG@10", "RR@10", "R@100", "AP", "judged@10")


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The measures of one run.

    per_query: measure → query → value (0 to 1). means: measure → mean over those queries. queries: how many have at
    least one relevant document; only those are evaluated. missing: how many of them have no result in the run; each
    counts as 0 in every measure.
    """

    per_query: Mapping[str, Mapping[str, float]]
    means: Mapping[str, float]
    queries: int
    missing: int


def judged_queries(qrels: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Return the queries with at least one relevant document (gain above 0), in the order of the qrels."""
    return [query for query, judged in qrels.items() if any(gain > 0 for gain in judged.values())]


def evaluate(
    qrels: Mapping[str, Mapping[str, int]],
    run: Mapping[str, Mapping[str, float]],
    measures: Sequence[str] = MEASURES,
) -> Evaluation:
    """Evaluate a run against qrels.

    qrels: query → document → integer gain, 0 or more (see `to_gains`). run: query → document → score; tied
    documents rank in the order of the mapping, so that the ranking a user would see is measured. measures: names such
    as "nDCG@10", "RR@10", "R@100", "AP", "judged@10". Raises DataError if no query has a relevant document.
    """
    import ir_measures

    parsed = {_parse(name): name for name in measures}
    queries = judged_queries(qrels)
    if not queries:
        raise DataError("no query of the qrels has a relevant document", "check the split, and --gains if it was given")
    wanted = {query: dict(qrels[query]) for query in queries}
    per_query: dict[str, dict[str, float]] = {name: dict.fromkeys(queries, 0.0) for name in measures}
    answered = {query: by_rank(run[query]) for query in queries if run.get(query)}
    for found in ir_measures.iter_calc(list(parsed), wanted, answered):
        per_query[parsed[found.measure]][found.query_id] = float(found.value)
    means = {name: sum(values.values()) / len(queries) for name, values in per_query.items()}
    return Evaluation(per_query, means, len(queries), len(queries) - len(answered))


def by_rank(scored: Mapping[str, float]) -> dict[str, float]:
    """Return a result list with its scores replaced by strictly descending ones: n, n-1, …, 1.

    trec_eval sorts by float32 score and breaks ties by its own rule, and other tools use other rules. With these scores
    all of them use the given order.
    """
    ordered = sorted(scored, key=lambda doc: -scored[doc])
    return {doc: float(len(ordered) - place) for place, doc in enumerate(ordered)}


def _parse(name: str) -> Any:
    """Return the measure of ir-measures for Clew's name of it."""
    import ir_measures

    try:
        return ir_measures.parse_measure(name.replace("judged", "Judged"))
    except (NameError, ValueError, SyntaxError):
        raise unknown_name("measure", name, MEASURES) from None
