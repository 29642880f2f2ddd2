"""Publish a release with learned parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from clew.indexer.releases.publish import publish_learned
from clew.indexer.tuning.tune import Tuned


def publish_tuned(home: Path, name: str, tuned: Tuned) -> str:
    """Publish a release of the live version with the learned parameters and make it live; return its id."""
    what = "fusion weights, relations and gate" if tuned.graph else "fusion weights"
    what += " and the reranker's calibration" if tuned.rerank else ""
    learned: dict[str, Mapping[str, Any] | None] = {
        "fusion": asdict(tuned.after),
        # A calibration that was learned on other fused scores is no longer valid.
        "rerank": tuned.rerank.after if tuned.rerank else None,
    }
    if tuned.graph:
        learned |= {"relations": tuned.graph.relations, "gate": tuned.graph.gate}
    return publish_learned(home, name, learned, f"{what} learned on {tuned.queries} dev queries")
