"""Run networks in torch: the reference for exported networks, and the runtime for GPUs, where it uses bfloat16."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModel, AutoModelForSequenceClassification
from transformers.utils import logging

from clew.core.errors import StoreError
from clew.core.types import Ints, Vectors
from clew.models.folder import Pooling
from clew.models.manifest import Role

_READS = ("*.json", "*/config.json", "*.safetensors")
# Number of tokens in a batch at which it is fastest.
_BATCH_TOKENS = {"cpu": 1_536, "cuda": 32_768}


class TorchModel:
    """A Hugging Face transformer in torch: float32 on the CPU, bfloat16 on the GPU if torch sees one."""

    reads: tuple[str, ...] = _READS
    reads_fp32 = True
    workers = 1  # torch has threads of its own

    def __init__(self, folder: Path, threads: int, precision: str) -> None:  # noqa: ARG002 - fp32 weights have one
        self._network = _Network(folder, threads, "bi_encoder")
        self.name, self.batch_tokens, self.dim = self._network.name, self._network.batch_tokens, self._network.dim

    def run(self, ids: Ints, mask: Ints, pooling: Pooling) -> Vectors:
        """Return the (b, dim) float32 vectors of a batch, not normalised; see TokenModel."""
        with torch.inference_mode():
            found, device_mask = self._network(ids, mask, None)
            hidden = found.last_hidden_state.float()
            return _to_numpy(hidden[:, 0] if pooling == "cls" else (hidden * device_mask[:, :, None]).sum(dim=1))


class TorchPairModel:
    """A cross-encoder's network in torch, on the same devices."""

    reads: tuple[str, ...] = _READS
    reads_fp32 = True
    workers = 1

    def __init__(self, folder: Path, threads: int, precision: str) -> None:  # noqa: ARG002 - fp32 weights have one
        self._network = _Network(folder, threads, "cross_encoder")
        self.name, self.batch_tokens = self._network.name, self._network.batch_tokens

    def run(self, ids: Ints, mask: Ints, types: Ints) -> Vectors:
        """Return the (b,) float32 scores of a batch; see PairModel."""
        with torch.inference_mode():
            return _to_numpy(self._network(ids, mask, types)[0].logits.float().view(len(ids)))


class _Network:
    """A loaded network on its device. A call returns the output of transformers, and the mask on the device."""

    def __init__(self, folder: Path, threads: int, role: Role) -> None:
        torch.set_num_threads(threads)
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._model = load_transformer(folder, role).to(self._device)
        if self._device.type == "cuda":
            self._model = self._model.to(torch.bfloat16)
        self._has_token_types = takes_token_types(self._model)
        self.name = "torch-bf16" if self._device.type == "cuda" else "torch-fp32"
        self.batch_tokens = _BATCH_TOKENS[self._device.type]
        self.dim = int(self._model.config.hidden_size)

    def __call__(self, ids: Ints, mask: Ints, types: Ints | None) -> tuple[Any, Tensor]:
        feed = {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}
        if self._has_token_types:
            feed["token_type_ids"] = torch.zeros_like(feed["input_ids"]) if types is None else torch.from_numpy(types)
        on_device = {name: value.to(self._device, non_blocking=True) for name, value in feed.items()}
        return self._model(**on_device), on_device["attention_mask"]


def _to_numpy(values: Tensor) -> Vectors:
    found: Vectors = values.cpu().numpy()
    return found


def load_transformer(folder: Path, role: Role = "bi_encoder", attention: str = "sdpa") -> Any:
    """Load the folder's network in float32, ready for inference, with one label for a cross-encoder.

    attention: how attention is computed, as transformers names it; "eager" keeps its steps as separate operations,
    which can be fused. Nothing is downloaded, and no code of the folder is run. Raises StoreError that names a missing
    weight.
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
    # transformers fills missing weights with random numbers. A bi-encoder does not use the pooler.
    missing = sorted(key for key in found["missing_keys"] if role == "cross_encoder" or not key.startswith("pooler."))
    if missing:
        raise StoreError(f"the weights in {folder} lack {missing[0]}", "save the complete model again")
    return model.eval()


def takes_token_types(model: Any) -> bool:
    """Return whether the network distinguishes first and second segments (BERT does, RoBERTa and MPNet do not)."""
    return int(getattr(model.config, "type_vocab_size", 0) or 0) > 1
