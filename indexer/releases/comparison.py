"""Compare a candidate with a release that uses other models: both answer the same judged queries.

Bi-encoder and cross-encoder are judged as a pair. Non-inferior means a mean difference in nDCG@10 of at least -.005
with the lower end of its 95 % interval at -.01 or above. With fewer than 200 queries, whose intervals are wide, it
means a mean difference of -.01 or above; the interval is then shown with the smallest difference that so few queries
can detect.
"""

from __future__ import annotations

from collections.abc import Mapping
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
from clew.indexer.releases.judged import GATE, Judged, measure
from clew.indexer.releases.live import Live
from clew.indexer.releases.override import GateFailure
from clew.search.versions import IndexFolder

if TYPE_CHECKING:
    from clew.search.pipeline import Searcher

FEW_QUERIES = 200
FEW_MEAN = -0.01
_FIGURES = ("before", "after", "difference", "low", "high", "won", "lost", "queries")


def compare_with_release(
    candidate: Evaluation, judged: Judged, release: Live, folder: IndexFolder, home: Path, progress: Progress
) -> dict[str, Any]:
    """Compare a measured candidate with a published release; returns the record that a version's report stores.

    A query counts where the release holds a relevant document for it: it could not have found any other. Raises what
    opening the release raises, and QualityError where no query counts or a stage of the release did not run.
    """
    from clew.search.assemble import open_version

    searcher = open_version(folder, release.version, home, release.release)
    try:
        counted = {name: judged.qrels[name] for name in judged.counted if _holds_relevant(searcher, judged.qrels[name])}
        if not counted:
            raise QualityError(
                "it holds no relevant document of any judged query", "judge queries on documents that it holds"
            )
        progress.start("compare", len(counted))
        baseline = measure(searcher, Judged(judged.queries, counted), progress)
    finally:
        searcher.close()
    after = {query: candidate.per_query[GATE][query] for query in counted}
    found = compare(after, baseline.per_query[GATE])
    return {
        "release": release.release.id,
        "encoder": release.version.encoder.get("model"),
        "reranker": release.release.reranker.get("model"),
        "measure": GATE,
        "queries": len(counted),
        "before": baseline.means[GATE],
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


def is_non_inferior(found: Comparison) -> bool:
    """Whether a candidate is as good as the release it would replace."""
    if found.wins + found.losses + found.ties < FEW_QUERIES:
        return found.difference >= FEW_MEAN
    return non_inferior(found)


def describe_comparison(record: Mapping[str, Any]) -> str:
    """One line about a stored comparison."""
    line = (
        f"{record['measure']} is {record['after']:.4f} and that of release {record['release']} {record['before']:.4f}: "
        f"difference {record['difference']:+.4f}, 95 % interval {record['low']:+.4f} to {record['high']:+.4f}, "
        f"{record['won']} won and {record['lost']} lost of {record['queries']:,} queries"
    )
    few = record["queries"] < FEW_QUERIES
    return f"{line}, which can detect {record['detectable']:.4f}" if few else line


def inferior(record: Mapping[str, Any]) -> list[GateFailure]:
    """Return the objection to a candidate that a comparison found inferior; empty where it is not."""
    if record["non_inferior"]:
        return []
    few = record["queries"] < FEW_QUERIES
    required = f"{FEW_MEAN:g}" if few else f"{NON_INFERIOR_MEAN:g} with an interval from {NON_INFERIOR_LOW:g} up"
    said = f"with other models {describe_comparison(record)}; at least {required} is required"
    hint = f"keep the models of release {record['release']}, or train the new ones further"
    return [GateFailure("non_inferior", said, hint, {name: record[name] for name in _FIGURES})]


def _holds_relevant(searcher: Searcher, grades: Mapping[str, int]) -> bool:
    return any(grade > 0 and searcher.store.find(name) is not None for name, grade in grades.items())
