"""What runs a transformer: token ids in, one vector for each token out."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np

from clew.core.registry import Registry
from clew.core.types import Ints, Vectors

ONNX_FILE = "onnx/model.onnx"


class TokenModel(Protocol):
    """A loaded transformer. May be called from several threads."""

    name: str
    """Runtime and precision, such as "onnxruntime-fp32"."""
    dim: int
    """Width of the token vectors."""
    reads: tuple[str, ...]
    """What it reads of a folder, as glob patterns: these files are verified before it is made."""

    def __init__(self, folder: Path, threads: int, precision: str) -> None:
        """precision: of the folder's exported form, as its manifest says."""

    def run(self, ids: Ints, mask: Ints) -> Vectors:
        """(b, s, dim) float32 last hidden states of (b, s) token ids; mask: 1 for a token, 0 for padding."""
        ...


class PairModel(Protocol):
    """A loaded network that scores pairs. May be called from several threads."""

    name: str
    """Runtime and precision, such as "onnxruntime-int8"."""

    def run(self, ids: Ints, mask: Ints, types: Ints) -> Vectors:
        """(b,) float32 scores of (b, s) token ids; mask: 1 for a token, 0 for padding; types: 1 in the second text."""
        ...


RUNTIMES: Registry[type[TokenModel]] = Registry(
    "runtime",
    {
        "onnxruntime": "clew.models.runtimes:OnnxModel",
        "torch": "clew.models.torch_runtime:TorchModel",
    },
)


class OnnxModel:
    """The exported transformer in onnxruntime on the processor, at the precision of the export."""

    reads: tuple[str, ...] = ("*.json", "*/config.json", ONNX_FILE)

    def __init__(self, folder: Path, threads: int, precision: str) -> None:
        self._session = open_session(folder / ONNX_FILE, threads)
        self.name = f"onnxruntime-{precision}"
        self._inputs = frozenset(entry.name for entry in self._session.get_inputs())
        self.dim = int(self._session.get_outputs()[0].shape[2])

    def run(self, ids: Ints, mask: Ints) -> Vectors:
        """(b, s, dim) float32 last hidden states."""
        feed = {"input_ids": ids, "attention_mask": mask}
        if "token_type_ids" in self._inputs:
            feed["token_type_ids"] = np.zeros_like(ids)
        hidden: Vectors = self._session.run(None, feed)[0]
        return hidden


class OnnxPairModel:
    """The exported network of a cross-encoder in onnxruntime on the processor, at the precision of the export."""

    reads = ("*.json", ONNX_FILE)

    def __init__(self, folder: Path, threads: int, precision: str) -> None:
        self._session = open_session(folder / ONNX_FILE, threads)
        self._inputs = frozenset(entry.name for entry in self._session.get_inputs())
        self.name = f"onnxruntime-{precision}"

    def run(self, ids: Ints, mask: Ints, types: Ints) -> Vectors:
        """(b,) float32 scores."""
        feed = {"input_ids": ids, "attention_mask": mask}
        if "token_type_ids" in self._inputs:
            feed["token_type_ids"] = types
        scores: Vectors = self._session.run(None, feed)[0].reshape(len(ids))
        return scores


def open_session(file: Path, threads: int) -> Any:
    """An onnxruntime session on the processor."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Warnings about single graph nodes are of no use to a user.
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
