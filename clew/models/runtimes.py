"""Runtimes for transformers: bi-encoders return a vector for each text, cross-encoders a score for each pair."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from clew.core.registry import Registry
from clew.core.types import Ints, Vectors
from clew.models.folder import Pooling

ONNX_FILE = "onnx/model.onnx"
# Processor flags of instructions for 8-bit products, as Linux names them: AVX-512, AVX and AMX.
_INT8_FLAGS = frozenset({"avx512_vnni", "avx_vnni", "amx_int8"})

# Small batches on one thread each are faster than large ones that all threads share: they stay in a core's cache, their
# texts have nearly the same length, and no thread waits for the others after every product. A single query is a tenth
# slower this way, but threads that spin for more work after it would delay the next step, the search by its vector.
_BATCH_TOKENS = 256


class TokenModel(Protocol):
    """A loaded transformer that pools the token vectors of a text to one. May be called from several threads."""

    name: str
    """Runtime and precision, such as "onnxruntime-fp32"."""
    dim: int
    """Width of the token vectors."""
    batch_tokens: int
    """Number of tokens in a batch, padding included, at which it is fastest."""
    workers: int
    """Number of concurrent calls at which it is fastest."""
    reads: tuple[str, ...]
    """Glob patterns of the files that it reads in a folder; these are verified before it is created."""
    reads_fp32: bool
    """Whether it reads the fp32 weights rather than the exported form."""

    def __init__(self, folder: Path, threads: int, precision: str) -> None:
        """Load the network. precision: that of the folder's exported form, as its manifest says."""

    def run(self, ids: Ints, mask: Ints, pooling: Pooling) -> Vectors:
        """Return (b, dim) float32 vectors, not normalised, of (b, s) token ids; mask: 1 for a token, 0 for padding.

        pooling: "cls" takes the last hidden state of the first token, "mean" the sum of those of all tokens.
        """
        ...


class PairModel(Protocol):
    """A loaded network that scores pairs. May be called from several threads."""

    name: str
    """Runtime and precision, such as "onnxruntime-int8"."""
    batch_tokens: int
    """Number of tokens in a batch, padding included, at which it is fastest."""
    workers: int
    """Number of concurrent calls at which it is fastest."""
    reads: tuple[str, ...]
    reads_fp32: bool
    """See TokenModel for both."""

    def __init__(self, folder: Path, threads: int, precision: str) -> None:
        """Load the network. precision: see TokenModel."""

    def run(self, ids: Ints, mask: Ints, types: Ints) -> Vectors:
        """Return (b,) float32 scores of (b, s) token ids.

        mask: 1 for a token, 0 for padding; types: 1 in the second text.
        """
        ...


RUNTIMES: Registry[type[TokenModel]] = Registry(
    "runtime",
    {
        "onnxruntime": "clew.models.runtimes:OnnxModel",
        "torch": "clew.models.torch_runtime:TorchModel",
    },
)
PAIR_RUNTIMES: Registry[type[PairModel]] = Registry(
    "runtime",
    {
        "onnxruntime": "clew.models.runtimes:OnnxPairModel",
        "torch": "clew.models.torch_runtime:TorchPairModel",
    },
)


class OnnxModel:
    """The exported transformer in onnxruntime on the CPU, at the precision of the export."""

    reads: tuple[str, ...] = ("*.json", "*/config.json", ONNX_FILE)
    reads_fp32 = False
    batch_tokens = _BATCH_TOKENS

    def __init__(self, folder: Path, threads: int, precision: str) -> None:
        self.workers = threads
        self._session = open_session(folder / ONNX_FILE)
        self.name = f"onnxruntime-{precision}"
        self._inputs = frozenset(entry.name for entry in self._session.get_inputs())
        self.dim = int(self._session.get_outputs()[0].shape[2])

    def run(self, ids: Ints, mask: Ints, pooling: Pooling) -> Vectors:
        """Return the (b, dim) float32 vectors of a batch, not normalised; see TokenModel."""
        feed = {"input_ids": ids, "attention_mask": mask}
        if "token_type_ids" in self._inputs:
            feed["token_type_ids"] = np.zeros_like(ids)
        hidden: Vectors = self._session.run(None, feed)[0]
        return hidden[:, 0] if pooling == "cls" else (hidden * mask[:, :, None].astype(np.float32)).sum(axis=1)


class OnnxPairModel:
    """The exported network of a cross-encoder in onnxruntime on the CPU, at the precision of the export."""

    reads: tuple[str, ...] = ("*.json", ONNX_FILE)
    reads_fp32 = False
    batch_tokens = _BATCH_TOKENS

    def __init__(self, folder: Path, threads: int, precision: str) -> None:
        self.workers = threads
        self._session = open_session(folder / ONNX_FILE)
        self._inputs = frozenset(entry.name for entry in self._session.get_inputs())
        self.name = f"onnxruntime-{precision}"

    def run(self, ids: Ints, mask: Ints, types: Ints) -> Vectors:
        """Return the (b,) float32 scores of a batch; see PairModel."""
        feed = {"input_ids": ids, "attention_mask": mask}
        if "token_type_ids" in self._inputs:
            feed["token_type_ids"] = types
        scores: Vectors = self._session.run(None, feed)[0].reshape(len(ids))
        return scores


@cache
def has_int8_instructions(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Return whether the processor is known to have instructions for products of 8-bit numbers."""
    try:
        found = re.search(r"^flags\s*:(.*)$", cpuinfo.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
    except OSError:
        return False
    return found is not None and not _INT8_FLAGS.isdisjoint(found[1].split())


def open_session(file: Path, *, exact: bool | None = None) -> Any:
    """Open an onnxruntime session on the CPU, whose calls compute on the calling thread.

    exact: multiply 8-bit numbers in 16 bits, which is slower by more than half. It is needed on x86 processors without
    instructions for 8-bit products, because these add up products in too few bits and clip large sums. None: only if it
    is needed.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    # Warnings about single graph nodes are of no use to a user.
    options.log_severity_level = 3
    if not has_int8_instructions() if exact is None else exact:
        options.add_session_config_entry("session.x64quantprecision", "1")
    # onnxruntime's fused addition and layer norm is slower than the two operators.
    slow = ["SkipLayerNormFusion"]
    return onnxruntime.InferenceSession(
        str(file), options, providers=["CPUExecutionProvider"], disabled_optimizers=slow
    )
