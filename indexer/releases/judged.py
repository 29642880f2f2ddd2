"""Read the judged queries of a spec and measure a version on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from clew.core.errors import NotFoundError, QualityError, StageUnavailable
from clew.core.measures.evaluation import Evaluation, evaluate, judged_queries
from clew.core.measures.runs import Run
from clew.core.measures.unjudged import bounds, condensed_ndcg, weights
from clew.core.progress import Progress, Silent
from clew.indexer.spec import QualitySpec
from clew.search.identical_ids import IdenticalIds, own_document, without_own

if TYPE_CHECKING:
    from clew.search.pipeline import Searcher

GATE = "nDCG@10"
CONDENSED, LOWEST, HIGHEST = "condensed nDCG@10", "lowest nDCG@10", "highest nDCG@10"
_DEPTH = 100


@dataclass(frozen=True, slots=True)
class Judged:
    """Queries (id → text) and their qrels (query id → document id → grade).

    identical_ids: whether a document with the query's id is left out.
    """

    queries: Mapping[str, str]
    qrels: Mapping[str, Mapping[str, int]]
    identical_ids: IdenticalIds = "auto"

    @property
    def counted(self) -> list[str]:
        """Ids of the queries that have a relevant document; other queries cannot be measured."""
        return judged_queries(self.qrels)


def read_judged(spec: QualitySpec) -> Judged:
    """Read the judged queries of a spec. Raises NotFoundError, DataError (file and line)."""
    from clew.core.measures.judged import open_queries

    folder = Path(spec.queries)
    if not folder.is_dir():
        raise NotFoundError(
            f"[quality] queries: the folder {folder} does not exist",
            "set it to a folder with queries.jsonl and qrels/<split>.tsv",
        )
    judged = open_queries(folder)
    return Judged(judged.queries, judged.qrels(spec.split, None), spec.identical_ids)


@dataclass(frozen=True, slots=True)
class Measured:
    """The measures of a version.

    run: query → document → score, best first. with_unjudged: means of condensed nDCG@10 and of the lowest and highest
    nDCG@10 that judgements of the unjudged documents among the first ten would give.
    """

    evaluation: Evaluation
    run: Run
    with_unjudged: Mapping[str, float]

    @property
    def means(self) -> dict[str, float]:
        """The means by measure, those of the evaluation first."""
        return {**self.evaluation.means, **self.with_unjudged}

    @property
    def ranked(self) -> dict[str, list[str]]:
        """Query → documents, best first."""
        return {query: list(found) for query, found in self.run.items()}


def measure(searcher: Searcher, judged: Judged, progress: Progress | None = None) -> Measured:
    """Measure a version on the judged queries, with the ranking that it serves but without a time budget.

    Raises QualityError that names the query and the stage if a stage did not run, because the measure would then be
    that of another system.
    """
    progress = progress or Silent()
    run: Run = {}
    for query in judged.counted:
        text = judged.queries[query]
        own = own_document(searcher.store, query, text, judged.identical_ids, judged.qrels[query])
        try:
            ids, scores = searcher.rank(text, _DEPTH if own is None else _DEPTH + 1)
        except StageUnavailable as error:
            raise QualityError(
                f"judged query {query!r} cannot be measured because a stage did not run: {error.message}",
                f"{error.hint or 'make the stage available'}, then build again: measuring needs every stage",
            ) from error
        run[query] = without_own(ids, scores, own, _DEPTH)
        progress.advance(1)
    return Measured(evaluate(judged.qrels, run), run, _with_unjudged(judged, run))


def _with_unjudged(judged: Judged, run: Run) -> dict[str, float]:
    """Return the means of condensed nDCG@10 and of both bounds of nDCG@10 (see `clew.core.measures.unjudged`)."""
    gains = {name: {doc: max(grade, 0) for doc, grade in judged.qrels[name].items()} for name in judged.counted}
    highest = max(gain for each in gains.values() for gain in each.values())
    ends = [bounds(weights(list(run[name])), each, highest) for name, each in gains.items()]
    condensed = sum(condensed_ndcg(run[name], each) for name, each in gains.items())
    sums = {CONDENSED: condensed, LOWEST: sum(low for low, _ in ends), HIGHEST: sum(high for _, high in ends)}
    return {name: total / len(gains) for name, total in sums.items()}


def not_indexed(searcher: Searcher, judged: Judged) -> list[str]:
    """Return the ids of the relevant documents that are not in the version, sorted."""
    wanted = {name for grades in judged.qrels.values() for name, grade in grades.items() if grade > 0}
    return sorted(name for name in wanted if searcher.store.find(name) is None)
