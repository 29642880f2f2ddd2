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
from clew.core.threads import count
from clew.core.types import Bools, Ints, Vectors

faiss: Any = _faiss  # its type stubs leave out search parameters and selectors
_ADD_ROWS = 65_536
_limit_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class AnnKind:
    """One way to find near vectors without comparing all.

    make: (dim, passages, seed) → an untrained FAISS index for inner products. train_rows: passages → rows its
    quantiser is trained on. efforts: search efforts to try, ascending. keeps: whether the effort is also the number of
    passages a search can return. proposes: whether a search proposes that many passages, from which exact scores
    choose. compared: (effort, passages) → what a search compares, as a number of vectors, about. parameters: (effort,
    selector) → FAISS search parameters. selects: whether it can search among selected passages alone. read_flags: how
    its file is opened (mapped into memory).
    """

    make: Callable[[int, int, int], Any]
    train_rows: Callable[[int], int]
    efforts: tuple[int, ...]
    keeps: bool
    proposes: bool
    compared: Callable[[int, int], float]
    parameters: Callable[[int, Any], Any]
    selects: bool
    read_flags: int


def _hnsw(dim: int, passages: int, seed: int) -> Any:  # noqa: ARG001 - one signature for all kinds
    """Malkov and Yashunin 2018, 16 links a node, vectors kept in 8 bits a dimension."""
    index = faiss.IndexHNSWSQ(dim, faiss.ScalarQuantizer.QT_8bit, 16, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = 64
    return index


def _rabitq(dim: int, passages: int, seed: int) -> Any:  # noqa: ARG001
    """One bit a dimension (Gao and Long: RaBitQ, SIGMOD 2024), all of them scanned, 32 vectors at a time."""
    return faiss.IndexRaBitQFastScan(dim, faiss.METRIC_INNER_PRODUCT)


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
    "rabitq": AnnKind(
        make=_rabitq,
        train_rows=lambda passages: passages,  # for their mean alone
        efforts=(256, 512, 768, 1024, 1536, 2048, 3072, 4096),
        keeps=True,
        proposes=True,
        # A vector of signs takes a fifteenth of a float vector's time, a proposal from anywhere three times it.
        compared=lambda effort, passages: passages / 15 + 3.0 * effort,
        parameters=lambda effort, selector: None,  # noqa: ARG005 - it has none
        selects=False,
        read_flags=faiss.IO_FLAG_MMAP_IFC,
    ),
    "hnsw": AnnKind(
        make=_hnsw,
        train_rows=lambda passages: min(passages, 100_000),
        efforts=(64, 128, 256, 512, 1024),
        keeps=True,
        proposes=False,
        compared=lambda effort, passages: 16.0 * effort,  # noqa: ARG005 - the links of every node visited
        parameters=_hnsw_parameters,
        selects=True,
        read_flags=faiss.IO_FLAG_MMAP_IFC,
    ),
    "ivf": AnnKind(
        make=_ivf,
        train_rows=lambda passages: min(passages, 64 * cells(passages)),
        efforts=(8, 16, 32, 64, 128, 256, 512),
        keeps=False,
        proposes=False,
        compared=lambda effort, passages: cells(passages) + effort * passages / cells(passages),
        parameters=_ivf_parameters,
        selects=True,
        read_flags=faiss.IO_FLAG_MMAP_IFC,
    ),
}


class AnnIndex:
    """A FAISS index of one kind. May be searched from several threads."""

    def __init__(self, kind: AnnKind, index: Any) -> None:
        self._kind = kind
        self._index = index

    @classmethod
    def make(cls, kind: AnnKind, vectors: Vectors, seed: int) -> AnnIndex:
        """Train on a seeded sample of the (n, dim) vectors and add them all."""
        passages, dim = vectors.shape
        faiss.omp_set_num_threads(count())
        index = kind.make(dim, passages, seed)
        sample = np.random.default_rng(seed).choice(passages, kind.train_rows(passages), replace=False)
        index.train(np.ascontiguousarray(vectors[np.sort(sample)]))
        for first in range(0, passages, _ADD_ROWS):
            index.add(np.ascontiguousarray(vectors[first : first + _ADD_ROWS]))
        return cls(kind, index)

    @classmethod
    def read(cls, kind: AnnKind, path: Path) -> AnnIndex:
        """Open a file whose hash was checked. Raises CorruptError when FAISS cannot read it."""
        try:
            with _limit_lock:
                # No part of a file is larger than the file: a forged length cannot ask for more memory.
                faiss.set_deserialization_vector_byte_limit(path.stat().st_size)
                return cls(kind, faiss.read_index(str(path), kind.read_flags))
        except (OSError, RuntimeError) as error:
            raise CorruptError(
                f"{path} cannot be read: {str(error).splitlines()[0]}", "rebuild with `clew build`, or roll back"
            ) from None

    def write(self, path: Path) -> None:
        """Write the index to a file."""
        with disk_errors(path):
            faiss.write_index(self._index, str(path))

    def effort_for(self, fetch: int, effort: int) -> int:
        """The effort that can return `fetch` passages, at least `effort`."""
        return max(effort, fetch) if self._kind.keeps else effort

    def compared(self, effort: int) -> float:
        """Vectors a search compares, about."""
        return self._kind.compared(effort, self._index.ntotal)

    def needed(self, wanted: int, effort: int, allowed: int) -> int:
        """How many passages a search has to find for its best `wanted` to be trusted.

        What proposes passages without regard to a filter may have proposed few of the `allowed` ones: a filter on what
        the query is not about. It takes the share of its effort that falls to them.
        """
        if self._kind.selects:
            return wanted
        total: int = self._index.ntotal
        return max(wanted, math.ceil(effort * allowed / total))

    def search(self, query: Vectors, fetch: int, effort: int, allowed: Bools | None = None) -> Ints:
        """Allowed passages near a (dim,) query, in no promised order: at most `fetch`, or `effort` if it proposes."""
        bits = np.packbits(allowed, bitorder="little") if allowed is not None and self._kind.selects else None
        selector = None if bits is None else faiss.IDSelectorBitmap(bits)
        parameters = self._kind.parameters(effort, selector)
        wanted = min(effort, self._index.ntotal) if self._kind.proposes else fetch
        _, found = self._index.search(np.ascontiguousarray(query[None], np.float32), wanted, params=parameters)
        rows: Ints = found[0]
        rows = rows[rows >= 0]
        return rows if allowed is None or self._kind.selects else rows[allowed[rows]]
