"""The dense index kind: int16-quantised vectors on disk and, if they are many, an approximate index of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clew.core.errors import CorruptError, DataError, FormatError, MismatchError, QualityError, UsageError
from clew.core.files import disk_errors
from clew.core.mapped import new_array, open_array
from clew.core.tables import REBUILD, read_table
from clew.core.types import Vectors
from clew.search.candidates.dense.files import ANN, CODES, FACTORS, FORMAT, SETTINGS, STATISTICS, VECTOR_SUMS, VECTORS
from clew.search.candidates.dense.gpu import for_build, log, on_gpu
from clew.search.candidates.dense.int16 import Int16Vectors, parts, to_int16
from clew.search.candidates.dense.rabitq import RaBitQScan
from clew.search.candidates.dense.recall import RecallProbe
from clew.search.candidates.dense.shard import ApproximateSearch, DenseShard
from clew.search.candidates.dense.spec import DenseSpec
from clew.search.candidates.dense.vector_statistics import VectorStatistics
from clew.search.protocols import CandidateGenerator, PassageSet

if TYPE_CHECKING:
    from clew.search.candidates.dense.ann import AnnIndex

__all__ = ["DenseCounts", "DenseKind", "DenseSpec"]

# Below this size a scan of RaBitQ codes is faster than an HNSW search at equal recall, and is built almost instantly.
HNSW_FROM = 1_000_000
IVF_FROM = 5_000_000
_UNIT = 1e-3


@dataclass(frozen=True, slots=True)
class DenseCounts:
    """Number, dimensions (0 without vectors) and statistics of the vectors of a shard or version."""

    passages: int
    dim: int
    vector_statistics: VectorStatistics


class DenseKind:
    """An IndexKind for search by cosine of vectors; its statistics are DenseCounts."""

    def __init__(self, spec: DenseSpec, queries: Vectors | None = None) -> None:
        """queries: (q, dim) unit vectors of real queries, added to the synthetic queries when recall is measured."""
        self._spec = spec
        self._queries = queries

    def local_statistics(self, passages: PassageSet, directory: Path) -> DenseCounts:  # noqa: ARG002
        """Compute the counts of a shard's vectors. Raises DataError for an invalid vector."""
        vectors = _vectors(passages)
        _check(vectors, vectors.shape[1])
        return DenseCounts(len(vectors), vectors.shape[1] if len(vectors) else 0, VectorStatistics.of(vectors))

    def combine(self, add: Sequence[DenseCounts], remove: Sequence[DenseCounts] = ()) -> DenseCounts:
        """Add the shards' counts and subtract those of deleted passages.

        Raises MismatchError if the shards' vectors differ in dimensions.
        """
        widths = sorted({part.dim for part in add if part.passages})
        if len(widths) > 1:
            raise MismatchError(
                f"shards hold vectors of {' and '.join(map(str, widths))} numbers", "build all shards with one model"
            )
        passages = sum(part.passages for part in add) - sum(part.passages for part in remove)
        vector_statistics = VectorStatistics(0, np.zeros(0, np.int64), np.zeros((0, 0), np.int64))
        for part in add:
            vector_statistics += part.vector_statistics
        for part in remove:
            vector_statistics -= part.vector_statistics
        return DenseCounts(passages, widths[0] if widths else 0, vector_statistics)

    def build(self, passages: PassageSet, global_statistics: DenseCounts, directory: Path) -> Mapping[str, Any]:
        """Write the vectors and their approximate index, with the least search effort that reaches the target recall.

        Returns kind, passages, dim, effort, recall@10, recall@100, sampled (number of queries) and bytes. Raises
        DataError for a vector that is not finite or not of unit length, and QualityError if the recall cannot be
        reached.
        """
        vectors = _vectors(passages)
        _check(vectors, global_statistics.dim)
        directory.mkdir(parents=True, exist_ok=True)
        with disk_errors(directory):
            stored = new_array(directory / VECTORS, np.int16, vectors.shape)
            for first, part in parts(vectors):
                stored[first : first + len(part)] = to_int16(part)
            stored.flush()
            facts = self._index(_map(directory / VECTORS), directory)
            (directory / SETTINGS).write_text(json.dumps(facts, sort_keys=True) + "\n", encoding="utf-8")
        return {**facts, "bytes": sum(path.stat().st_size for path in directory.iterdir())}

    def save(self, global_statistics: DenseCounts, directory: Path) -> None:
        """Write the counts of a version."""
        vector_statistics = global_statistics.vector_statistics
        table = {
            "format": FORMAT,
            "passages": global_statistics.passages,
            "dim": global_statistics.dim,
            "known": vector_statistics.count,
        }
        directory.mkdir(parents=True, exist_ok=True)
        with disk_errors(directory):
            (directory / STATISTICS).write_text(json.dumps(table, sort_keys=True) + "\n", encoding="utf-8")
            np.save(directory / VECTOR_SUMS, np.vstack([vector_statistics.total[None], vector_statistics.product]))

    def open(self, directories: Sequence[Path], global_statistics: Path) -> CandidateGenerator:
        """Open the shards of a version. Raises NotFoundError, CorruptError or FormatError that names the file."""
        counts = read_table(global_statistics / STATISTICS, FORMAT)
        sums = open_array(global_statistics / VECTOR_SUMS, np.int64, (None, None))
        vector_statistics = VectorStatistics(int(counts["known"]), sums[0], sums[1:])
        shards = [self._open_shard(directory, counts["dim"], vector_statistics) for directory in directories]
        if (found := sum(shard.size for shard in shards)) != counts["passages"]:
            raise CorruptError(
                f"{global_statistics / STATISTICS} counts {counts['passages']} vectors, but its shards hold {found}",
                REBUILD,
            )
        if len(shards) == 1:
            return shards[0]
        from clew.search.candidates.sharded import Sharded

        return Sharded(shards)

    def derived(self) -> frozenset[str]:
        """Return the files of the approximate index and of its measured recall.

        They can differ between builds, because machines round means differently and several threads build a graph.
        """
        return frozenset({ANN, CODES, FACTORS, SETTINGS})

    def _index(self, vectors: Int16Vectors, directory: Path) -> dict[str, Any]:
        """Build, measure and write the approximate index of a shard; return its settings."""
        name = self._kind_for(len(vectors))
        facts = {"format": FORMAT, "kind": name, "passages": len(vectors), "dim": vectors.shape[1]}
        if name == "flat":
            return {**facts, "effort": 0, "recall@10": 1.0, "recall@100": 1.0, "sampled": 0}
        gpu = for_build(self._spec.device, *vectors.shape) == "faiss"
        proposer = self._make_proposer(name, vectors, gpu=gpu)
        probe = RecallProbe(vectors, self._spec.seed, self._queries)
        recall: dict[str, float] = {}
        for effort in proposer.efforts:
            recall = probe.measure(DenseShard(vectors, name, proposer, effort, self._spec.exact_below))
            if min(recall.values()) >= self._spec.recall:
                proposer.write(directory)
                return {**facts, "effort": effort, **recall, "sampled": probe.size}
        shown = ", ".join(f"{what} {value:.4f}" for what, value in recall.items())
        raise QualityError(
            f"{name} over {len(vectors)} passages reaches {shown} at the highest search effort, "
            f"below the target of {self._spec.recall}",
            'lower recall in [dense], or set kind = "flat" there for an exact search',
        )

    def _make_proposer(self, name: str, vectors: Int16Vectors, *, gpu: bool) -> RaBitQScan | AnnIndex:
        if name == "rabitq":
            return RaBitQScan.make(vectors)
        from clew.search.candidates.dense.ann import ANN_KINDS, AnnIndex

        try:
            return AnnIndex.make(ANN_KINDS[name], vectors, self._spec.seed, gpu=gpu)
        except RuntimeError as error:  # raised by FAISS if the GPU runs out of memory in the meantime
            if not gpu:
                raise
            reason = str(error).partition("\n")[0]
            if self._spec.device == "cuda":
                raise UsageError(
                    f"the GPU failed: {reason}", "free GPU memory, or remove device from [dense]"
                ) from None
            log.warning("%s is built on the CPU: %s", name, reason)
            return AnnIndex.make(ANN_KINDS[name], vectors, self._spec.seed)

    def _kind_for(self, passages: int) -> str:
        """Return the kind of search for a shard of this many passages."""
        if passages == 0:
            return "flat"
        if self._spec.kind != "auto":
            return self._spec.kind
        if passages <= self._spec.exact_below:
            return "flat"
        if passages < HNSW_FROM:
            return "rabitq"
        return "hnsw" if passages < IVF_FROM else "ivf"

    def _open_shard(self, directory: Path, dim: int, vector_statistics: VectorStatistics) -> DenseShard:
        settings = read_table(directory / SETTINGS, FORMAT)
        vectors = _map(directory / VECTORS)
        if len(vectors) != settings["passages"] or (len(vectors) and vectors.shape[1] != dim):
            raise CorruptError(
                f"{directory / VECTORS} has shape {vectors.shape}, expected ({settings['passages']}, {dim})",
                REBUILD,
            )
        name = str(settings["kind"])
        proposer: ApproximateSearch | None = None
        below, effort = self._spec.exact_below, int(settings["effort"])
        if name == "rabitq":
            proposer = RaBitQScan.read(directory, *vectors.shape)
        elif name != "flat":
            from clew.search.candidates.dense.ann import ANN_KINDS, AnnIndex

            if name not in ANN_KINDS:
                known = ", ".join(("flat", "rabitq", *ANN_KINDS))
                raise FormatError(
                    f"kind {name!r} in {directory / SETTINGS} is unknown, expected one of {known}", REBUILD
                )
            proposer = AnnIndex.read(ANN_KINDS[name], directory)
        if proposer is not None and len(vectors) > below and (scan := on_gpu(self._spec.device, vectors)):
            return DenseShard(vectors, "gpu", scan, 1, below, vector_statistics)
        return DenseShard(vectors, name, proposer, effort, below, vector_statistics)


def _vectors(passages: PassageSet) -> Vectors:
    if passages.vectors is None:
        raise ValueError("a dense index needs the passages' vectors")
    return passages.vectors


def _check(vectors: Vectors, dim: int) -> None:
    """Check that vectors are finite, of unit length (or zero: the model cannot read the text) and of `dim` numbers."""
    if len(vectors) and vectors.shape[1] != dim:
        raise MismatchError(
            f"vectors have {vectors.shape[1]} numbers, but those of the index have {dim}",
            "build all shards with one model",
        )
    for first, part in parts(vectors):
        length = np.linalg.norm(part, axis=1)
        off = np.flatnonzero(~((np.abs(length - 1) <= _UNIT) | (length == 0)))  # also true of NaN
        if len(off):
            raise DataError(
                f"the vector of passage {first + int(off[0])} is not finite or not of unit length",
                "check the model, or delete the embedding cache and build again",
            )


def _map(path: Path) -> Int16Vectors:
    """Memory-map the vectors of a file, read-only."""
    vectors: Int16Vectors = open_array(path, np.int16, (None, None))
    return vectors
