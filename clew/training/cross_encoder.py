"""Train a cross-encoder on lists of passages."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from clew.core.errors import DataError
from clew.core.measures.ndcg import ndcg
from clew.core.progress import Progress
from clew.core.types import Vectors
from clew.models.cross_encoder import open_pair_tokenizer
from clew.models.protocols import PairScorer
from clew.training.examples import Example
from clew.training.fit import Fitted, Measure, arguments, fit
from clew.training.losses import RankingLoss, score_pairs
from clew.training.spec import TrainSpec
from clew.training.teacher_order import order_scores

SCORED_AT_ONCE = 256


def train_cross_encoder(
    spec: TrainSpec,
    base: Path,
    run: Path,
    examples: Sequence[Example],
    dev: Mapping[str, Sequence[Example]],
    progress: Progress,
    teacher: Callable[[], PairScorer] | None = None,
) -> Fitted:
    """Fit a network with one output score to examples, starting from the weights in `base`.

    run: folder of the run; a later call resumes from its last checkpoint. dev: data set → lists of its dev queries.
    teacher: loads a cross-encoder whose order of each list is learned too (None: only the gains).
    """
    order = None if teacher is None else order_scores(teacher, run, examples, progress)
    seed_all(spec.seed)
    model = load_cross_encoder(base, spec.max_length)
    if spec.fit.dropout is not None:
        set_dropout(model, spec.fit.dropout)
    listwise = spec.fit.loss == "listwise"
    loss = RankingLoss(
        model,
        list_weight=float(listwise),
        point_weight=spec.fit.point if listwise else 1.0,
        order_weight=0.0 if order is None else spec.fit.order,
        smoothing=spec.fit.smoothing,
        tokens_per_pass=spec.fit.tokens_per_pass,
    )
    labels: list[Any] = [list(example.gains) for example in examples]
    if order is not None:
        labels = [[list(pair) for pair in zip(*each, strict=True)] for each in zip(labels, order, strict=True)]
    return fit_lists(spec, model, loss, run, examples, labels, lambda trained: measure_ndcg(trained, dev), progress)


def fit_lists(
    spec: TrainSpec,
    model: Any,
    loss: Any,
    run: Path,
    examples: Sequence[Example],
    labels: Sequence[Sequence[Any]],
    measure: Measure,
    progress: Progress,
) -> Fitted:
    """Fit a cross-encoder to lists of passages. labels: one item per passage, in the form that the loss expects."""
    from datasets import Dataset
    from sentence_transformers.cross_encoder import CrossEncoderTrainer, CrossEncoderTrainingArguments

    tables: dict[str, dict[str, list[Any]]] = {}
    for example, wanted in zip(examples, labels, strict=True):
        table = tables.setdefault(example.data, {"query": [], "passages": [], "label": []})
        table["query"].append(example.text)
        table["passages"].append(list(example.passages))
        table["label"].append(list(wanted))

    def make(callbacks: Sequence[Any]) -> Any:
        return CrossEncoderTrainer(
            model=model,
            args=arguments(CrossEncoderTrainingArguments, spec.fit, run, spec.seed),
            train_dataset={name: Dataset.from_dict(table) for name, table in tables.items()},
            loss=loss,
            callbacks=list(callbacks),
        )

    return fit(make, spec.fit, run, measure, progress)


def load_cross_encoder(folder: Path, max_length: int) -> Any:
    """Load a cross-encoder with one output score; its last layer is initialised if the folder has none.

    Raises FormatError for a tokenizer that leaves out the second text of a pair.
    """
    from sentence_transformers import CrossEncoder
    from transformers.utils import logging

    library: Any = logging
    library.set_verbosity_error()
    library.disable_progress_bar()
    open_pair_tokenizer(folder)
    model = CrossEncoder(str(folder), num_labels=1, local_files_only=True, model_kwargs=network_settings())
    model.max_seq_length = max_length
    return model


def network_settings() -> dict[str, Any]:
    """Return the settings with which transformers loads a network that is trained: weights in float32."""
    # torch's fused attention takes a third longer than the plain one on a CPU, its backward pass more than that.
    return {"dtype": torch.float32, **({} if torch.cuda.is_available() else {"attn_implementation": "eager"})}


def set_dropout(model: Any, share: float) -> None:
    """Set every dropout of a network to the same probability."""
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = share


def measure_ndcg(model: Any, dev: Mapping[str, Sequence[Example]]) -> dict[str, float]:
    """Return a model's nDCG@10 on the lists of each data set, and their mean under "ndcg"."""
    return mean_ndcg(dev, lambda rows: predict(model, rows))


def mean_ndcg(
    dev: Mapping[str, Sequence[Example]], score: Callable[[Sequence[Example]], list[Vectors]]
) -> dict[str, float]:
    """Return the same for any function that scores passages of examples. Raises DataError if a score is not finite."""
    found: dict[str, float] = {}
    for name, rows in dev.items():
        each = list(zip(score(rows), rows, strict=True))
        if not all(np.isfinite(scores).all() for scores, _ in each):
            raise DataError(
                f"training diverged: scores on the dev queries of {name} are not finite",
                "in [fit], lower learning_rate, or limit the gradients with clip = 1",
            )
        values = [ndcg(np.array(row.gains)[np.argsort(-scores, kind="stable")], row.gains) for scores, row in each]
        found[name] = float(np.mean(values))
    return {"ndcg": float(np.mean(list(found.values()))) if found else 0.0, **found}


def predict(model: Any, examples: Sequence[Example]) -> list[Vectors]:
    """Return, for each example, the (n,) float32 scores of its n passages."""
    pairs = [(example.text, passage) for example in examples for passage in example.passages]
    with torch.inference_mode():
        parts = [score_pairs(model, pairs[at : at + SCORED_AT_ONCE]) for at in range(0, len(pairs), SCORED_AT_ONCE)]
    flat = torch.cat(parts).cpu().numpy() if parts else np.empty(0, np.float32)
    borders = np.cumsum([len(example.passages) for example in examples])[:-1]
    return list(np.split(flat, borders))


def group_by_data(examples: Sequence[Example]) -> dict[str, list[Example]]:
    """Group examples by data set, in order."""
    found: dict[str, list[Example]] = {}
    for example in examples:
        found.setdefault(example.data, []).append(example)
    return found


def seed_all(seed: int) -> None:
    """Seed all random number generators that a run uses."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
