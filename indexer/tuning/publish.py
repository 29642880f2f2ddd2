"""Publish a release with what was learned."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from clew.core.lock import writing
from clew.indexer.publish import existing, next_number, point_at, write_release
from clew.indexer.tuning.tune import Tuned


def publish_tuned(home: Path, name: str, tuned: Tuned) -> str:
    """Publish a release of the live version with what was learned and make it live; returns its id."""
    folder = existing(home, name)
    what = "fusion weights, relations and gate" if tuned.graph else "fusion weights"
    what += " and the reranker's calibration" if tuned.rerank else ""
    with writing(folder.root):
        live = folder.read_release()
        learned = {**live.learned, "fusion": asdict(tuned.after)}
        if tuned.graph:
            learned |= {"relations": dict(tuned.graph.relations), "gate": dict(tuned.graph.gate)}
        # A calibration that was learned on other fused scores no longer holds.
        learned.pop("rerank", None)
        if tuned.rerank:
            learned["rerank"] = dict(tuned.rerank.after)
        release = write_release(
            folder,
            folder.read_version(live),
            f"{what} learned on {tuned.queries} dev queries",
            learned,
            live.reranker,
            live.override,
            number=next_number(folder),
        )
        point_at(folder, release.id)
    return release.id
