"""Compare a candidate with a release that uses other models: both are measured on the same judged queries.

Bi-encoder and cross-encoder are compared as a pair. Non-inferior means a mean difference in nDCG@10 of at least -.005
with the lower end of its 95 % interval at -.01 or above. With fewer than 200 queries the interval is wide, so that
non-inferior means a mean difference of -.01 or above; the interval is then shown together with the smallest difference
that so few queries can detect.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clew.core.errors import QualityError
from clew.core.measures.evaluation import Evaluation
from clew.core.measures.significance import (
    NON_INFERIOR_LOW,
    NON_INFERIOR_MEAN,
    Comparison,
    compare,
    non_inferior,
)
from clew.core.progress import Progress
from clew.indexer.releases.judged import GATE, Judged, Measured, measure
from clew.indexer.releases.live import Live
from clew.indexer.releases.override import GateFailure
from clew.search.versions import IndexFolder

if TYPE_CHECKING:
    from clew.search.pipeline import Searcher

FEW_QUERIES = 200
FEW_MEAN = -0.01
_FIGURES = ("before", "after", "difference", "low", "high", "won", "lost", "queries")


@dataclass(frozen=True, slots=True)
class Compared:
    """A comparison with a release: the record that a version's report stores, what counted, and the release's run."""

    record: dict[str, Any]
    counted: Mapping[str, Mapping[str, int]]
    baseline: Measured


def compare_with_release(
    candidate: Evaluation, judged: Judged, release: Live, folder: IndexFolder, home: Path, progress: Progress
) -> Compared:
    """Compare a measured candidate with a published release.

    A query counts only if the release contains a relevant document for it, because otherwise the release could not
    find any. Raises the errors of opening the release, and QualityError if no query counts or a stage of the release
    did not run.
    """
    from clew.search.assemble import open_version

    searcher = open_version(folder, release.version, home, release.release)
    try:
        counted = {name: judged.qrels[name] for name in judged.counted if _holds_relevant(searcher, judged.qrels[name])}
        if not counted:
            raise QualityError(
                "it contains no document that is relevant to a judged query", "add judged queries for its documents"
            )
        progress.start("compare", len(counted))
        baseline = measure(searcher, Judged(judged.queries, counted, judged.identical_ids), progress)
    finally:
        searcher.close()
    after = {query: candidate.per_query[GATE][query] for query in counted}
    found = compare(after, baseline.evaluation.per_query[GATE])
    record = {
        "release": release.release.id,
        "encoder": release.version.encoder.get("model"),
        "reranker": release.release.reranker.get("model"),
        "measure": GATE,
        "queries": len(counted),
        "before": baseline.evaluation.means[GATE],
        "after": sum(after.values()) / len(after),
        "difference": found.difference,
        "low": found.low,
        "high": found.high,
        "won": found.wins,
        "lost": found.losses,
        "tied": found.ties,
        "detectable": found.detectable,
        "non_inferior": is_non_inferior(found),
    }
    return Compared(record, counted, baseline)


def measure_release(release: Live, judged: Judged, folder: IndexFolder, home: Path, progress: Progress) -> Measured:
    """Measure a published release on the judged queries. Raises the errors of opening it, and QualityError."""
    from clew.search.assemble import open_version

    searcher = open_version(folder, release.version, home, release.release)
    try:
        progress.start("compare", len(judged.counted))
        return measure(searcher, judged, progress)
    finally:
        searcher.close()


def required_mean(queries: int) -> float:
    """Return the lowest mean difference that counts as non-inferior, for so many queries."""
    return FEW_MEAN if queries < FEW_QUERIES else NON_INFERIOR_MEAN


def is_non_inferior(found: Comparison) -> bool:
    """Return whether a candidate is as good as the release that it would replace, by the rule above."""
    if found.wins + found.losses + found.ties < FEW_QUERIES:
        return found.difference >= FEW_MEAN
    return non_inferior(found)


def describe_comparison(record: Mapping[str, Any]) -> str:
    """Describe a stored comparison in one line."""
    line = (
        f"{record['measure']} is {record['after']:.4f}, that of release {record['release']} is {record['before']:.4f}: "
        f"difference {record['difference']:+.4f}, 95 % interval {record['low']:+.4f} to {record['high']:+.4f}, "
        f"{record['won']} won and {record['lost']} lost of {record['queries']:,} queries"
    )
    few = record["queries"] < FEW_QUERIES
    return f"{line}, which can detect a difference of {record['detectable']:.4f}" if few else line


def inferior(record: Mapping[str, Any]) -> list[GateFailure]:
    """Return the gate failure of a candidate that a comparison found inferior; empty if it is non-inferior."""
    if record["non_inferior"]:
        return []
    few = record["queries"] < FEW_QUERIES
    required = f"a difference of at least {required_mean(record['queries']):g}"
    required += "" if few else f", with the lower end of the interval at least {NON_INFERIOR_LOW:g},"
    said = f"with other models, {describe_comparison(record)}; {required} is required"
    hint = f"use the models of release {record['release']}, or train the new ones further"
    return [GateFailure("non_inferior", said, hint, {name: record[name] for name in _FIGURES})]


def _holds_relevant(searcher: Searcher, grades: Mapping[str, int]) -> bool:
    return any(grade > 0 and searcher.store.find(name) is not None for name, grade in grades.items())
