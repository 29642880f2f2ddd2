"""Run training from a spec to a saved model, in a folder from which a later call resumes.

<home>/training/<name>-<hash of spec and data>/   spec.json, examples.jsonl, dev.jsonl, checkpoints/, curve.jsonl, curve.png, best/
"""  # noqa: E501 - one line a folder

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from clew.core.errors import SpecError
from clew.core.files import disk_errors, write_atomic
from clew.core.lock import writing
from clew.core.progress import Progress, Silent
from clew.core.types import Bools, Floats, Ints
from clew.models.folder import layers as layers_of
from clew.models.folder import max_input_tokens
from clew.models.manifest import Role
from clew.models.store import (
    check_name_is_free,
    fp32_folder,
    load_scorer,
    prepare,
    read_manifest,
    save_model,
    scorer_folder,
)
from clew.training.card import write_card
from clew.training.cross_encoder import group_by_data, load_cross_encoder, predict, train_cross_encoder
from clew.training.curve import plot
from clew.training.data import GatheredData, gather
from clew.training.distil import train_student
from clew.training.examples import Example, read_examples, write_examples
from clew.training.fit import FINISHED, Fitted
from clew.training.layers import student_layers
from clew.training.processes import process_group
from clew.training.sources import digests
from clew.training.spec import TrainSpec

if TYPE_CHECKING:
    from clew.training.candidates import CandidateSources

Kind = Literal["bi-encoder", "cross-encoder", "distil"]
# The role of the trained model; that of a student is its teacher's.
ROLES: Mapping[Kind, Role] = {"bi-encoder": "bi_encoder", "cross-encoder": "cross_encoder"}
# (n,) scores of a cross-encoder, (n,) fused scores, (n,) relevant or not, (n,) number of the query → calibration, as in
# a model's manifest.
Calibrate = Callable[[Floats, Floats, Bools, Ints], dict[str, Any]]
EXAMPLES, DEV, SPEC, NOTICES = "examples.jsonl", "dev.jsonl", "spec.json", "notices.json"


@dataclass(frozen=True, slots=True)
class Trained:
    """A finished run.

    run, model: folders of the run and of the saved model. fitted: its best weights. queries, pairs: how many it was
    trained on. notices: messages about what was left out.
    """

    run: Path
    model: Path
    fitted: Fitted
    queries: int
    pairs: int
    notices: tuple[str, ...]


def train(
    kind: Kind,
    spec: TrainSpec,
    home: Path,
    sources: CandidateSources,
    calibrate: Calibrate,
    progress: Progress,
    notify: Callable[[str], None],
) -> Trained:
    """Gather data, mine negatives, train, and save the model; steps that an earlier call finished are not repeated.

    sources: opens the indexes that candidates are retrieved from. calibrate: fits the calibration of a cross-encoder on
    dev lists. progress: called with (stage, done, total). notify: called with messages for the user. Under torchrun
    every process calls this and gets the same result, but only the first gathers, notifies and saves. Raises SpecError
    for a spec that does not fit the kind or the base model, UsageError if models of another role already have the name,
    NotFoundError for missing data or models, DataError for data without usable queries and for training that diverged,
    LockedError if another process runs it, StoreError if the disk is full.
    """
    ranks = process_group()
    if not ranks.is_first:
        progress, notify = Silent(), _ignore
    base, lineage = ranks.run_on_first(lambda: _base_and_lineage(kind, spec, home, sources))
    run = run_folder(spec, home, lineage)
    finished = (run / FINISHED).is_file()  # then nothing more is written
    with disk_errors(run), writing(run) if ranks.is_first and not finished else nullcontext():
        with ranks.first_process_first():
            gathered = _load_or_gather(spec, run, sources, progress, notify)
        if ranks.count > 1:
            each = spec.fit.batch * spec.fit.accumulate
            notify(f"{ranks.count} processes, {each * ranks.count} queries per step: {each} in each process")
        if finished:
            notify(f"this run is already finished; to train it again, delete {run}")
        fitted = _fit(kind, spec, home, base, run, gathered, progress)
        model = ranks.run_on_first(lambda: _save(kind, spec, home, base, lineage, fitted, gathered, calibrate))
    return Trained(run, model, fitted, len(gathered.examples), _count_pairs(gathered), tuple(gathered.notices))


def run_folder(spec: TrainSpec, home: Path, lineage: Mapping[str, Any]) -> Path:
    """Return the folder of a run; it differs for another spec, other data or other weights to start from."""
    key = hashlib.sha256(json.dumps(lineage, sort_keys=True).encode()).hexdigest()[:12]
    return home / "training" / f"{spec.name}-{key}"


def calibration_of(
    folder: Path, max_length: int, dev: Mapping[str, Sequence[Example]], calibrate: Calibrate
) -> dict[str, Any]:
    """Return the calibration that maps a cross-encoder's scores to log-odds of relevance, fitted on dev lists.

    Lists retrieved from an index are preferred if there are any, because searches rerank such lists and they have fused
    scores.
    """
    rows = [row for each in dev.values() for row in each]
    rows = [row for row in rows if row.fused] or rows
    scores = np.concatenate(predict(load_cross_encoder(folder, max_length), rows)).astype(np.float64)
    fused = np.array([value for row in rows for value in row.fused or (0.0,) * len(row.gains)], np.float64)
    relevant = np.array([gain > 0 for row in rows for gain in row.gains], np.bool_)
    query = np.repeat(np.arange(len(rows), dtype=np.int64), [len(row.gains) for row in rows])
    return calibrate(scores, fused, relevant, query)


def _base_and_lineage(
    kind: Kind, spec: TrainSpec, home: Path, sources: CandidateSources
) -> tuple[Path, dict[str, Any]]:
    """Return (folder of the weights that training starts from, lineage of the run)."""
    if (kind == "distil" and not spec.teacher) or (kind == "bi-encoder" and spec.teacher):
        raise SpecError(
            f"`clew train {kind}` {'needs a teacher' if kind == 'distil' else f'takes no teacher ({spec.teacher!r})'}",
            "set teacher for `clew train distil`, to the model that the student imitates, or for `clew train "
            "cross-encoder`, to the one whose order is learned",
        )
    if kind == "distil":
        named = scorer_folder(spec.teacher, home) if spec.teacher == "default" else prepare(spec.teacher, home)
    else:
        named = prepare(spec.base, home, "bi_encoder" if kind == "bi-encoder" else None)
    check_name_is_free(home, spec.name, _role(kind, named))
    base = fp32_folder(named, home)
    if 0 < (most := max_input_tokens(base)) < spec.max_length:
        raise SpecError(
            f"max_length is {spec.max_length}, but {spec.teacher or spec.base} reads at most {most} tokens",
            f"set max_length to {most} or less",
        )
    if kind == "distil" and (count := layers_of(base)):
        student_layers(spec.layers, count)
    lineage = {"kind": kind, "base": read_manifest(base).fingerprint, "spec": spec.as_table()}
    if kind == "cross-encoder" and spec.teacher:
        lineage["teacher"] = load_scorer(spec.teacher, home).fingerprint
    return base, {**lineage, "data": digests(spec, home, sources)}


def _role(kind: Kind, base: Path) -> Role:
    """Return the role of the trained model. base: folder of the weights that training starts from."""
    if kind in ROLES:
        return ROLES[kind]
    return "bi_encoder" if read_manifest(base).role == "bi_encoder" else "cross_encoder"


def _fit(
    kind: Kind, spec: TrainSpec, home: Path, base: Path, run: Path, gathered: GatheredData, progress: Progress
) -> Fitted:
    given = (spec, base, run, gathered.examples, gathered.dev, progress)
    if kind == "bi-encoder":
        from clew.training.bi_encoder import train_bi_encoder

        return train_bi_encoder(*given)
    if _role(kind, base) == "bi_encoder":
        from clew.training.distil_encoder import train_encoder_student

        return train_encoder_student(*given)
    if kind == "distil":
        return train_student(*given)
    return train_cross_encoder(*given, (lambda: load_scorer(spec.teacher, home)) if spec.teacher else None)


def _save(
    kind: Kind,
    spec: TrainSpec,
    home: Path,
    base: Path,
    lineage: Mapping[str, Any],
    fitted: Fitted,
    gathered: GatheredData,
    calibrate: Calibrate,
) -> Path:
    """Save the best weights as a model with curve, card, lineage, measures and calibration; return its folder."""
    plot(fitted.folder.parent)
    counts = {name: len(rows) for name, rows in group_by_data(gathered.examples).items()}
    made = {**lineage, "queries": counts, "pairs": _count_pairs(gathered)}
    if before := read_manifest(base).lineage:
        made["started from"] = before  # the base is a trained model itself
    if fitted.processes > 1:
        made["processes"] = fitted.processes
    measures = {"dev nDCG@10": dict(fitted.measures), "step": fitted.step, "steps": fitted.steps}
    role = _role(kind, base)
    calibration = (
        {} if role == "bi_encoder" else calibration_of(fitted.folder, spec.max_length, gathered.dev, calibrate)
    )
    write_card(fitted.folder, spec, role, made, measures)
    return save_model(
        fitted.folder, home, spec.name, role, lineage=made, metrics=measures, calibration=calibration,
        licence=spec.licence,
    )  # fmt: skip


def _count_pairs(gathered: GatheredData) -> int:
    return sum(len(example.passages) for example in gathered.examples)


def _ignore(notice: str) -> None:
    """Ignore a message, which the first process shows."""


def _load_or_gather(
    spec: TrainSpec, run: Path, sources: CandidateSources, progress: Progress, notify: Callable[[str], None]
) -> GatheredData:
    """Read the gathered data of a run, after gathering them if no earlier call did."""
    if not (run / SPEC).is_file():
        found = gather(spec, sources, progress)
        write_examples(found.examples, run / EXAMPLES)
        write_examples([row for rows in found.dev.values() for row in rows], run / DEV)
        write_atomic(run / NOTICES, json.dumps(found.notices).encode())
        write_atomic(run / SPEC, json.dumps(spec.as_table(), indent=1).encode())  # last, so the others are complete
    found = GatheredData(
        list(read_examples(run / EXAMPLES)),
        group_by_data(list(read_examples(run / DEV))),
        json.loads((run / NOTICES).read_text()),
    )
    for notice in found.notices:
        notify(notice)
    return found
