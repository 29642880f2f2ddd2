"""The transformer in torch: the reference that exports are held against, and the way to a GPU for building."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModel, AutoModelForSequenceClassification
from transformers.utils import logging

from clew.core.errors import MismatchError, StoreError
from clew.core.types import Ints, Vectors
from clew.models.manifest import Role


class TorchModel:
    """A Hugging Face transformer in torch, float32, on the GPU where torch sees one."""

    name = "torch-fp32"
    reads = ("*.json", "*/config.json", "*.safetensors")
    pieces = 1536

    def __init__(self, folder: Path, threads: int, precision: str) -> None:
        if precision != "fp32":
            raise MismatchError(
                f"{folder} holds the {precision} form alone, without the weights that torch reads",
                "use onnxruntime, or name the model it was made of",
            )
        torch.set_num_threads(threads)
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._model = load_transformer(folder).to(self._device)
        self._typed = takes_token_types(self._model)
        self.dim = int(self._model.config.hidden_size)

    def run(self, ids: Ints, mask: Ints) -> Vectors:
        """(b, s, dim) float32 last hidden states."""
        feed = {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}
        if self._typed:
            feed["token_type_ids"] = torch.zeros_like(feed["input_ids"])
        with torch.inference_mode():
            hidden = self._model(**{name: value.to(self._device) for name, value in feed.items()}).last_hidden_state
        vectors: Vectors = hidden.cpu().numpy()
        return vectors

    def lanes(self) -> tuple[TorchModel, int]:
        """Itself, one call at a time: torch has threads of its own."""
        return self, 1


def load_transformer(folder: Path, role: Role = "bi_encoder", attention: str = "sdpa") -> Any:
    """The folder's network in float32, ready for inference, with one label for a cross-encoder.

    attention: how it is computed, as transformers names it; "eager" leaves single steps, which can be fused. Nothing is
    downloaded, and no code of the folder's is run. Raises StoreError that names a weight it lacks.
    """
    library: Any = logging
    library.set_verbosity_error()
    library.disable_progress_bar()
    kind = AutoModelForSequenceClassification if role == "cross_encoder" else AutoModel
    model, found = kind.from_pretrained(
        str(folder),
        local_files_only=True,
        trust_remote_code=False,
        dtype=torch.float32,
        attn_implementation=attention,
        output_loading_info=True,
    )
    # transformers fills gaps with random numbers. A bi-encoder does not read the pooler.
    missing = sorted(key for key in found["missing_keys"] if role == "cross_encoder" or not key.startswith("pooler."))
    if missing:
        raise StoreError(f"the weights in {folder} lack {missing[0]}", "save the whole model again")
    return model.eval()


def takes_token_types(model: Any) -> bool:
    """Whether the network tells first from second segments (BERT does, RoBERTa and MPNet do not)."""
    return int(getattr(model.config, "type_vocab_size", 0) or 0) > 1
