"""Train a bi-encoder: pull queries to relevant passages, push them from hard negatives and the rest of the batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from clew.core.progress import Progress
from clew.core.types import Vectors
from clew.models.folder import read_config
from clew.training.cross_encoder import group_by_data, mean_ndcg, network_settings, seed_all, set_dropout
from clew.training.examples import Example
from clew.training.fit import Fitted, arguments, fit
from clew.training.losses import ContrastiveLoss
from clew.training.spec import TrainSpec

QUERIES, RELEVANT = "anchor", "positive"
"""The names of a table's columns of queries and of relevant passages; the others hold negatives."""


@dataclass(frozen=True, slots=True)
class Prompts:
    """What an encoder puts in front of each query and of each passage."""

    query: str = ""
    passage: str = ""

    @classmethod
    def of(cls, folder: Path) -> Prompts:
        """Return the prompts of the encoder in a folder, those with which searches use it."""
        config = read_config(folder)
        return cls(config.query_prompt, config.passage_prompt)

    def of_column(self, name: str) -> str:
        """Return the prompt of a column of `to_columns`."""
        return self.query if name == QUERIES else self.passage


def train_bi_encoder(
    spec: TrainSpec,
    base: Path,
    run: Path,
    examples: Sequence[Example],
    dev: Mapping[str, Sequence[Example]],
    progress: Progress,
) -> Fitted:
    """Fit an encoder to examples, starting from the weights in `base`; parameters as in `train_cross_encoder`.

    Texts are read with the prompts of the base.
    """
    seed_all(spec.seed)
    model = load_encoder(base, spec.max_length)
    if spec.fit.dropout is not None:
        set_dropout(model, spec.fit.dropout)
    loss = ContrastiveLoss(model, spec.fit.tokens_per_pass, spec.fit.temperature)
    return fit_tables(spec, model, loss, run, to_columns(examples), dev, Prompts.of(base), progress)


def fit_tables(
    spec: TrainSpec,
    model: Any,
    loss: Any,
    run: Path,
    tables: Mapping[str, Any],
    dev: Mapping[str, Sequence[Example]],
    prompts: Prompts,
    progress: Progress,
) -> Fitted:
    """Fit an encoder to the tables of `to_columns`.

    A batch holds rows of one table, so the passages that serve as negatives of its queries are of the same data set.
    The tables' batches are mixed at random, each once an epoch: a table has a share of the steps that is its share of
    the rows.
    """
    from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments

    given = arguments(SentenceTransformerTrainingArguments, spec.fit, run, spec.seed)
    given.batch_sampler = "no_duplicates"  # a passage that is relevant to one query would be a negative of another
    given.multi_dataset_batch_sampler = "proportional"
    if prompts != Prompts():
        columns = {column for table in tables.values() for column in table.column_names}
        given.prompts = {column: prompts.of_column(column) for column in sorted(columns)}

    def make(callbacks: Sequence[Any]) -> Any:
        return SentenceTransformerTrainer(
            model=model, args=given, train_dataset=dict(tables), loss=loss, callbacks=list(callbacks)
        )

    return fit(
        make, spec.fit, run, lambda trained: mean_ndcg(dev, lambda rows: cosines(trained, rows, prompts)), progress
    )


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
            QUERIES: [anchor for anchor, _, _ in kept],
            RELEVANT: [positive for _, positive, _ in kept],
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
    """Load a sentence-transformers encoder in float32; nothing is downloaded.

    Raises NotFoundError for a missing file and FormatError for an encoder that Clew could not run afterwards.
    """
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    library: Any = logging
    library.set_verbosity_error()
    library.disable_progress_bar()
    model = SentenceTransformer(str(folder), local_files_only=True, model_kwargs=network_settings())
    model.max_seq_length = max_length
    # A placeholder for the model card: without examples, the trainer would look for some and show a progress bar.
    model.model_card_data.widget = [{"text": ""}]
    return model


def cosines(model: Any, examples: Sequence[Example], prompts: Prompts) -> list[Vectors]:
    """Return, for each example, the (n,) float32 cosines of its query with its n passages."""
    queries = encode(model, [example.text for example in examples], prompts.query)
    texts = list(dict.fromkeys(passage for example in examples for passage in example.passages))
    vectors = encode(model, texts, prompts.passage)
    place = {text: at for at, text in enumerate(texts)}
    return [
        vectors[[place[passage] for passage in example.passages]] @ query
        for example, query in zip(examples, queries, strict=True)
    ]


def encode(model: Any, texts: Sequence[str], prompt: str) -> Vectors:
    """Return the (n, dim) float32 vectors of n texts, each of length 1. prompt: put in front of every text."""
    found: Vectors = model.encode(list(texts), prompt=prompt, normalize_embeddings=True, show_progress_bar=False)
    return found
