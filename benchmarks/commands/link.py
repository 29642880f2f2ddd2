"""`clew bench link`: quality and speed of the entity linker."""

from __future__ import annotations

import json as json_text
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clew.cli.options import DEFAULT_HOME, Home, Json, note, out, out_json
from clew.core.errors import UsageError

if TYPE_CHECKING:
    from clew.benchmarks.linking.measure import Material


def link(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder with questions, or its name under $CLEW_DATA.")],
    graph: Annotated[
        Path | None, typer.Option("--graph", help="Folder that contains graph/ with nodes and edges (default: DIR).")
    ] = None,
    key: Annotated[
        str, typer.Option("--key", help="Property of the nodes that mentions refer to (default: their id).")
    ] = "",
    split: Annotated[str, typer.Option("--split", help="Questions to measure.")] = "test",
    learn: Annotated[
        bool, typer.Option("--learn", help="Only learn the weights on train and the threshold on dev.")
    ] = False,
    also: Annotated[
        list[Path] | None,
        typer.Option("--also", help="Another folder, with its own graph/, to learn from as well (repeatable)."),
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--out", help="Write figures, signature and environment to this JSON file.")
    ] = None,
    model: Annotated[str, typer.Option("--model", help="Bi-encoder of the vectors.")] = "default",
    seed: Annotated[int, typer.Option("--seed", help="Seed of typos and resampling.")] = 0,
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Compare the entity linker with longest-match lookup.

    Measures both on questions with gold mentions.

    Example: clew bench link data/mintaka-dev --graph data/fb15k237-simpleqa --key wikidata --json
    """
    from clew.benchmarks.linking.measure import Material, Options, measure
    from clew.benchmarks.signature import code, environment
    from clew.core.files import write_atomic

    if learn and to is not None:
        raise UsageError(
            "--learn and --out cannot be used together", "--learn measures nothing that could be written: omit one"
        )
    if also and not learn:
        raise UsageError("--also needs --learn", "measure each folder with a command of its own")
    with ExitStack() as opened:
        materials = []
        for place, options in [
            (folder, Options(graph, key, split, model, seed)),
            *((other, Options(split=split, model=model, seed=seed)) for other in also or ()),
        ]:
            materials.append(Material(place, home / "bench", options, note, models=home))
            opened.callback(materials[-1].close)
        if learn:
            _learn(materials, json=json)
            return
        material = materials[0]
        found = measure(material, note)
        signature = {"code": code(), **material.signature()}
    if to is not None:
        report = {"results": found, "signature": signature, "environment": environment(seed)}
        write_atomic(to, (json_text.dumps(report, indent=1, ensure_ascii=False, default=str) + "\n").encode())
        note(f"wrote {to}")
    if json:
        out_json(found)
    else:
        _print(found)


def _learn(materials: Sequence[Material], *, json: bool) -> None:
    from clew.benchmarks.linking.learn import learn_linker

    found = learn_linker(materials)
    if json:
        out_json(found.as_dict())
        return
    note(f"{found.examples:,} candidates; mean F1 on dev at {found.threshold}: {found.dev[found.threshold]:.3f}")
    out(found.as_python())


def _print(found: dict[str, Any]) -> None:
    out(f"{found['set']}, split {found['split']}: {found['questions']} questions, {found['mentions']} mentions")
    out(f"{'':24}{'':14}{'precision':>10}{'recall':>8}{'F1':>7}  95 %")
    for system, variants in found["systems"].items():
        for variant, figures in variants.items():
            low, high = figures["ci"]["f1"]
            out(
                f"{system:24}{variant:14}{figures['precision']:10.3f}{figures['recall']:8.3f}{figures['f1']:7.3f}"
                f"  {low:.3f} to {high:.3f}"
            )
    out(f"calibration error {found['calibration']['error']:.3f} over {found['calibration']['candidates']} candidates")
    out(f"{found['ms']['p50']:.2f} ms per question, p99 {found['ms']['p99']:.2f} ms, without encoding it")
