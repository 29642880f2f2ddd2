"""A GPU to build and to search on: whether there is one, whether the vectors fit, and the exact search there.

What is built on one is saved as the processor reads it, so an index serves on any machine. FAISS's own GPU module comes
first (`pip install 'clew[gpu]'`), then torch. CAGRA is not among the ways: the faiss-gpu of PyPI is built without cuVS.
"""

from __future__ import annotations

import logging
import os
import subprocess
import threading
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, Literal, Protocol

import numpy as np

from clew.core.errors import MissingExtraError, UsageError
from clew.core.types import Bools, Ints, Vectors
from clew.search.candidates.dense.int16 import Fixed, floats, parts
from clew.search.candidates.dense.spec import Device

log = logging.getLogger("clew.dense")

# float16, and as much again of it as FAISS and torch take for products and for what they sort.
_BYTES = 2
_BESIDE = 1 << 30
# The most passages that FAISS proposes on a GPU.
_MOST = 2_048
_EXACT_SHARE = 1 / 100


Library = Literal["faiss", "torch"]


@cache
def library() -> Library | None:
    """What reaches a GPU from here; None where there is none, or nothing that reaches it."""
    if free_bytes() is None:
        return None
    try:
        import faiss

        # The module for the processor alone has neither.
        if hasattr(faiss, "StandardGpuResources") and faiss.get_num_gpus() > 0:
            return "faiss"
    except ImportError:
        pass
    from clew.models.device import torch_sees_a_gpu

    return "torch" if torch_sees_a_gpu() else None


def free_bytes(run: Callable[..., Any] = subprocess.run) -> int | None:
    """Free memory of the first GPU this process may use, as its driver says; None without a driver or GPU."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    first = "0" if visible is None else visible.split(",")[0].strip()
    if not first or first == "-1":
        return None
    command = ["nvidia-smi", "--query-gpu=memory.free", "--format=csv,noheader,nounits", "-i", first]
    try:
        said = run(command, capture_output=True, text=True, timeout=10, check=True).stdout
        return int(said.split()[0]) * (1 << 20)
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None


def needed_bytes(passages: int, dim: int) -> int:
    """Memory that an exact search of so many vectors takes on a GPU."""
    return passages * dim * _BYTES + _BESIDE


def for_build(device: Device, passages: int, dim: int) -> Library | None:
    """What a build uses of a GPU; None: the processor.

    Raises MissingExtraError where "cuda" is asked for and no GPU is reached, UsageError where the vectors do not fit.
    """
    found = None if device == "cpu" else library()
    if device == "cuda" and found is None:
        raise MissingExtraError(
            '[dense] device is "cuda", but no GPU is reached',
            "see `nvidia-smi`, and pip install -e '.[gpu]' in place of '.[cpu]'; or leave device out",
        )
    if found is None:
        return None
    wanted, free = needed_bytes(passages, dim), free_bytes() or 0
    if wanted <= free:
        return found
    if device == "auto":
        return None
    raise UsageError(
        f"{passages:,} vectors of {dim} numbers take {wanted / 1e9:.1f} GB on the GPU, {free / 1e9:.1f} are free",
        "free it, cut the index into more shards ([build] shards), or leave [dense] device out",
    )


class _Nearest(Protocol):
    """Vectors on a device."""

    def put(self, first: int, vectors: Vectors) -> None: ...

    def nearest(self, queries: Vectors, k: int) -> Ints: ...


class GpuScan:
    """All vectors compared on a GPU, in float16; it proposes, and scores are computed exactly elsewhere. A Proposer."""

    efforts = (1,)

    def __init__(self, held: _Nearest, vectors: Fixed) -> None:
        """held: room for the vectors on the device, which are put there."""
        self.held = held
        self._passages = len(vectors)
        self._lock = threading.Lock()  # FAISS's GPU indexes are not to be asked by two threads at once
        for first, part in parts(vectors):
            held.put(first, floats(part))

    @classmethod
    def by(cls, found: Library, vectors: Fixed) -> GpuScan:
        """The vectors on the first GPU, through that library."""
        if found == "faiss":
            return cls(_FaissFlat(vectors.shape[1]), vectors)
        from clew.models.device import ExactOnDevice

        return cls(ExactOnDevice(*vectors.shape), vectors)

    def effort_for(self, fetch: int, effort: int, share: float) -> int:  # noqa: ARG002
        """The passages to fetch so that the allowed ones among them suffice."""
        return min(_MOST, self._passages, round(fetch / share) + 1)

    def compared(self, effort: int) -> float:  # noqa: ARG002
        """What it takes in comparisons on the processor, about."""
        return self._passages * _EXACT_SHARE

    def search(self, query: Vectors, fetch: int, effort: int, allowed: Bools | None = None) -> Ints:  # noqa: ARG002
        """The allowed among the `effort` nearest passages of a (dim,) query."""
        with self._lock:
            rows: Ints = self.held.nearest(query[None], effort)[0]
        rows = rows[rows >= 0]
        return rows if allowed is None else rows[allowed[rows]]


def on_gpu(device: Device, vectors: Fixed) -> GpuScan | None:
    """The vectors of an opened index on a GPU; None: on the processor, as wherever no GPU can be had."""
    try:
        found = for_build(device, *vectors.shape)
        if found is None and device == "auto" and library() is not None:
            log.warning("vectors are searched on the processor: the GPU has no room for %s of them", len(vectors))
        return None if found is None else GpuScan.by(found, vectors)
    except (MissingExtraError, UsageError) as reason:
        log.warning("vectors are searched on the processor: %s", reason.message)
    except RuntimeError as error:  # what FAISS and torch raise where memory goes meanwhile
        log.warning("vectors are searched on the processor: %s", str(error).partition("\n")[0])
    return None


@cache
def _resources() -> Any:
    """FAISS's memory for products on the first GPU, one for all indexes."""
    import faiss

    made = faiss.StandardGpuResources()
    made.setTempMemory(_BESIDE // 2)
    return made


class _FaissFlat:
    """FAISS's exact index on the first GPU, in float16."""

    def __init__(self, dim: int) -> None:
        import faiss

        settings = faiss.GpuIndexFlatConfig()
        settings.useFloat16 = True
        self._index = faiss.GpuIndexFlatIP(_resources(), dim, settings)

    def put(self, first: int, vectors: Vectors) -> None:  # noqa: ARG002 - they come in order
        self._index.add(np.ascontiguousarray(vectors))

    def nearest(self, queries: Vectors, k: int) -> Ints:
        _, found = self._index.search(np.ascontiguousarray(queries, np.float32), k)
        rows: Ints = found
        return rows


def filled(index: Any, sample: Vectors, added: Iterable[Vectors]) -> Any:
    """An untrained FAISS index of the processor, trained and filled on the first GPU and brought back.

    sample: (n, dim) float32 vectors to train on. added: the (m, dim) float32 vectors to add, part by part.
    """
    import faiss

    options: Any = faiss.GpuClonerOptions()
    options.useFloat16 = True
    there = faiss.index_cpu_to_gpu(_resources(), 0, index, options)
    there.train(sample)
    for part in added:
        there.add(part)
    return faiss.index_gpu_to_cpu(there)
