"""Judged queries as the gate of a release.

With the models of the live release a version may fall by `max_drop`; with others it has to be non-inferior, query by
query (`indexer/comparison.py`). A stage that did not run is an error: neither a zero nor a lower figure is made of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from clew.core.errors import NotFoundError, QualityError, StageUnavailable
from clew.core.measures.evaluation import Evaluation, evaluate, judged_queries
from clew.core.progress import Progress, Silent
from clew.indexer.live import Models
from clew.indexer.spec import QualitySpec

if TYPE_CHECKING:
    from clew.search.pipeline import Searcher

GATE = "nDCG@10"
_DEPTH = 100

Rule = Literal["minimum", "max_drop", "non_inferior", "not_compared"]


@dataclass(frozen=True, slots=True)
class Judged:
    """Queries and their judgements."""

    queries: Mapping[str, str]
    qrels: Mapping[str, Mapping[str, int]]

    @property
    def counted(self) -> list[str]:
        """Queries that have a relevant document; no other can be measured."""
        return judged_queries(self.qrels)


@dataclass(frozen=True, slots=True)
class Objection:
    """What speaks against a version. said: in one line, with the figures; mend: what to do about it."""

    rule: Rule
    said: str
    mend: str
    figures: Mapping[str, float] = field(default_factory=dict)

    def as_table(self) -> dict[str, Any]:
        """As a release keeps it."""
        return {"rule": self.rule, "said": self.said, **self.figures}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the judged queries say of a version.

    relevance: means by measure (0 to 1). models: of the version. comparison: with a release of other models, empty
    where there was none to compare with. against: id of that release, where the version is inferior to it.
    """

    relevance: Mapping[str, float] = field(default_factory=dict)
    models: Models = ("", "")
    comparison: Mapping[str, Any] = field(default_factory=dict)
    objections: tuple[Objection, ...] = ()
    against: str = ""

    @property
    def rules(self) -> frozenset[str]:
        """Names of the rules that speak against it."""
        return frozenset(objection.rule for objection in self.objections)

    @property
    def why_good(self) -> str:
        """Why nothing speaks against it."""
        return "nothing speaks against this release" if self.relevance else "[quality] names no queries"


def read_judged(spec: QualitySpec) -> Judged:
    """The judged queries of a spec. Raises NotFoundError, DataError (file and line)."""
    from clew.core.measures.judged import open_queries

    folder = Path(spec.queries)
    if not folder.is_dir():
        raise NotFoundError(f"[quality] queries: no folder {folder}", "it holds queries.jsonl and qrels/<split>.tsv")
    judged = open_queries(folder)
    return Judged(judged.queries, judged.qrels(spec.split, None))


def measure(searcher: Searcher, judged: Judged, progress: Progress | None = None) -> Evaluation:
    """Measures of a version on the judged queries, ranked as it serves them but without a time budget.

    Raises QualityError that names query and stage where a stage did not run.
    """
    progress = progress or Silent()
    run = {}
    for query in judged.counted:
        try:
            ids, scores = searcher.rank(judged.queries[query], _DEPTH)
        except StageUnavailable as reason:
            raise QualityError(
                f"judged query {query!r} cannot be measured, a stage did not run: {reason.message}",
                f"bring it back and build again; {reason.hint or 'without it the figure is that of another system'}",
            ) from reason
        run[query] = dict(zip(ids, map(float, scores), strict=True))
        progress.advance(1)
    return evaluate(judged.qrels, run)


def not_indexed(searcher: Searcher, judged: Judged) -> list[str]:
    """Relevant documents that the version does not hold."""
    wanted = {name for grades in judged.qrels.values() for name, grade in grades.items() if grade > 0}
    return sorted(name for name in wanted if searcher.store.find(name) is None)


def below_minimum(found: Mapping[str, float], spec: QualitySpec) -> list[Objection]:
    """What the least figure that is published says."""
    if found[GATE] >= spec.minimum:
        return []
    said = f"{GATE} is {found[GATE]:.4f} on the judged queries, [quality] minimum is {spec.minimum}"
    return [Objection("minimum", said, "find out what changed", {"after": found[GATE], "minimum": spec.minimum})]


def fallen(found: Mapping[str, float], live: Mapping[str, float], spec: QualitySpec) -> list[Objection]:
    """What the figure of a live release with the same models says; nothing where it has none."""
    before = live.get(GATE)
    if before is None or found[GATE] >= before - spec.max_drop:
        return []
    said = f"{GATE} fell from {before:.4f} (live release) to {found[GATE]:.4f}, [quality] max_drop is {spec.max_drop}"
    figures = {"before": before, "after": found[GATE], "max_drop": spec.max_drop}
    return [Objection("max_drop", said, "find out what changed", figures)]
