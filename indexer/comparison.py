"""A candidate with other models beside the release it would replace: both answer the same judged queries.

Bi-encoder and cross-encoder are judged as a pair. Non-inferior is a mean difference in nDCG@10 of at least -.005 with
the lower end of its 95 % interval at -.01 or above; with fewer than 200 queries, whose intervals are wide, a mean of
-.01 or above, and the interval is shown with the smallest difference that so many can show.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clew.core.errors import ClewError, QualityError
from clew.core.measures.evaluation import Evaluation
from clew.core.measures.significance import (
    NON_INFERIOR_LOW,
    NON_INFERIOR_MEAN,
    Comparison,
    compare,
    non_inferior,
)
from clew.core.progress import Progress, Silent
from clew.indexer.live import Live, Models, models_of
from clew.indexer.quality import GATE, Judged, Objection, Verdict, below_minimum, fallen, measure
from clew.indexer.spec import QualitySpec
from clew.search.versions import IndexFolder

if TYPE_CHECKING:
    from clew.search.pipeline import Searcher

FEW_QUERIES = 200
FEW_MEAN = -0.01
_FIGURES = ("before", "after", "difference", "low", "high", "won", "lost", "queries")


def judge(
    searcher: Searcher,
    judged: Judged,
    spec: QualitySpec,
    folder: IndexFolder,
    home: Path,
    live: Live | None,
    unread: str = "",
    progress: Progress | None = None,
) -> Verdict:
    """What the judged queries say of an opened candidate.

    live: the live release, None where nothing is live or where it cannot be read, and `unread` says why. Raises
    QualityError where a stage of the candidate did not run.
    """
    progress = progress or Silent()
    measured = measure(searcher, judged, progress)
    found, models = measured.means, models_of(searcher.version, searcher.release)
    objections = below_minimum(found, spec)
    if live is None:
        objections += [_not_compared("the live release cannot be read", unread, "")] if unread else []
        return Verdict(found, models, {}, tuple(objections))
    if live.models == models:
        objections += fallen(found, live.version.relevance, spec)
    name = opponent_id(folder, live, models)
    if not name:
        return Verdict(found, models, {}, tuple(objections))
    try:
        record = beside(measured, judged, Live.of(folder, name), folder, home, progress)
    except ClewError as error:
        # Whatever it lacks, there is no figure to compare with; the build can go on only by an override.
        lost = _not_compared(f"release {name} cannot be measured beside this one", error.message, error.hint)
        return Verdict(found, models, {}, (*objections, lost))
    inferior = _inferior(record)
    return Verdict(found, models, record, (*objections, *inferior), name if inferior else "")


def opponent_id(folder: IndexFolder, live: Live, models: Models) -> str:
    """The release with other models that a candidate is held against; "" where there is none.

    It is the live one, or, where an override let that through, the one it was found inferior to: what is excused does
    not become the measure of what comes next.
    """
    before = str(live.release.override.get("against", ""))
    if before:
        try:
            same = Live.of(folder, before).models == models
        except ClewError:
            same = False  # it is met again, and named, where it is to be measured
        if not same:
            return before
    return live.release.id if live.models != models else ""


def beside(
    candidate: Evaluation, judged: Judged, release: Live, folder: IndexFolder, home: Path, progress: Progress
) -> dict[str, Any]:
    """The comparison of a measured candidate with a published release, as a version's report keeps it.

    A query counts where the release holds a relevant document of it: it could not have found any other. Raises what
    opening it raises, and QualityError where none of the queries counts or a stage of the release did not run.
    """
    from clew.search.assemble import open_version

    searcher = open_version(folder, release.version, home, release.release)
    try:
        counted = {name: judged.qrels[name] for name in judged.counted if _holds_relevant(searcher, judged.qrels[name])}
        if not counted:
            raise QualityError("it holds no relevant document of any judged query", "judge queries on its documents")
        progress.start("compare", len(counted))
        theirs = measure(searcher, Judged(judged.queries, counted), progress)
    finally:
        searcher.close()
    ours = {query: candidate.per_query[GATE][query] for query in counted}
    found = compare(ours, theirs.per_query[GATE])
    return {
        "release": release.release.id,
        "encoder": release.version.encoder.get("model"),
        "reranker": release.release.reranker.get("model"),
        "measure": GATE,
        "queries": len(counted),
        "before": theirs.means[GATE],
        "after": sum(ours.values()) / len(ours),
        "difference": found.difference,
        "low": found.low,
        "high": found.high,
        "won": found.wins,
        "lost": found.losses,
        "tied": found.ties,
        "detectable": found.detectable,
        "non_inferior": is_non_inferior(found),
    }


def is_non_inferior(found: Comparison) -> bool:
    """Whether a candidate is as good as the release it would replace."""
    if found.wins + found.losses + found.ties < FEW_QUERIES:
        return found.difference >= FEW_MEAN
    return non_inferior(found)


def told(record: Mapping[str, Any]) -> str:
    """A comparison in one line."""
    line = (
        f"{record['measure']} is {record['after']:.4f} and that of release {record['release']} {record['before']:.4f}: "
        f"difference {record['difference']:+.4f}, 95 % interval {record['low']:+.4f} to {record['high']:+.4f}, "
        f"{record['won']} won and {record['lost']} lost of {record['queries']:,} queries"
    )
    few = record["queries"] < FEW_QUERIES
    return f"{line}, which can show {record['detectable']:.4f}" if few else line


def _holds_relevant(searcher: Searcher, grades: Mapping[str, int]) -> bool:
    return any(grade > 0 and searcher.store.find(name) is not None for name, grade in grades.items())


def _inferior(record: Mapping[str, Any]) -> list[Objection]:
    if record["non_inferior"]:
        return []
    few = record["queries"] < FEW_QUERIES
    asked = f"{FEW_MEAN:g}" if few else f"{NON_INFERIOR_MEAN:g} with an interval from {NON_INFERIOR_LOW:g} up"
    said = f"with other models {told(record)}; at least {asked} is asked for"
    mend = f"keep the models of release {record['release']}, or train the new ones further"
    return [Objection("non_inferior", said, mend, {name: record[name] for name in _FIGURES})]


def _not_compared(what: str, why: str, hint: str) -> Objection:
    return Objection("not_compared", f"{what}: {why}", hint or "bring back what is missing")
