"""A cross-encoder must read both texts of a pair."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from clew.core.errors import FormatError
from clew.models.cross_encoder import open_pair_tokenizer
from tests.models import TinyModel


def test_a_tokenizer_that_leaves_out_the_second_text_is_refused(tiny_model: TinyModel, tmp_path: Path) -> None:
    """Every text would have the same score for a query, and training would learn nothing, without a word of it."""
    folder = tiny_model(tmp_path / "run", role="cross_encoder")
    assert open_pair_tokenizer(folder).encode("a", "b").sequence_ids.count(1) == 1
    content = json.loads((folder / "tokenizer.json").read_bytes())
    first = {"Sequence": {"id": "A", "type_id": 0}}
    content["post_processor"] = {
        "type": "TemplateProcessing", "single": [first], "pair": [first, first], "special_tokens": {}
    }  # fmt: skip
    (folder / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(FormatError, match=r"tokenizer\.json leaves out the second text of a pair"):
        open_pair_tokenizer(folder)
