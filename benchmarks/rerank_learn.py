"""What a reranker's scores are worth on an index: its calibration, learned on dev queries."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clew.core.errors import DataError, QueryError
from clew.core.measures.evaluation import judged_queries
from clew.core.measures.runs import Qrels
from clew.core.types import Bools, Deadline, Floats
from search.rerank.calibration import learn

if TYPE_CHECKING:
    from search.pipeline import Searcher

Progress = Callable[[str, int, int], None]
# Three numbers are settled long before; more only cost time, about a second a query.
MOST_QUERIES = 200


@dataclass(frozen=True, slots=True)
class Scored:
    """What a reranker made of the candidates of queries: (n,) scores, fused scores, and whether each is relevant."""

    scores: Floats
    fused: Floats
    relevant: Bools
    queries: int


@dataclass(frozen=True, slots=True)
class RerankTuned:
    """A calibration before and after. pairs, relevant: what it was learned on; queries: theirs."""

    before: Mapping[str, float]
    after: Mapping[str, float]
    queries: int
    pairs: int
    relevant: int


def learn_rerank(
    searcher: Searcher, queries: Mapping[str, str], dev: Qrels, seed: int = 0, progress: Progress | None = None
) -> RerankTuned:
    """Learn the calibration of an index's reranker, drawn towards the one it has.

    searcher: with the fusion that it will be used with. Raises DataError where no candidate is relevant, or all are.
    """
    assert searcher.reranker is not None  # noqa: S101 - the caller looked
    start = searcher.reranker.calibration
    found = scored(searcher, queries, dev, seed, progress)
    after = learn(found.scores, found.fused, found.relevant, start)
    return RerankTuned(
        start.as_table(), after.as_table(), found.queries, len(found.scores), int(np.count_nonzero(found.relevant))
    )


def scored(
    searcher: Searcher, queries: Mapping[str, str], qrels: Qrels, seed: int = 0, progress: Progress | None = None
) -> Scored:
    """Score the first candidates of judged queries, at most MOST_QUERIES of them, drawn by the seed."""
    names = judged_queries(qrels)
    if len(names) > MOST_QUERIES:
        names = random.Random(seed).sample(names, MOST_QUERIES)  # noqa: S311 - a reproducible choice, no secret
    parts: list[tuple[Any, Any, list[bool]]] = []
    for done, name in enumerate(names, 1):
        try:
            scores, fused, ids = _candidates(searcher, queries[name])
        except QueryError:  # one that search refuses (empty, too long) shows nothing
            continue
        parts.append((scores, fused, [qrels[name].get(document, 0) > 0 for document in ids]))
        if progress:
            progress("reranking", done, len(names))
    if not parts:
        raise DataError("no query to calibrate the reranker on", "check the split, and the gains if given")
    return Scored(
        np.concatenate([part[0] for part in parts]),
        np.concatenate([part[1] for part in parts]),
        np.concatenate([np.array(part[2], np.bool_) for part in parts]),
        len(parts),
    )


def _candidates(searcher: Searcher, text: str) -> tuple[Floats, Floats, list[str]]:
    """(scores, fused scores, ids) of the candidates of a query that are reranked."""
    reranker = searcher.reranker
    assert reranker is not None  # noqa: S101 - see learn_rerank
    pool = searcher.pool(text, reranker.spec.top)
    found = reranker.unhurried().rerank(text, pool, searcher.store, Deadline())
    places = found.order[: found.reached]
    return found.scores[places], pool.totals[places], searcher.store.ids(pool.documents[places])
