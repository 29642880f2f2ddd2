"""Measure vector search on this machine: on the CPU, and on a GPU if one can be used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from clew.benchmarks.peers.protocol import median_ms, per_second

if TYPE_CHECKING:
    from clew.core.types import Vectors
    from clew.search.candidates.dense.int16 import Int16Vectors
    from clew.search.candidates.dense.shard import ApproximateSearch, DenseShard

_DIM, _K, _QUERIES, _BATCH = 384, 100, 200, 64
_RECALL = 0.97
# Average number of vectors in a cluster, and their distance from its centre: as similar as vectors of texts are.
_CLUSTER, _SPREAD = 100, 1.2
_ROWS = 65_536


@dataclass(frozen=True, slots=True)
class _SearchMethod:
    """One search method. make: builds it; search_batch: answers 64 queries in one call, None if it cannot."""

    kind: str
    make: Callable[[Int16Vectors], ApproximateSearch]
    search_batch: Callable[[ApproximateSearch, Vectors], object] | None = None


def measure_vectors(passages: int, seed: int, say: Callable[[str], None]) -> dict[str, dict[str, Any]]:
    """Measure every search method: method → figures.

    Figures: build_s, effort, recall@10, recall@100, queries_per_second, p50_ms, and p50_ms of 64 queries at once.
    Vectors are seeded and clustered. Without a usable GPU, its methods have {"missing": the reason}.
    """
    from clew.search.candidates.dense.int16 import to_int16
    from clew.search.candidates.dense.recall import RecallProbe, synthetic_queries

    vectors = np.concatenate([to_int16(part) for part in _clustered_vectors(passages, seed)])
    probe, queries = RecallProbe(vectors, seed), synthetic_queries(vectors, seed + 1)[:_QUERIES]
    found: dict[str, dict[str, Any]] = {}
    for name, method in _search_methods(passages, seed).items():
        if isinstance(method, str):
            found[name] = {"missing": method}
            say(f"vectors, {name}: {method}")
            continue
        start = perf_counter()
        made = method.make(vectors)
        took = perf_counter() - start
        found[name] = {"build_s": round(took, 3), **_search_figures(method, made, vectors, probe, queries)}
        say(f"vectors, {name}: built in {took:.1f} s, {found[name]['queries_per_second']:,.0f} queries/s")
    return found


def _search_methods(passages: int, seed: int) -> dict[str, _SearchMethod | str]:
    from clew.search.candidates.dense.ann import ANN_KINDS, AnnIndex
    from clew.search.candidates.dense.gpu import GpuScan, for_build, library
    from clew.search.candidates.dense.rabitq import RaBitQScan

    def inverted(vectors: Int16Vectors, *, gpu: bool = False) -> ApproximateSearch:
        return AnnIndex.make(ANN_KINDS["ivf"], vectors, seed, gpu=gpu)

    reached = for_build("auto", passages, _DIM)
    nowhere = "no GPU can be used" if library() is None else "the GPU has not enough memory"
    return {
        "rabitq, processor": _SearchMethod("rabitq", RaBitQScan.make),
        "ivf, processor": _SearchMethod("ivf", inverted),
        "ivf built on the GPU": _SearchMethod("ivf", lambda vectors: inverted(vectors, gpu=True))
        if reached == "faiss"
        else (nowhere if reached is None else "faiss-gpu is not installed"),
        "all, GPU": nowhere
        if reached is None
        else _SearchMethod("gpu", lambda vectors: GpuScan.with_library(reached, vectors), _search_all_at_once),
    }


def _search_all_at_once(made: Any, queries: Vectors) -> object:
    return made.index.nearest(queries, 2 * _K)


def _search_figures(
    method: _SearchMethod, made: ApproximateSearch, vectors: Int16Vectors, probe: Any, queries: Vectors
) -> dict[str, Any]:
    """Return the figures at the smallest effort that reaches the recall that an index is built for by default."""
    from clew.search.candidates.dense.shard import DenseShard

    recall: dict[str, float] = {}
    for effort in made.efforts:
        shard = DenseShard(vectors, method.kind, made, effort, exact_below=0)
        recall = probe.measure(shard)
        if min(recall.values()) >= _RECALL:
            break
    alone = [partial(shard.nearest, query, _K) for query in queries]
    batches = [queries[at : at + _BATCH] for at in range(0, max(1, len(queries) - _BATCH + 1), _BATCH)]
    at_once: list[Callable[[], object]]
    if method.search_batch is not None:
        at_once = [partial(method.search_batch, made, batch) for batch in batches]
    else:
        at_once = [partial(_one_by_one, shard, batch) for batch in batches]
    return {
        "effort": effort,
        **{name: round(value, 4) for name, value in recall.items()},
        "queries_per_second": round(per_second(len(alone), lambda: [ask() for ask in alone]), 1),
        "p50_ms": round(median_ms(alone), 4),
        f"p50_ms of {_BATCH} at once": round(median_ms(at_once), 4),
    }


def _one_by_one(shard: DenseShard, queries: Vectors) -> None:
    for query in queries:
        shard.nearest(query, _K)


def _clustered_vectors(passages: int, seed: int) -> Iterator[Vectors]:
    """Generate unit vectors in clusters, in blocks."""
    random = np.random.default_rng(seed)
    middles = random.normal(size=(max(1, passages // _CLUSTER), _DIM)).astype(np.float32)
    for first in range(0, passages, _ROWS):
        count = min(_ROWS, passages - first)
        part = middles[random.integers(0, len(middles), count)]
        part += _SPREAD * random.normal(size=(count, _DIM)).astype(np.float32)
        yield part / np.linalg.norm(part, axis=1, keepdims=True)
