"""The card of a trained model: what it is from, how it was made, how good it was on dev."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clew.core.files import write_atomic
from clew.training.spec import TrainSpec


def write_card(
    folder: Path, kind: str, spec: TrainSpec, lineage: Mapping[str, Any], measures: Mapping[str, Any]
) -> None:
    """Write README.md into a model folder, with the head that model hubs read."""
    what = "sentence-similarity" if kind == "bi-encoder" else "text-ranking"
    head = ["---", *([f"license: {spec.licence.lower()}"] if spec.licence else []), f"pipeline_tag: {what}"]
    start = f"distilled from {spec.teacher}" if spec.teacher else f"started from {spec.base}"
    counts = lineage["queries"]
    shared = f", {lineage['processes']} processes" if "processes" in lineage else ""
    rows = [
        f"| {data.folder or data.clicks} | {data.split} | {counts.get(data.name, 0):,} | {data.candidates} |"
        for data in spec.data
    ]
    scores = [f"| {name} | {value:.4f} |" for name, value in measures["dev nDCG@10"].items()]
    text = [
        *head, "library_name: sentence-transformers", "---", "",
        f"# {spec.name}", "",
        f"A {kind} model, {start} (fingerprint {lineage['base'][:16]}), {lineage['pairs']:,} pairs, seed {spec.seed}"
        f"{shared}.",
        f"Made by `clew train {kind} SPEC`; the spec is in manifest.json under lineage.", "",
        "| data | split | queries | candidates |", "| --- | --- | --- | --- |", *rows, "",
        f"nDCG@10 on candidates of dev queries, at step {measures['step']} of {measures['steps']}:", "",
        "| data | nDCG@10 |", "| --- | --- |", *scores, "",
    ]  # fmt: skip
    write_atomic(folder / "README.md", "\n".join(text).encode())
