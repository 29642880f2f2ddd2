"""Train a smaller bi-encoder whose vectors are its teacher's."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from clew.core.progress import Progress
from clew.training.bi_encoder import QUERIES, Prompts, encode, fit_tables, load_encoder, to_columns
from clew.training.cross_encoder import seed_all, set_dropout
from clew.training.examples import Example
from clew.training.fit import Fitted
from clew.training.layers import keep_layers
from clew.training.losses import ImitationLoss
from clew.training.spec import TrainSpec
from clew.training.teacher_parts import stored_parts

VECTORS = "teacher"
# The number of texts whose vectors are in one file: what is lost if the run is interrupted.
PART = 2_048


@dataclass(frozen=True, slots=True)
class TeacherVectors:
    """A teacher's vectors of all texts of a run.

    vectors: (n, dim) float16, each of length 1. rows: (column is of queries, text) → row; a text that is both a query
    and a passage has a row for each, since the prompts differ.
    """

    vectors: np.ndarray[Any, np.dtype[np.float16]]
    rows: Mapping[tuple[bool, str], int]

    def labels(self, table: Any) -> list[list[int]]:
        """Return, for each row of a table of `to_columns`, the row in `vectors` of each of its texts."""
        columns = [[self.rows[name == QUERIES, text] for text in table[name]] for name in table.column_names]
        return [list(row) for row in zip(*columns, strict=True)]


def train_encoder_student(
    spec: TrainSpec,
    teacher: Path,
    run: Path,
    examples: Sequence[Example],
    dev: Mapping[str, Sequence[Example]],
    progress: Progress,
) -> Fitted:
    """Fit a network with some of the teacher's layers to its vectors; parameters as in `train_cross_encoder`.

    The loss is the distance of every query and passage from the teacher's vector, and `spec.fit.contrast` times the
    contrastive loss of `train_bi_encoder`. Raises SpecError for layers that the teacher does not have.
    """
    tables = to_columns(examples)
    prompts = Prompts.of(teacher)
    found = teacher_vectors(spec, teacher, run, tables, progress)
    seed_all(spec.seed)
    student = load_encoder(teacher, spec.max_length)
    keep_layers(student.transformers_model, spec.layers)
    if spec.fit.dropout is not None:
        set_dropout(student, spec.fit.dropout)
    labelled = {name: table.add_column("label", found.labels(table)) for name, table in tables.items()}
    loss = ImitationLoss(student, found.vectors, spec.fit.contrast, spec.fit.tokens_per_pass, spec.fit.temperature)
    return fit_tables(spec, student, loss, run, labelled, dev, prompts, progress)


def teacher_vectors(
    spec: TrainSpec, teacher: Path, run: Path, tables: Mapping[str, Any], progress: Progress
) -> TeacherVectors:
    """Return the teacher's vectors of every text in the tables of `to_columns`.

    Each text is encoded once per run, and stored in the run's folder in files of PART vectors.
    """
    rows: dict[tuple[bool, str], int] = {}
    for table in tables.values():
        for name in table.column_names:
            for text in table[name]:
                rows.setdefault((name == QUERIES, text), len(rows))
    keys, prompts = list(rows), Prompts.of(teacher)

    def compute(model: Any, part: slice) -> bytes:
        return _encoded(model, keys[part], prompts, spec.fit.precision)

    def load() -> Any:
        return load_encoder(teacher, spec.max_length)

    files = stored_parts(run / VECTORS, len(keys), PART, ".npy", load, compute, progress)
    parts = [np.load(file, allow_pickle=False) for file in files]
    return TeacherVectors(np.concatenate(parts) if parts else np.empty((0, 0), np.float16), rows)


def _encoded(model: Any, keys: Sequence[tuple[bool, str]], prompts: Prompts, precision: str) -> bytes:
    """Return the npy file of the vectors of some texts, in float16."""
    found: dict[tuple[bool, str], Any] = {}
    with torch.autocast(model.device.type, torch.bfloat16, enabled=precision == "bf16"):
        for is_query in (True, False):
            texts = [text for kind, text in keys if kind == is_query]
            if texts:
                vectors = encode(model, texts, prompts.query if is_query else prompts.passage)
                found.update(zip([(is_query, text) for text in texts], vectors, strict=True))
    file = io.BytesIO()
    np.save(file, np.stack([found[key] for key in keys]).astype(np.float16), allow_pickle=False)
    return file.getvalue()
