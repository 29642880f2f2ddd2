"""Measure vector search alone, and write the data with which other libraries are measured at the same recall."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clew.benchmarks.peers.ann import K
from clew.benchmarks.peers.protocol import Round, RoundWithFacts, per_second
from clew.benchmarks.speed.material import Bench, corpus_of, open_texts

if TYPE_CHECKING:
    from clew.search.pipeline import Searcher


@contextmanager
def ann(bench: Bench) -> Iterator[Round]:
    """Measure vector search; write the vectors, those of the queries and the true nearest rows for the peers."""
    import numpy as np

    from clew.models.store import load_encoder
    from clew.search.candidates.dense.exact import exact_top
    from clew.search.candidates.dense.int16 import to_float32
    from clew.search.protocols import CandidateRequest, ParsedQuery

    queries = load_encoder(bench.job.model, bench.home).encode_queries(bench.queries)
    with open_texts(bench, bench.texts, dense=True) as searcher:
        source = searcher.generators["dense"]
        asked = [CandidateRequest(ParsedQuery("", vector=query), K) for query in queries]
        vectors = _vectors(bench, searcher)
        nearest = [exact_top(vectors, query, K).ordinals for query in queries]
        found = [source.candidates(request).ordinals for request in asked]
        recall = sum(len(np.intersect1d(*both)) for both in zip(found, nearest, strict=True)) / sum(map(len, nearest))
        folder = _ann_folder(bench)
        folder.mkdir(exist_ok=True)
        for name, values in (
            ("vectors", to_float32(vectors)),
            ("query_vectors", queries),
            ("nearest", np.array(nearest)),
        ):
            np.save(folder / f"{name}.npy", values)
        (folder / "recall.json").write_text(json.dumps(recall), encoding="utf-8")
        yield RoundWithFacts(
            lambda: per_second(len(asked), lambda: [source.candidates(request) for request in asked]),
            {f"recall@{K}": round(recall, 4), "certified": dict(searcher.version.recall)},
        )


def peer_inputs(bench: Bench) -> dict[str, Any]:
    """Return what `ann` wrote, for a peer's job: the paths of its files, and the recall to reach."""
    folder = _ann_folder(bench)
    files = {name: str(folder / f"{name}.npy") for name in ("vectors", "query_vectors", "nearest")}
    return {**files, "recall": json.loads((folder / "recall.json").read_text(encoding="utf-8"))}


def _ann_folder(bench: Bench) -> Path:
    return corpus_of(bench, bench.texts).parent / "ann"


def _vectors(bench: Bench, searcher: Searcher) -> Any:
    """Return the (passages, dim) int16 vectors of an opened index as they are stored."""
    import numpy as np

    from clew.search.candidates.dense.files import VECTORS
    from clew.search.versions import IndexFolder

    folder, shards = IndexFolder.of(bench.home, searcher.version.index), searcher.version.shards
    return np.concatenate([np.load(folder.shard(address) / "dense" / VECTORS) for address, _ in shards])
