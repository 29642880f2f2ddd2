"""Judged queries as the gate of a release."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from clew.core.errors import NotFoundError, QualityError
from indexer.spec import QualitySpec

if TYPE_CHECKING:
    from search.pipeline import Searcher

GATE = "nDCG@10"
_DEPTH = 100


@dataclass(frozen=True, slots=True)
class Judged:
    """Queries and their judgements."""

    queries: Mapping[str, str]
    qrels: Mapping[str, Mapping[str, int]]


def read_judged(spec: QualitySpec) -> Judged:
    """The judged queries of a spec. Raises NotFoundError, DataError (file and line)."""
    from clew.core.measures.judged import open_queries

    folder = Path(spec.queries)
    if not folder.is_dir():
        raise NotFoundError(f"[quality] queries: no folder {folder}", "it holds queries.jsonl and qrels/<split>.tsv")
    judged = open_queries(folder)
    return Judged(judged.queries, judged.qrels(spec.split, None))


def measure(searcher: Searcher, judged: Judged) -> dict[str, float]:
    """Measures of a version on the judged queries (0 to 1), by the measure's name."""
    from clew.core.measures import evaluate

    run = {}
    for query in judged.qrels:
        ids, scores = searcher.rank(judged.queries[query], _DEPTH)
        run[query] = dict(zip(ids, map(float, scores), strict=True))
    return dict(evaluate(judged.qrels, run).means)


def not_indexed(searcher: Searcher, judged: Judged) -> list[str]:
    """Relevant documents that the version does not hold."""
    wanted = {name for grades in judged.qrels.values() for name, grade in grades.items() if grade > 0}
    return sorted(name for name in wanted if searcher.store.find(name) is None)


def gate(found: Mapping[str, float], live: Mapping[str, float], spec: QualitySpec) -> None:
    """Refuse a version that is worse than allowed. Raises QualityError with both figures."""
    value = found[GATE]
    hint = "find out what changed, or publish it all the same with --force"
    if value < spec.minimum:
        raise QualityError(f"{GATE} is {value:.4f} on the judged queries, [quality] minimum is {spec.minimum}", hint)
    before = live.get(GATE)
    if before is not None and value < before - spec.max_drop:
        raise QualityError(
            f"{GATE} fell from {before:.4f} (live release) to {value:.4f}, [quality] max_drop is {spec.max_drop}", hint
        )
