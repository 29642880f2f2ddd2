"""Read the judged queries of a spec and measure a version on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from clew.core.errors import NotFoundError, QualityError, StageUnavailable
from clew.core.measures.evaluation import Evaluation, evaluate, judged_queries
from clew.core.progress import Progress, Silent
from clew.indexer.spec import QualitySpec
from clew.search.identical_ids import IdenticalIds, own_document, without_own

if TYPE_CHECKING:
    from clew.search.pipeline import Searcher

GATE = "nDCG@10"
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


def measure(searcher: Searcher, judged: Judged, progress: Progress | None = None) -> Evaluation:
    """Measure a version on the judged queries, with the ranking that it serves but without a time budget.

    Raises QualityError that names the query and the stage if a stage did not run, because the measure would then be
    that of another system.
    """
    progress = progress or Silent()
    run = {}
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
    return evaluate(judged.qrels, run)


def not_indexed(searcher: Searcher, judged: Judged) -> list[str]:
    """Return the ids of the relevant documents that are not in the version, sorted."""
    wanted = {name for grades in judged.qrels.values() for name, grade in grades.items() if grade > 0}
    return sorted(name for name in wanted if searcher.store.find(name) is None)
