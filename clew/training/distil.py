"""Train a smaller cross-encoder to imitate its teacher."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clew.core.progress import Progress
from clew.training.cross_encoder import fit_lists, load_cross_encoder, measure_ndcg, predict, seed_all, set_dropout
from clew.training.examples import Example
from clew.training.fit import Fitted
from clew.training.layers import keep_layers
from clew.training.losses import MarginLoss
from clew.training.spec import TrainSpec
from clew.training.teacher_parts import stored_parts

TEACHER = "teacher"
# The number of lists whose scores are in one file: what is lost if the run is interrupted.
PART = 512
_LISTS = 16


def train_student(
    spec: TrainSpec,
    teacher: Path,
    run: Path,
    examples: Sequence[Example],
    dev: Mapping[str, Sequence[Example]],
    progress: Progress,
) -> Fitted:
    """Fit a network with some of the teacher's layers to its scores; parameters as in `train_cross_encoder`.

    Raises SpecError for layers that the teacher does not have.
    """
    scores = teacher_scores(teacher, spec.max_length, run, examples, progress)
    seed_all(spec.seed)
    student = load_cross_encoder(teacher, spec.max_length)
    keep_layers(student.model, spec.layers)
    if spec.fit.dropout is not None:
        set_dropout(student, spec.fit.dropout)
    return fit_lists(
        spec,
        student,
        MarginLoss(student, spec.fit.tokens_per_pass),
        run,
        examples,
        scores,
        lambda trained: measure_ndcg(trained, dev),
        progress,
    )


def teacher_scores(
    teacher: Path, max_length: int, run: Path, examples: Sequence[Example], progress: Progress
) -> list[list[float]]:
    """Return the teacher's scores of each example's passages, computed once per run, PART lists at a time."""

    def compute(model: Any, part: slice) -> bytes:
        rows: list[list[float]] = []
        for at in range(part.start, part.stop, _LISTS):
            rows += [scores.tolist() for scores in predict(model, examples[at : min(at + _LISTS, part.stop)])]
        return "".join(json.dumps(row) + "\n" for row in rows).encode()

    def load() -> Any:
        return load_cross_encoder(teacher, max_length)

    files = stored_parts(run / TEACHER, len(examples), PART, ".jsonl", load, compute, progress)
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]
