"""Learn the calibration of an index's reranker from dev queries."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from clew.core.errors import DataError, QueryError
from clew.core.measures.evaluation import judged_queries
from clew.core.measures.runs import Qrels
from clew.core.progress import Progress
from clew.core.types import Bools, Deadline, Floats, Ints
from clew.indexer.tuning.calibration import leads_by_query, learn, learn_expected_relevant
from clew.search.identical_ids import IdenticalIds, own_document, pool_without
from clew.search.profile import load_profile
from clew.search.rerank.stage import CHUNK
from clew.search.types import SearchRequest

if TYPE_CHECKING:
    from clew.search.pipeline import Searcher
    from clew.search.rerank.calibration import Calibration

# Enough to fit a few coefficients; more queries take time, about a second each, and do not improve the result.
MOST_QUERIES = 200


@dataclass(frozen=True, slots=True)
class Scored:
    """Candidates of judged queries with their scores.

    scores, fused: (n,) float64 cross-encoder scores, and priors (`FusedCandidates.prior`). relevant: (n,) bool. query:
    (n,) int64 number of each candidate's query, 0 to queries - 1.
    """

    scores: Floats
    fused: Floats
    relevant: Bools
    query: Ints
    queries: int

    def log_odds(self, calibration: Calibration) -> Floats:
        """Return (n,) float64 log-odds of the candidates, each compared with the others of its query."""
        evidence = calibration.evidence(self.scores, self.fused)
        return evidence + calibration.lead * leads_by_query(evidence, self.query)


@dataclass(frozen=True, slots=True)
class RerankTuned:
    """A calibration before and after tuning, as tables.

    queries, pairs, relevant: numbers of the queries it was learned on, of their candidates, and of the relevant ones.
    """

    before: Mapping[str, Any]
    after: Mapping[str, Any]
    queries: int
    pairs: int
    relevant: int


def learn_rerank(
    searcher: Searcher,
    queries: Mapping[str, str],
    dev: Qrels,
    seed: int = 0,
    progress: Progress | None = None,
    *,
    depth: int | None = None,
    judged_only: bool = False,
    identical_ids: IdenticalIds = "auto",
) -> RerankTuned:
    """Learn the calibration of an index's reranker, regularised towards its present one, and `expected_relevant`.

    searcher: has the fusion that the calibration will be used with. depth: number of documents requested from each
    source (None: as many as in a search). judged_only: use only each query's judged documents as candidates.
    identical_ids: whether a document with the query's id is left out (see `clew.search.identical_ids`). Raises
    DataError if none or all of the candidates are relevant.
    """
    assert searcher.reranker is not None  # noqa: S101 - the caller has checked
    start = searcher.reranker.calibration
    found = scored(
        searcher, queries, dev, seed, progress, depth=depth, judged_only=judged_only, identical_ids=identical_ids
    )
    after = learn(found.scores, found.fused, found.relevant, start, query=found.query)
    evidence = after.evidence(found.scores, found.fused)
    expected = learn_expected_relevant(evidence, found.fused, found.relevant, found.query, CHUNK)
    after = replace(after, expected_relevant=expected)
    return RerankTuned(
        start.as_table(), after.as_table(), found.queries, len(found.scores), int(np.count_nonzero(found.relevant))
    )


def scored(
    searcher: Searcher,
    queries: Mapping[str, str],
    qrels: Qrels,
    seed: int = 0,
    progress: Progress | None = None,
    *,
    most: int | None = MOST_QUERIES,
    depth: int | None = None,
    judged_only: bool = False,
    identical_ids: IdenticalIds = "auto",
) -> Scored:
    """Score the first candidates of at most `most` judged queries (None: all), sampled with the seed.

    depth, judged_only, identical_ids: as in `learn_rerank`. Raises DataError if search accepts none of the queries.
    """
    names = judged_queries(qrels)
    if most is not None and len(names) > most:
        names = random.Random(seed).sample(names, most)  # noqa: S311 - a reproducible choice, no secret
    # The same depth as in a search, because fused scores depend on the other candidates.
    deep = load_profile(SearchRequest(query="").profile).depth if depth is None else depth
    parts: list[tuple[Any, Any, list[bool]]] = []
    for done, name in enumerate(names, 1):
        try:
            among = list(qrels[name]) if judged_only else None
            own = own_document(searcher.store, name, queries[name], identical_ids, qrels[name])
            scores, fused, ids = _candidates(searcher, queries[name], deep, among, own)
        except (QueryError, _UnreadError):  # a query that search rejects (empty, too long), or that is not read
            continue
        parts.append((scores, fused, [qrels[name].get(document, 0) > 0 for document in ids]))
        if progress:
            progress("reranking", done, len(names))
    if not parts:
        raise DataError(
            "the reranker could not score candidates of any judged query",
            "check the split, the gains if given, and that the reranker reads the language of the queries",
        )
    return Scored(
        np.concatenate([part[0] for part in parts]),
        np.concatenate([part[1] for part in parts]),
        np.concatenate([np.array(part[2], np.bool_) for part in parts]),
        np.repeat(np.arange(len(parts), dtype=np.int64), [len(part[2]) for part in parts]),
        len(parts),
    )


class _UnreadError(Exception):
    """The reranker does not read the language of a query."""


def _candidates(
    searcher: Searcher, text: str, depth: int, among: list[str] | None, own: str | None
) -> tuple[Floats, Floats, list[str]]:
    """Rerank a query's candidates without its own document; return (scores, fused scores, ids) of the scored ones."""
    reranker = searcher.reranker
    assert reranker is not None  # noqa: S101 - see learn_rerank
    found = searcher.pool(text, max(depth, reranker.spec.top, len(among or ())) + (own is not None), among=among)
    pool = pool_without(found, searcher.store, own)
    ordering = reranker.exhaustive().rerank(text, pool, searcher.store, Deadline())
    if ordering.stopped == "unread":
        raise _UnreadError
    places = ordering.order[: ordering.reached]
    return ordering.scores[places], ordering.pool.prior[places], searcher.store.ids(pool.documents[places])
