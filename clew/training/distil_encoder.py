"""Train a smaller bi-encoder whose vectors are its teacher's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from clew.core.progress import Progress
from clew.training.bi_encoder import Prompts, fit_tables, load_encoder, to_columns
from clew.training.cross_encoder import seed_all, set_dropout
from clew.training.examples import Example
from clew.training.fit import Fitted
from clew.training.layers import keep_layers
from clew.training.losses import ImitationLoss
from clew.training.spec import TrainSpec


def train_encoder_student(
    spec: TrainSpec,
    teacher: Path,
    run: Path,
    examples: Sequence[Example],
    dev: Mapping[str, Sequence[Example]],
    progress: Progress,
) -> Fitted:
    """Fit a network with some of the teacher's layers to it; parameters as in `train_cross_encoder`.

    The texts are the queries and passages of the examples, read with the teacher's prompts. The embeddings of tokens
    stay as the teacher's. Raises SpecError for layers that the teacher does not have.
    """
    seed_all(spec.seed)
    student = load_encoder(teacher, spec.max_length)
    layers = keep_layers(student.transformers_model, spec.layers)
    student.transformers_model.get_input_embeddings().requires_grad_(False)
    if spec.fit.dropout is not None:
        set_dropout(student, spec.fit.dropout)
    taught = load_encoder(teacher, spec.max_length)
    if spec.fit.precision == "bf16":
        taught.to(torch.bfloat16)  # the trainer runs only the student in mixed precision
    loss = ImitationLoss(student, taught, layers, spec.fit.tokens_per_pass)
    return fit_tables(spec, student, loss, run, to_columns(examples), dev, Prompts.of(teacher), progress)
