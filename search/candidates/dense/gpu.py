"""Build and search on a GPU: check that there is one and that the vectors fit, and scan all vectors there.

An index that is built on a GPU is saved in the format of the CPU, so it can be searched on any machine. The GPU module
of FAISS is preferred (`pip install 'clew[gpu]'`), then torch. CAGRA is not supported, because the faiss-gpu of PyPI is
built without cuVS.
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
from clew.search.candidates.dense.int16 import Int16Vectors, parts, to_float32
from clew.search.candidates.dense.spec import Device

log = logging.getLogger("clew.dense")

# Bytes of a float16 number, and the memory that FAISS and torch take for products and for sorting.
_BYTES_PER_NUMBER = 2
_OVERHEAD_BYTES = 1 << 30
# The maximum number of passages that FAISS returns on a GPU.
_MAX_FETCH = 2_048
# The cost of a comparison on the GPU, in exact comparisons of vectors on the CPU.
_COMPARISON_COST = 1 / 100


Library = Literal["faiss", "torch"]


@cache
def library() -> Library | None:
    """Return the library that can use a GPU; None if there is no GPU, or no library that can use it."""
    if free_bytes() is None:
        return None
    try:
        import faiss

        # The CPU-only module has neither.
        if hasattr(faiss, "StandardGpuResources") and faiss.get_num_gpus() > 0:
            return "faiss"
    except ImportError:
        pass
    from clew.models.device import torch_has_gpu

    return "torch" if torch_has_gpu() else None


def free_bytes(run: Callable[..., Any] = subprocess.run) -> int | None:
    """Return the free memory of the first GPU visible to this process, as nvidia-smi reports it; None without one."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    first = "0" if visible is None else visible.split(",")[0].strip()
    if not first or first == "-1":
        return None
    command = ["nvidia-smi", "--query-gpu=memory.free", "--format=csv,noheader,nounits", "-i", first]
    try:
        output = run(command, capture_output=True, text=True, timeout=10, check=True).stdout
        return int(output.split()[0]) * (1 << 20)
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None


def needed_bytes(passages: int, dim: int) -> int:
    """Return the GPU memory that an exact search over `passages` vectors takes."""
    return passages * dim * _BYTES_PER_NUMBER + _OVERHEAD_BYTES


def for_build(device: Device, passages: int, dim: int) -> Library | None:
    """Return the library with which a build uses the GPU; None if it uses the CPU.

    Raises MissingExtraError if the device is "cuda" and no GPU can be used, UsageError if it is "cuda" and the vectors
    do not fit.
    """
    found = None if device == "cpu" else library()
    if device == "cuda" and found is None:
        raise MissingExtraError(
            '[dense] device is "cuda", but no GPU can be used',
            "check `nvidia-smi`, and run `pip install -e '.[gpu]'` instead of '.[cpu]'; or remove device from [dense]",
        )
    if found is None:
        return None
    needed, free = needed_bytes(passages, dim), free_bytes() or 0
    if needed <= free:
        return found
    if device == "auto":
        return None
    raise UsageError(
        f"{passages:,} vectors of {dim} numbers need {needed / 1e9:.1f} GB on the GPU, "
        f"but {free / 1e9:.1f} GB are free",
        "free GPU memory, split the index into more shards ([build] shards), or remove device from [dense]",
    )


class _Nearest(Protocol):
    """Vectors on a device, and exact search over them."""

    def put(self, first: int, vectors: Vectors) -> None: ...

    def nearest(self, queries: Vectors, k: int) -> Ints: ...


class GpuScan:
    """A Proposer that compares all vectors on a GPU, in float16. The exact scores are computed on the CPU."""

    efforts = (1,)

    def __init__(self, index: _Nearest, vectors: Int16Vectors) -> None:
        """index: an empty index on the device, to which the vectors are added."""
        self.index = index
        self._passages = len(vectors)
        self._lock = threading.Lock()  # a GPU index of FAISS must not be searched by two threads at once
        for first, part in parts(vectors):
            index.put(first, to_float32(part))

    @classmethod
    def with_library(cls, found: Library, vectors: Int16Vectors) -> GpuScan:
        """Put the vectors on the first GPU with the given library."""
        if found == "faiss":
            return cls(_FaissFlat(vectors.shape[1]), vectors)
        from clew.models.device import ExactOnDevice

        return cls(ExactOnDevice(*vectors.shape), vectors)

    def effort_for(self, fetch: int, effort: int, share: float) -> int:  # noqa: ARG002
        """Return how many passages to fetch so that `fetch` of them are allowed, at most what FAISS can return."""
        return min(_MAX_FETCH, self._passages, round(fetch / share) + 1)

    def compared(self, effort: int) -> float:  # noqa: ARG002
        """Return the approximate cost of a search, in exact comparisons of vectors on the CPU."""
        return self._passages * _COMPARISON_COST

    def search(self, query: Vectors, fetch: int, effort: int, allowed: Bools | None = None) -> Ints:  # noqa: ARG002
        """Return the allowed passages among the `effort` nearest to a (dim,) query."""
        with self._lock:
            rows: Ints = self.index.nearest(query[None], effort)[0]
        rows = rows[rows >= 0]
        return rows if allowed is None else rows[allowed[rows]]


def on_gpu(device: Device, vectors: Int16Vectors) -> GpuScan | None:
    """Put the vectors of an opened index on a GPU; return None, to search on the CPU, if no GPU can be used."""
    try:
        found = for_build(device, *vectors.shape)
        if found is None and device == "auto" and library() is not None:
            log.warning("vectors are searched on the CPU: the GPU lacks the memory for %s vectors", len(vectors))
        return None if found is None else GpuScan.with_library(found, vectors)
    except (MissingExtraError, UsageError) as reason:
        log.warning("vectors are searched on the CPU: %s", reason.message)
    except RuntimeError as error:  # raised by FAISS and torch if the GPU runs out of memory in the meantime
        log.warning("vectors are searched on the CPU: %s", str(error).partition("\n")[0])
    return None


@cache
def _resources() -> Any:
    """Return FAISS's temporary memory on the first GPU, shared by all indexes."""
    import faiss

    resources = faiss.StandardGpuResources()
    resources.setTempMemory(_OVERHEAD_BYTES // 2)
    return resources


class _FaissFlat:
    """The exact index of FAISS on the first GPU, in float16."""

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


def train_on_gpu(index: Any, sample: Vectors, added: Iterable[Vectors]) -> Any:
    """Train an untrained CPU index of FAISS on the first GPU, add the vectors there, and return it as a CPU index.

    sample: (n, dim) float32 vectors to train on. added: the float32 vectors to add, in (m, dim) parts.
    """
    import faiss

    options: Any = faiss.GpuClonerOptions()
    options.useFloat16 = True
    on_device = faiss.index_cpu_to_gpu(_resources(), 0, index, options)
    on_device.train(sample)
    for part in added:
        on_device.add(part)
    return faiss.index_gpu_to_cpu(on_device)
