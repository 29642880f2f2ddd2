"""What runs a transformer: token ids in, one vector for each token out."""

from __future__ import annotations

import re
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from clew.core.registry import Registry
from clew.core.types import Ints, Vectors

ONNX_FILE = "onnx/model.onnx"
# The attribute of onnxruntime's MatMulNBits as it stands in the file: field 3 of a node's attribute is its number.
_IN_BYTES, _IN_FLOATS = (b"accuracy_level\x18" + level for level in (b"\x04", b"\x01"))
# As Linux names them: AVX-512, AVX and AMX.
_BYTE_PRODUCTS = frozenset({"avx512_vnni", "avx_vnni", "amx_int8"})


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

    def bulk(self) -> TokenModel:
        """The same for passages, which are long and many; itself where it is as fast for these."""
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

    def __init__(self, folder: Path, threads: int, precision: str, *, bulk: bool = False) -> None:
        self._given = folder, threads, precision
        self._session = open_session(folder / ONNX_FILE, threads, widened=bulk and precision == "int8")
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

    @cached_property
    def _bulk(self) -> OnnxModel:
        """Opened when it is first asked for, since what only answers queries needs none."""
        return OnnxModel(*self._given, bulk=True)

    def bulk(self) -> OnnxModel:
        """The same for passages, its 8-bit weights widened where the processor cannot multiply in 8 bits."""
        return self if self._given[2] != "int8" or multiplies_bytes() else self._bulk


class OnnxPairModel:
    """The exported network of a cross-encoder in onnxruntime on the processor, at the precision of the export."""

    reads = ("*.json", ONNX_FILE)

    def __init__(self, folder: Path, threads: int, precision: str) -> None:
        widened = precision == "int8" and not multiplies_bytes()
        self._session = open_session(folder / ONNX_FILE, threads, widened=widened)
        self._inputs = frozenset(entry.name for entry in self._session.get_inputs())
        self.name = f"onnxruntime-{precision}"

    def run(self, ids: Ints, mask: Ints, types: Ints) -> Vectors:
        """(b,) float32 scores."""
        feed = {"input_ids": ids, "attention_mask": mask}
        if "token_type_ids" in self._inputs:
            feed["token_type_ids"] = types
        scores: Vectors = self._session.run(None, feed)[0].reshape(len(ids))
        return scores


@cache
def multiplies_bytes(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the processor has instructions for products of 8-bit numbers; taken for granted where nothing says so."""
    try:
        found = re.search(r"^flags\s*:(.*)$", cpuinfo.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
    except OSError:
        return True
    return found is None or not _BYTE_PRODUCTS.isdisjoint(found[1].split())


def open_session(file: Path, threads: int, *, widened: bool = False) -> Any:
    """An onnxruntime session on the processor.

    widened: of an 8-bit network that `clew.models.quantise` wrote, multiply in float32 instead of 8 bits. Where a
    processor lacks instructions for the latter, that is faster by up to two fifths for long batches, though slower for
    a single query.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Warnings about single graph nodes are of no use to a user.
    options.log_severity_level = 3
    # onnxruntime has no option for it, and reading the network to change it would take another package.
    network = file.read_bytes().replace(_IN_BYTES, _IN_FLOATS) if widened else str(file)
    return onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
