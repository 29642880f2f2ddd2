"""Write the card of a trained model: its data, how it was trained, its measures on dev queries."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clew.core.files import write_atomic
from clew.models.manifest import Role
from clew.training.spec import TrainSpec


def write_card(
    folder: Path, spec: TrainSpec, role: Role, lineage: Mapping[str, Any], measures: Mapping[str, Any]
) -> None:
    """Write README.md into a model folder, with the front matter that model hubs read.

    role: of the model. lineage: of the run and, under "started from", of the run or the conversion that its weights
    came from. measures: on dev queries.
    """
    what = "sentence-similarity" if role == "bi_encoder" else "text-ranking"
    head = ["---", *([f"license: {spec.licence.lower()}"] if spec.licence else []), f"pipeline_tag: {what}"]
    scores = [f"| {name} | {value:.4f} |" for name, value in measures["dev nDCG@10"].items()]
    text = [
        *head, "library_name: sentence-transformers", "---", "", f"# {spec.name}", "", *_describe_run(lineage), "",
        f"nDCG@10 on candidates of dev queries, at step {measures['step']} of {measures['steps']}:", "",
        "| data | nDCG@10 |", "| --- | --- |", *scores, "",
    ]  # fmt: skip
    before = lineage.get("started from")
    while before:
        if "spec" in before:
            text += ["## The run before", "", *_describe_run(before), ""]
        elif before.get("kind") == "trimmed":
            text += ["## Trimmed vocabulary", "", _describe_trim(before), ""]
        else:  # another conversion, such as from 8 bits
            text += ["## What was done before", "", *_describe_conversion(before), ""]
        before = before.get("started from")
    write_atomic(folder / "README.md", "\n".join(text).encode())


def _describe_conversion(lineage: Mapping[str, Any]) -> list[str]:
    """List the facts of a lineage that are texts or lists of texts."""
    facts = {key: ", ".join(map(str, value)) if isinstance(value, list) else value for key, value in lineage.items()}
    return [f"- {key}: {value}" for key, value in facts.items() if isinstance(value, str)]


def _describe_trim(lineage: Mapping[str, Any]) -> str:
    """Describe what `clew models trim` kept of the model before."""
    tokens = lineage["tokens"]
    return (
        f"Its vocabulary is that of the model with the fingerprint {lineage['base'][:16]}, of which `clew models trim` "
        f"kept {tokens['after']:,} of {tokens['before']:,} tokens, for {', '.join(lineage['languages'])}."
    )


def _describe_run(lineage: Mapping[str, Any]) -> list[str]:
    """Describe a run: the command that repeats it, and its data."""
    kind, spec, counts = lineage["kind"], lineage["spec"], lineage["queries"]
    start = f"started from {spec['base']}"
    if spec["teacher"]:
        start = (
            f"distilled from {spec['teacher']}" if kind == "distil" else f"{start} with the order of {spec['teacher']}"
        )
    rows = []
    for data in spec["data"]:
        name = data.get("name") or Path(data["folder"]).name or Path(data["clicks"]).name.partition(".")[0]
        shown = (name, data["split"], f"{counts.get(name, 0):,}", data["candidates"], data.get("licence", ""))
        rows.append(f"| {' | '.join(shown)} |")
    shared = f", {lineage['processes']} processes" if "processes" in lineage else ""
    return [
        f"A {kind} model, {start} (fingerprint {lineage['base'][:16]}), {lineage['pairs']:,} pairs, seed "
        f"{spec['seed']}{shared}.",
        f"Made by `clew train {kind} SPEC`; the spec is in manifest.json under lineage.", "",
        "| data | split | queries | candidates | licence |", "| --- | --- | --- | --- | --- |", *rows,
    ]  # fmt: skip
