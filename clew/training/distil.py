"""Train a smaller cross-encoder to imitate its teacher."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from clew.core.files import write_atomic
from clew.core.progress import Progress
from clew.training.cross_encoder import fit_lists, load_cross_encoder, measure_ndcg, predict, seed_all, set_dropout
from clew.training.examples import Example
from clew.training.fit import Fitted
from clew.training.layers import keep_layers
from clew.training.losses import MarginLoss
from clew.training.processes import process_group
from clew.training.spec import TrainSpec

TEACHER = "teacher.jsonl"


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
    """Return the teacher's scores of each example's passages; the first process computes them once per run."""
    path = run / TEACHER
    with process_group().first_process_first():
        if not path.is_file():
            model = load_cross_encoder(teacher, max_length)
            rows: list[list[float]] = []
            for at in range(0, len(examples), 16):
                rows += [scores.tolist() for scores in predict(model, examples[at : at + 16])]
                progress("teacher", len(rows), len(examples))
            write_atomic(path, "".join(json.dumps(row) + "\n" for row in rows).encode())
    return [json.loads(line) for line in path.read_text().splitlines()]
