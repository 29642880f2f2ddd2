"""Train a bi-encoder: pull queries to relevant passages, push them from hard negatives and the rest of the batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from clew.core.progress import Progress
from clew.core.types import Vectors
from clew.models.folder import read_config
from clew.training.cross_encoder import group_by_data, mean_ndcg, seed_all, set_dropout
from clew.training.examples import Example
from clew.training.fit import Fitted, arguments, fit
from clew.training.losses import ContrastiveLoss
from clew.training.spec import TrainSpec

ANCHOR = "anchor"
# Names of a model's prompts in sentence-transformers.
QUERY, PASSAGE = "query", "document"


def train_bi_encoder(
    spec: TrainSpec,
    base: Path,
    run: Path,
    examples: Sequence[Example],
    dev: Mapping[str, Sequence[Example]],
    progress: Progress,
) -> Fitted:
    """Fit an encoder to examples, starting from the weights in `base`; parameters as in `train_cross_encoder`."""
    from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments

    seed_all(spec.seed)
    model = load_encoder(base, spec.max_length)
    if spec.fit.dropout is not None:
        set_dropout(model, spec.fit.dropout)
    loss = ContrastiveLoss(model, spec.fit.tokens_per_pass)
    given = arguments(SentenceTransformerTrainingArguments, spec.fit, run, spec.seed)
    given.batch_sampler = "no_duplicates"  # a passage that is relevant to one query would be a negative of another
    columns = to_columns(examples)
    if any(model.prompts.values()):
        given.prompts = {
            name: {column: model.prompts[QUERY if column == ANCHOR else PASSAGE] for column in table.column_names}
            for name, table in columns.items()
        }

    def make(callbacks: Sequence[Any]) -> Any:
        return SentenceTransformerTrainer(
            model=model, args=given, train_dataset=columns, loss=loss, callbacks=list(callbacks)
        )

    return fit(make, spec.fit, run, lambda trained: mean_ndcg(dev, lambda rows: cosines(trained, rows)), progress)


def to_columns(examples: Sequence[Example]) -> dict[str, Any]:
    """Return data set → table with anchor, positive and n negatives; 99 % of its examples have at least n.

    Examples with fewer repeat their last negative. Otherwise the query with the fewest candidates would set the limit
    for all.
    """
    from datasets import Dataset

    found = {}
    for name, rows in group_by_data(examples).items():
        split = [_split_example(row) for row in rows]
        kept = [each for each in split if each[2]]
        counts = sorted(len(negatives) for _, _, negatives in kept)
        width = counts[len(counts) // 100] if counts else 0
        table: dict[str, list[str]] = {
            ANCHOR: [anchor for anchor, _, _ in kept],
            "positive": [positive for _, positive, _ in kept],
        }
        for at in range(width):
            table[f"negative_{at + 1}"] = [negatives[min(at, len(negatives) - 1)] for _, _, negatives in kept]
        if kept:
            found[name] = Dataset.from_dict(table)
    return found


def _split_example(example: Example) -> tuple[str, str, list[str]]:
    """Return (query, best passage, irrelevant passages) of an example."""
    best = int(np.argmax(example.gains))
    negatives = [passage for passage, gain in zip(example.passages, example.gains, strict=True) if gain == 0]
    return example.text, example.passages[best], negatives


def load_encoder(folder: Path, max_length: int) -> Any:
    """Load a sentence-transformers encoder in float32, with its prompts; nothing is downloaded.

    Raises NotFoundError for a missing file and FormatError for an encoder that Clew could not run afterwards.
    """
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    library: Any = logging
    library.set_verbosity_error()
    library.disable_progress_bar()
    model = SentenceTransformer(str(folder), local_files_only=True, model_kwargs={"dtype": torch.float32})
    model.max_seq_length = max_length
    settings = read_config(folder)
    model.prompts = {QUERY: settings.query_prompt, PASSAGE: settings.passage_prompt}
    # A placeholder for the model card: without examples, the trainer would look for some and show a progress bar.
    model.model_card_data.widget = [{"text": ""}]
    return model


def cosines(model: Any, examples: Sequence[Example]) -> list[Vectors]:
    """Return, for each example, the (n,) float32 cosines of its query with its n passages."""
    queries = _unit_vectors(model, [example.text for example in examples], QUERY)
    texts = list(dict.fromkeys(passage for example in examples for passage in example.passages))
    vectors = _unit_vectors(model, texts, PASSAGE)
    place = {text: at for at, text in enumerate(texts)}
    return [
        vectors[[place[passage] for passage in example.passages]] @ query
        for example, query in zip(examples, queries, strict=True)
    ]


def _unit_vectors(model: Any, texts: Sequence[str], prompt: str) -> Any:
    return model.encode(list(texts), prompt_name=prompt, normalize_embeddings=True, show_progress_bar=False)
