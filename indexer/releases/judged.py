"""The judged queries of a spec, and what a version scores on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from clew.core.errors import NotFoundError, QualityError, StageUnavailable
from clew.core.measures.evaluation import Evaluation, evaluate, judged_queries
from clew.core.progress import Progress, Silent
from clew.indexer.spec import QualitySpec

if TYPE_CHECKING:
    from clew.search.pipeline import Searcher

GATE = "nDCG@10"
_DEPTH = 100


@dataclass(frozen=True, slots=True)
class Judged:
    """Queries (id → text) and their judgements (query id → document id → grade)."""

    queries: Mapping[str, str]
    qrels: Mapping[str, Mapping[str, int]]

    @property
    def counted(self) -> list[str]:
        """Ids of the queries that have a relevant document; no others can be measured."""
        return judged_queries(self.qrels)


def read_judged(spec: QualitySpec) -> Judged:
    """Read the judged queries of a spec. Raises NotFoundError, DataError (file and line)."""
    from clew.core.measures.judged import open_queries

    folder = Path(spec.queries)
    if not folder.is_dir():
        raise NotFoundError(
            f"[quality] queries: the folder {folder} does not exist", "it holds queries.jsonl and qrels/<split>.tsv"
        )
    judged = open_queries(folder)
    return Judged(judged.queries, judged.qrels(spec.split, None))


def measure(searcher: Searcher, judged: Judged, progress: Progress | None = None) -> Evaluation:
    """Measure a version on the judged queries, ranked as it serves them but without a time budget.

    Raises QualityError that names query and stage where a stage did not run: the figure would be that of another
    system.
    """
    progress = progress or Silent()
    run = {}
    for query in judged.counted:
        try:
            ids, scores = searcher.rank(judged.queries[query], _DEPTH)
        except StageUnavailable as error:
            raise QualityError(
                f"judged query {query!r} cannot be measured because a stage did not run: {error.message}",
                f"make it available and build again; {error.hint or 'every stage has to run for a valid figure'}",
            ) from error
        run[query] = dict(zip(ids, map(float, scores), strict=True))
        progress.advance(1)
    return evaluate(judged.qrels, run)


def not_indexed(searcher: Searcher, judged: Judged) -> list[str]:
    """List the relevant documents that the version does not hold, by id."""
    wanted = {name for grades in judged.qrels.values() for name, grade in grades.items() if grade > 0}
    return sorted(name for name in wanted if searcher.store.find(name) is None)
