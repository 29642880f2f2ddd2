"""A training run from its spec to a kept model, in a folder of its own that a later call goes on from.

<home>/training/<name>-<hash of spec and data>/   spec.json, examples.jsonl, dev.jsonl, checkpoints/, curve.jsonl, curve.png, best/
"""  # noqa: E501 - one line a folder

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from clew.core.errors import SpecError
from clew.core.files import disk_errors, write_atomic
from clew.core.lock import writing
from clew.core.progress import Progress, Silent
from clew.models.folder import layers, most_pieces
from clew.models.manifest import Role
from clew.models.store import check_free, keep_model, prepare, read_manifest, scorer_folder, whole_folder
from clew.search.rerank.calibration import learn
from clew.training.card import write_card
from clew.training.cross_encoder import by_data, load, predicted, train_cross_encoder
from clew.training.curve import plot
from clew.training.distil import train_student
from clew.training.examples import Example, read_examples, write_examples
from clew.training.fit import FINISHED, Fitted
from clew.training.gather import Gathered, OpenIndex, gather
from clew.training.ranks import joined
from clew.training.sources import digests
from clew.training.spec import TrainSpec

Kind = Literal["bi-encoder", "cross-encoder", "distil"]
ROLES: Mapping[Kind, Role] = {"bi-encoder": "bi_encoder", "cross-encoder": "cross_encoder", "distil": "cross_encoder"}
EXAMPLES, DEV, SPEC, NOTICES = "examples.jsonl", "dev.jsonl", "spec.json", "notices.json"


@dataclass(frozen=True, slots=True)
class Trained:
    """A finished run. run: its folder; model: that of the kept artifact. queries, pairs: what it learned from."""

    run: Path
    model: Path
    fitted: Fitted
    queries: int
    pairs: int
    notices: tuple[str, ...]


def train(
    kind: Kind, spec: TrainSpec, home: Path, open_index: OpenIndex, progress: Progress, tell: Callable[[str], None]
) -> Trained:
    """Gather, mine, train and keep, each step only where it was not done before.

    open_index: opens the index that a data set is mined through. tell: gets what was left out, as it is found. Started
    by torchrun, every process calls it and gets the same answer, and only the first one tells, gathers and keeps.
    Raises SpecError for a spec that does not fit the kind or the weights it starts from, UsageError for a name that
    models of another role have, NotFoundError for data and models that are not there, DataError for data that teach
    nothing and weights that went astray, LockedError where another call is at it, StoreError for a full disk.
    """
    ranks = joined()
    if not ranks.first:
        progress, tell = Silent(), _unheard
    base, lineage = ranks.once(lambda: _origin(kind, spec, home))
    run = run_folder(spec, home, lineage)
    finished = (run / FINISHED).is_file()  # nothing is written any more
    with disk_errors(run), writing(run) if ranks.first and not finished else nullcontext():
        with ranks.in_turn():
            gathered = _gathered(spec, run, open_index, progress, tell)
        if ranks.count > 1:
            each = spec.fit.batch * spec.fit.accumulate
            tell(f"{ranks.count} processes, {each * ranks.count} queries a step: {each} in each process")
        if finished:
            tell(f"this run was finished before, and is as it was; to train anew, delete {run}")
        fitted = _fitted(kind, spec, base, run, gathered, progress)
        model = ranks.once(lambda: _kept(kind, spec, home, base, lineage, fitted, gathered))
    return Trained(run, model, fitted, len(gathered.examples), _pairs(gathered), tuple(gathered.notices))


def run_folder(spec: TrainSpec, home: Path, lineage: Mapping[str, Any]) -> Path:
    """Where the run of a spec lives: another spec, other data or other weights to start from are another run."""
    key = hashlib.sha256(json.dumps(lineage, sort_keys=True).encode()).hexdigest()[:12]
    return home / "training" / f"{spec.name}-{key}"


def calibrated(folder: Path, max_length: int, dev: Mapping[str, Sequence[Example]]) -> dict[str, float]:
    """What turns a cross-encoder's scores into log-odds of relevance, learned on dev candidates.

    Those that a search found are preferred, since they are what is reranked and have a fused score beside it.
    """
    rows = [row for each in dev.values() for row in each]
    rows = [row for row in rows if row.fused] or rows
    scores = np.concatenate(predicted(load(folder, max_length), rows)).astype(np.float64)
    fused = np.array([value for row in rows for value in row.fused or (0.0,) * len(row.gains)], np.float64)
    relevant = np.array([gain > 0 for row in rows for gain in row.gains], np.bool_)
    return learn(scores, fused, relevant).as_table()


def _origin(kind: Kind, spec: TrainSpec, home: Path) -> tuple[Path, dict[str, Any]]:
    """(folder of the weights a run starts from, how it is told later what it came from)."""
    if (kind == "distil") != bool(spec.teacher):
        raise SpecError(
            f"teacher is {spec.teacher!r}, which does not fit `clew train {kind}`",
            "distilling copies a cross-encoder that teacher names; the others have none",
        )
    if kind == "distil":
        named = scorer_folder(spec.teacher, home)
    else:
        named = prepare(spec.base, home, "bi_encoder" if kind == "bi-encoder" else None)
    check_free(home, spec.name, ROLES[kind])
    base = whole_folder(named, home)
    if 0 < (most := most_pieces(base)) < spec.max_length:
        raise SpecError(
            f"max_length is {spec.max_length}, and {spec.teacher or spec.base} reads {most} word pieces at most",
            f"give max_length = {most} or less",
        )
    if kind == "distil" and 0 < (most := layers(base)) < spec.layers:
        raise SpecError(f"layers is {spec.layers}, the teacher has {most}", f"expected 1 to {most}, or 0 for all")
    lineage = {"kind": kind, "base": read_manifest(base).fingerprint, "spec": spec.as_table()}
    return base, {**lineage, "data": digests(spec, home)}


def _fitted(kind: Kind, spec: TrainSpec, base: Path, run: Path, gathered: Gathered, progress: Progress) -> Fitted:
    given = (spec, base, run, gathered.examples, gathered.dev, progress)
    if kind == "bi-encoder":
        from clew.training.bi_encoder import train_bi_encoder

        return train_bi_encoder(*given)
    return train_student(*given) if kind == "distil" else train_cross_encoder(*given)


def _kept(
    kind: Kind, spec: TrainSpec, home: Path, base: Path, lineage: Mapping[str, Any], fitted: Fitted, gathered: Gathered
) -> Path:
    """The folder of the model that the best weights became, with curve, card, lineage, measures and calibration."""
    plot(fitted.folder.parent)
    counts = {name: len(rows) for name, rows in by_data(gathered.examples).items()}
    made = {**lineage, "queries": counts, "pairs": _pairs(gathered)}
    if before := read_manifest(base).lineage:
        made["started from"] = before  # a trained model itself
    if fitted.processes > 1:
        made["processes"] = fitted.processes
    measures = {"dev nDCG@10": dict(fitted.measures), "step": fitted.step, "steps": fitted.steps}
    calibration = {} if kind == "bi-encoder" else calibrated(fitted.folder, spec.max_length, gathered.dev)
    write_card(fitted.folder, spec, made, measures)
    return keep_model(
        fitted.folder, home, spec.name, ROLES[kind], lineage=made, metrics=measures, calibration=calibration,
        licence=spec.licence,
    )  # fmt: skip


def _pairs(gathered: Gathered) -> int:
    return sum(len(example.passages) for example in gathered.examples)


def _unheard(notice: str) -> None:
    """No notice: the first process gives it."""


def _gathered(
    spec: TrainSpec, run: Path, open_index: OpenIndex, progress: Progress, tell: Callable[[str], None]
) -> Gathered:
    if not (run / SPEC).is_file():
        found = gather(spec, open_index, progress)
        write_examples(found.examples, run / EXAMPLES)
        write_examples([row for rows in found.dev.values() for row in rows], run / DEV)
        write_atomic(run / NOTICES, json.dumps(found.notices).encode())
        write_atomic(run / SPEC, json.dumps(spec.as_table(), indent=1).encode())  # last: the others are whole then
    found = Gathered(
        list(read_examples(run / EXAMPLES)),
        by_data(list(read_examples(run / DEV))),
        json.loads((run / NOTICES).read_text()),
    )
    for notice in found.notices:
        tell(notice)
    return found
