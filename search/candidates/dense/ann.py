"""The FAISS kinds, one entry of a table each. They only propose passages; scores are computed exactly elsewhere."""

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
from clew.search.candidates.dense.gpu import filled
from clew.search.candidates.dense.int16 import Fixed, floats, parts

faiss: Any = _faiss  # its type stubs leave out search parameters and selectors
_limit_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class AnnKind:
    """One way to find near vectors without comparing all.

    make: (dim, passages, seed) → an untrained FAISS index for inner products. train_rows: passages → rows its
    quantiser is trained on. efforts: search efforts to try, ascending. keeps: whether the effort is also the number of
    passages a search can return. compared: (effort, passages) → what a search compares, as a number of vectors, about.
    parameters: (effort, selector) → FAISS search parameters. read_flags: how its file is opened (mapped into memory).
    on_gpu: whether FAISS can build it on a GPU.
    """

    make: Callable[[int, int, int], Any]
    train_rows: Callable[[int], int]
    efforts: tuple[int, ...]
    keeps: bool
    compared: Callable[[int, int], float]
    parameters: Callable[[int, Any], Any]
    read_flags: int
    on_gpu: bool


def _hnsw(dim: int, passages: int, seed: int) -> Any:  # noqa: ARG001 - one signature for all kinds
    """Malkov and Yashunin 2018, 16 links a node, vectors kept in 8 bits a dimension."""
    index = faiss.IndexHNSWSQ(dim, faiss.ScalarQuantizer.QT_8bit, 16, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = 64
    return index


def _hnsw_parameters(effort: int, selector: Any) -> Any:
    return faiss.SearchParametersHNSW(efSearch=effort, sel=selector)


def cells(passages: int) -> int:
    """Clusters of an inverted file: the power of two nearest to 4 sqrt(passages), at most one for each passage."""
    return min(max(1, passages), 1 << round(math.log2(4 * math.sqrt(max(1, passages)))))


def _ivf(dim: int, passages: int, seed: int) -> Any:
    """Inverted file over k-means clusters (Jegou and others 2011), residuals kept in 8 bits a dimension."""
    index = faiss.index_factory(dim, f"IVF{cells(passages)},SQ8", faiss.METRIC_INNER_PRODUCT)
    index.cp.seed = seed
    index.cp.min_points_per_centroid = 1  # a small shard is the caller's choice; no warning on stdout
    return index


def _ivf_parameters(effort: int, selector: Any) -> Any:
    return faiss.SearchParametersIVF(nprobe=effort, sel=selector)


ANN_KINDS = {
    "hnsw": AnnKind(
        make=_hnsw,
        train_rows=lambda passages: min(passages, 100_000),
        efforts=(64, 128, 256, 512, 1024, 2048, 4096),
        keeps=True,
        compared=lambda effort, passages: 16.0 * effort,  # noqa: ARG005 - the links of every node visited
        parameters=_hnsw_parameters,
        read_flags=faiss.IO_FLAG_MMAP_IFC,
        on_gpu=False,
    ),
    "ivf": AnnKind(
        make=_ivf,
        train_rows=lambda passages: min(passages, 64 * cells(passages)),
        efforts=(8, 16, 32, 64, 128, 256, 512),
        keeps=False,
        compared=lambda effort, passages: cells(passages) + effort * passages / cells(passages),
        parameters=_ivf_parameters,
        read_flags=faiss.IO_FLAG_MMAP_IFC,
        on_gpu=True,
    ),
}


class AnnIndex:
    """A FAISS index of one kind. A Proposer; may be searched from several threads."""

    def __init__(self, kind: AnnKind, index: Any) -> None:
        self._kind = kind
        self._index = index

    @classmethod
    def make(cls, kind: AnnKind, vectors: Fixed, seed: int, *, gpu: bool = False) -> AnnIndex:
        """Train on a seeded sample of the (n, dim) vectors and add them all, on the first GPU where it can be."""
        passages, dim = vectors.shape
        faiss.omp_set_num_threads(count())
        index = kind.make(dim, passages, seed)
        sample = np.random.default_rng(seed).choice(passages, kind.train_rows(passages), replace=False)
        trained_on = floats(vectors[np.sort(sample)])
        added = (floats(part) for _, part in parts(vectors))
        if gpu and kind.on_gpu:
            return cls(kind, filled(index, trained_on, added))
        index.train(trained_on)
        for part in added:
            index.add(part)
        return cls(kind, index)

    @classmethod
    def read(cls, kind: AnnKind, directory: Path) -> AnnIndex:
        """Open the file of a folder, whose hash was checked. Raises CorruptError when FAISS cannot read it."""
        path = directory / ANN
        try:
            with _limit_lock:
                # No part of a file is larger than the file: a forged length cannot ask for more memory.
                faiss.set_deserialization_vector_byte_limit(path.stat().st_size)
                return cls(kind, faiss.read_index(str(path), kind.read_flags))
        except (OSError, RuntimeError) as error:
            raise CorruptError(f"{path} cannot be read: {str(error).splitlines()[0]}", REBUILD) from None

    def write(self, directory: Path) -> None:
        """Write the index into a folder."""
        path = directory / ANN
        with disk_errors(path):
            faiss.write_index(self._index, str(path))

    @property
    def efforts(self) -> tuple[int, ...]:
        """Search efforts to try, ascending."""
        return self._kind.efforts

    def effort_for(self, fetch: int, effort: int, share: float) -> int:
        """The effort that can return `fetch` passages out of a share of all (above 0, at most 1), at least `effort`.

        FAISS spends its effort on passages that are not allowed too, so a filter needs that much more.
        """
        return math.ceil((max(effort, fetch) if self._kind.keeps else effort) / share)

    def compared(self, effort: int) -> float:
        """Vectors a search compares, about."""
        return self._kind.compared(effort, self._index.ntotal)

    def search(self, query: Vectors, fetch: int, effort: int, allowed: Bools | None = None) -> Ints:
        """At most `fetch` allowed passages near a (dim,) query, in no promised order."""
        bits = None if allowed is None else np.packbits(allowed, bitorder="little")
        selector = None if bits is None else faiss.IDSelectorBitmap(bits)
        parameters = self._kind.parameters(effort, selector)
        _, found = self._index.search(np.ascontiguousarray(query[None], np.float32), fetch, params=parameters)
        rows: Ints = found[0]
        return rows[rows >= 0]
