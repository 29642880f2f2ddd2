"""Models for tests: tiny ones with random weights, and artifacts made of them once a run."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "red", "blue", "shoe", "hat", "##s"]
WIDTH, WIDE = 16, 32
TinyModel = Callable[..., Path]


def make_tiny_model(folder: Path, seed: int = 0, role: str = "bi_encoder") -> Path:
    """A BERT of one layer with random weights, which needs no torch.

    A bi-encoder as a sentence-transformers folder with prompts, or a cross-encoder with one label.
    """
    import numpy as np
    from safetensors.numpy import save_file
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    tokenizer = Tokenizer(models.WordPiece({word: n for n, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    folder.mkdir(parents=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    pairs = role == "cross_encoder"
    network = {
        "model_type": "bert",
        "architectures": ["BertForSequenceClassification" if pairs else "BertModel"],
        "hidden_size": WIDTH,
        "intermediate_size": WIDE,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "vocab_size": len(WORDS),
        "max_position_embeddings": 32,
        "type_vocab_size": 2,
        **({"id2label": {"0": "LABEL_0"}, "label2id": {"LABEL_0": 0}} if pairs else {}),
    }
    prompts = {"prompts": {} if pairs else {"query": "red ", "document": ""}}
    tokens = {"model_max_length": 32, "tokenizer_class": "BertTokenizer"}
    for name, table in (
        ("config.json", network),
        ("config_sentence_transformers.json", prompts),
        ("tokenizer_config.json", tokens),
    ):
        (folder / name).write_text(json.dumps(table))
    (folder / "README.md").write_text("---\nlicense: cc0-1.0\n---\n")
    random = np.random.default_rng(seed)
    prefix = "bert." if pairs else ""
    weights = {prefix + name: random.normal(size=shape) for name, shape in shapes().items()}
    if pairs:
        weights |= {"classifier.weight": random.normal(size=(1, WIDTH)), "classifier.bias": np.zeros(1)}
    save_file(
        {name: values.astype(np.float32) for name, values in weights.items()},
        str(folder / "model.safetensors"),
        metadata={"format": "pt"},
    )
    return folder


def shapes() -> dict[str, tuple[int, ...]]:
    """Weight → shape of the tiny BERT."""
    layer = "encoder.layer.0"
    return {
        "embeddings.word_embeddings.weight": (len(WORDS), WIDTH),
        "embeddings.position_embeddings.weight": (32, WIDTH),
        "embeddings.token_type_embeddings.weight": (2, WIDTH),
        "embeddings.LayerNorm.weight": (WIDTH,),
        "embeddings.LayerNorm.bias": (WIDTH,),
        **{f"{layer}.attention.self.{part}.weight": (WIDTH, WIDTH) for part in ("query", "key", "value")},
        **{f"{layer}.attention.self.{part}.bias": (WIDTH,) for part in ("query", "key", "value")},
        f"{layer}.attention.output.dense.weight": (WIDTH, WIDTH),
        f"{layer}.attention.output.dense.bias": (WIDTH,),
        f"{layer}.attention.output.LayerNorm.weight": (WIDTH,),
        f"{layer}.attention.output.LayerNorm.bias": (WIDTH,),
        f"{layer}.intermediate.dense.weight": (WIDE, WIDTH),
        f"{layer}.intermediate.dense.bias": (WIDE,),
        f"{layer}.output.dense.weight": (WIDTH, WIDE),
        f"{layer}.output.dense.bias": (WIDTH,),
        f"{layer}.output.LayerNorm.weight": (WIDTH,),
        f"{layer}.output.LayerNorm.bias": (WIDTH,),
        "pooler.dense.weight": (WIDTH, WIDTH),
        "pooler.dense.bias": (WIDTH,),
    }


@pytest.fixture(scope="session")
def tiny_model() -> TinyModel:
    """(folder, seed, role) → the folder, with a tiny model in it."""
    return make_tiny_model


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The artifact folder of a tiny cross-encoder, kept as training keeps one. Do not write in it."""
    from clew.models.save import save_model

    root = tmp_path_factory.mktemp("trained")
    # Exporting takes seconds: the workers of a run share what the first of them kept.
    shared = tmp_path_factory.getbasetemp().parent if "PYTEST_XDIST_WORKER" in os.environ else root
    return save_model(
        make_tiny_model(root / "run", role="cross_encoder"),
        shared / "home",
        "tiny-reranker",
        "cross_encoder",
        lineage={"base": "0" * 64, "spec": {"seed": 7, "data": ["shop"]}},
        metrics={"dev": {"ndcg": 0.5}},
        calibration={"scale": 1.5, "fused": 0.25, "bias": -1},
        licence="apache-2.0",
    )


@pytest.fixture
def trained_home(trained: Path, tmp_path: Path) -> Path:
    """A home of this test's own with that model in it."""
    home = tmp_path / "home"
    shutil.copytree(trained.parents[1], home / "models", dirs_exist_ok=True)
    return home
