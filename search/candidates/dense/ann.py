"""Approximate search with FAISS: a table of kinds. They only propose passages; `exact` computes their scores."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss as _faiss
import numpy as np

from clew.core.errors import CorruptError
from clew.core.files import disk_errors
from clew.core.tables import REBUILD
from clew.core.threads import count
from clew.core.types import Bools, Ints, Vectors
from clew.search.candidates.dense.files import ANN
from clew.search.candidates.dense.gpu import train_on_gpu
from clew.search.candidates.dense.int16 import Int16Vectors, parts, to_float32

faiss: Any = _faiss  # its type stubs lack search parameters and selectors
_limit_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class AnnKind:
    """A kind of FAISS index, which finds near vectors without comparing all.

    make: (dim, passages, seed) → an untrained FAISS index for inner products. train_rows: passages → how many rows its
    quantiser is trained on. efforts: search efforts to try, ascending. effort_limits_results: whether a search returns
    at most as many passages as its effort. compared: (effort, passages) → approximate cost of a search, in vectors
    compared. parameters: (effort, selector) → FAISS search parameters. read_flags: flags to open its file with
    (memory-mapped). on_gpu: whether FAISS can build it on a GPU.
    """

    make: Callable[[int, int, int], Any]
    train_rows: Callable[[int], int]
    efforts: tuple[int, ...]
    effort_limits_results: bool
    compared: Callable[[int, int], float]
    parameters: Callable[[int, Any], Any]
    read_flags: int
    on_gpu: bool


def _hnsw(dim: int, passages: int, seed: int) -> Any:  # noqa: ARG001 - one signature for all kinds
    """Return an HNSW graph (Malkov and Yashunin 2018) with 16 links per node and 8 bits per dimension."""
    index = faiss.IndexHNSWSQ(dim, faiss.ScalarQuantizer.QT_8bit, 16, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = 64
    return index


def _hnsw_parameters(effort: int, selector: Any) -> Any:
    return faiss.SearchParametersHNSW(efSearch=effort, sel=selector)


def cells(passages: int) -> int:
    """Return the number of clusters of an inverted file: about 4 sqrt(passages), at most one for each passage.

    It is the power of two nearest to 4 sqrt(passages) on a logarithmic scale, unless there are fewer passages.
    """
    return min(max(1, passages), 1 << round(math.log2(4 * math.sqrt(max(1, passages)))))


def _ivf(dim: int, passages: int, seed: int) -> Any:
    """Return an inverted file over k-means clusters (Jegou and others 2011), residuals in 8 bits per dimension."""
    index = faiss.index_factory(dim, f"IVF{cells(passages)},SQ8", faiss.METRIC_INNER_PRODUCT)
    index.cp.seed = seed
    index.cp.min_points_per_centroid = 1  # no warning on stdout: a small shard is the caller's choice
    return index


def _ivf_parameters(effort: int, selector: Any) -> Any:
    return faiss.SearchParametersIVF(nprobe=effort, sel=selector)


ANN_KINDS = {
    "hnsw": AnnKind(
        make=_hnsw,
        train_rows=lambda passages: min(passages, 100_000),
        efforts=(64, 128, 256, 512, 1024, 2048, 4096),
        effort_limits_results=True,
        compared=lambda effort, passages: 16.0 * effort,  # noqa: ARG005 - 16 links of every node visited
        parameters=_hnsw_parameters,
        read_flags=faiss.IO_FLAG_MMAP_IFC,
        on_gpu=False,
    ),
    "ivf": AnnKind(
        make=_ivf,
        train_rows=lambda passages: min(passages, 64 * cells(passages)),
        efforts=(8, 16, 32, 64, 128, 256, 512),
        effort_limits_results=False,
        compared=lambda effort, passages: cells(passages) + effort * passages / cells(passages),
        parameters=_ivf_parameters,
        read_flags=faiss.IO_FLAG_MMAP_IFC,
        on_gpu=True,
    ),
}


class AnnIndex:
    """A Proposer that searches a FAISS index. Safe to search from several threads."""

    def __init__(self, kind: AnnKind, index: Any) -> None:
        self._kind = kind
        self._index = index

    @classmethod
    def make(cls, kind: AnnKind, vectors: Int16Vectors, seed: int, *, gpu: bool = False) -> AnnIndex:
        """Train on a seeded sample of the (n, dim) vectors and add them all.

        gpu: build on the first GPU if the kind supports it.
        """
        passages, dim = vectors.shape
        faiss.omp_set_num_threads(count())
        index = kind.make(dim, passages, seed)
        sample = np.random.default_rng(seed).choice(passages, kind.train_rows(passages), replace=False)
        trained_on = to_float32(vectors[np.sort(sample)])
        added = (to_float32(part) for _, part in parts(vectors))
        if gpu and kind.on_gpu:
            return cls(kind, train_on_gpu(index, trained_on, added))
        index.train(trained_on)
        for part in added:
            index.add(part)
        return cls(kind, index)

    @classmethod
    def read(cls, kind: AnnKind, directory: Path) -> AnnIndex:
        """Open the index file in `directory`; the caller has checked its hash.

        Raises CorruptError if FAISS cannot read it.
        """
        path = directory / ANN
        try:
            with _limit_lock:
                # No array in a file is larger than the file, so a forged length cannot make FAISS allocate more memory.
                faiss.set_deserialization_vector_byte_limit(path.stat().st_size)
                return cls(kind, faiss.read_index(str(path), kind.read_flags))
        except (OSError, RuntimeError) as error:
            raise CorruptError(f"{path} cannot be read: {str(error).splitlines()[0]}", REBUILD) from None

    def write(self, directory: Path) -> None:
        """Write the index into `directory`."""
        path = directory / ANN
        with disk_errors(path):
            faiss.write_index(self._index, str(path))

    @property
    def efforts(self) -> tuple[int, ...]:
        """Search efforts to try, ascending."""
        return self._kind.efforts

    def effort_for(self, fetch: int, effort: int, share: float) -> int:
        """Return the effort, at least `effort`, at which a search can return `fetch` passages under a filter.

        share: share of the passages that the filter allows (above 0, at most 1). FAISS also spends effort on passages
        that are not allowed, so the effort is divided by it.
        """
        return math.ceil((max(effort, fetch) if self._kind.effort_limits_results else effort) / share)

    def compared(self, effort: int) -> float:
        """Return approximately how many vectors a search compares."""
        return self._kind.compared(effort, self._index.ntotal)

    def search(self, query: Vectors, fetch: int, effort: int, allowed: Bools | None = None) -> Ints:
        """Return at most `fetch` allowed passages near a (dim,) query, in any order."""
        bits = None if allowed is None else np.packbits(allowed, bitorder="little")
        selector = None if bits is None else faiss.IDSelectorBitmap(bits)
        parameters = self._kind.parameters(effort, selector)
        _, found = self._index.search(np.ascontiguousarray(query[None], np.float32), fetch, params=parameters)
        rows: Ints = found[0]
        return rows[rows >= 0]
