"""What runs a transformer: token ids in, one vector for each token out."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np

from clew.core.registry import Registry
from clew.core.types import Ints, Vectors

ONNX_FILE = "onnx/model.onnx"


class TokenModel(Protocol):
    """A loaded transformer. Made with (model folder, threads); may be called from several threads."""

    name: str
    """Runtime and precision, such as "onnxruntime-fp32"."""
    dim: int
    """Width of the token vectors."""
    reads: tuple[str, ...]
    """What it reads of a folder, as glob patterns: these files are verified before it is made."""

    def __init__(self, folder: Path, threads: int) -> None: ...

    def run(self, ids: Ints, mask: Ints) -> Vectors:
        """(b, s, dim) float32 last hidden states of (b, s) token ids; mask: 1 for a token, 0 for padding."""
        ...


RUNTIMES: Registry[type[TokenModel]] = Registry(
    "runtime",
    {
        "onnxruntime": "clew.models.runtimes:OnnxModel",
        "torch": "clew.models.torch_runtime:TorchModel",
    },
)


class OnnxModel:
    """The exported transformer in onnxruntime on the processor, float32."""

    name = "onnxruntime-fp32"
    reads = ("*.json", "*/config.json", ONNX_FILE)

    def __init__(self, folder: Path, threads: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Warnings about single graph nodes are of no use to a user.
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            str(folder / ONNX_FILE), options, providers=["CPUExecutionProvider"]
        )
        self._inputs = frozenset(entry.name for entry in self._session.get_inputs())
        self.dim = int(self._session.get_outputs()[0].shape[2])

    def run(self, ids: Ints, mask: Ints) -> Vectors:
        """(b, s, dim) float32 last hidden states."""
        feed = {"input_ids": ids, "attention_mask": mask}
        if "token_type_ids" in self._inputs:
            feed["token_type_ids"] = np.zeros_like(ids)
        hidden: Vectors = self._session.run(None, feed)[0]
        return hidden
