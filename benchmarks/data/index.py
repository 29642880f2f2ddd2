"""Build the indexes that benchmarks search, and reuse them while their inputs stay the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clew.benchmarks.signature import code_hash
from clew.core.errors import NotFoundError
from clew.core.files import sha256_file
from clew.search.versions import IndexFolder

if TYPE_CHECKING:
    from clew.search.pipeline import Searcher

# Code on which the bytes of an index depend. If it changes, indexes are built again; fusion is not part of it.
_INDEX_CODE = (
    "indexer", "search/candidates", "search/fields.py", "search/docstore.py", "clew/core/text.py",
    "clew/models/passage.py",
)  # fmt: skip


# The same for the graph, where there is one.
_GRAPH_CODE = (
    "kg/dictionary.py", "kg/linker.py", "kg/annotate.py", "kg/snapshot_writer.py", "kg/relations.py", "kg/snapshot.py",
    "clew/core/words.py", "clew/core/fold.py",
)  # fmt: skip
_GRAPH_FILES = tuple(f"{kind}{ending}" for ending in ("", ".gz", ".zst") for kind in (".jsonl", ".csv", ".parquet"))


def graph_table(folder: Path) -> dict[str, Any]:
    """Return the [graph] table for the nodes and edges in a folder's graph/. Raises NotFoundError for missing files."""
    found: dict[str, Any] = {}
    for kind in ("nodes", "edges"):
        files = [folder / "graph" / f"{kind}{ending}" for ending in _GRAPH_FILES]
        present = [file for file in files if file.is_file()]
        if not present:
            raise NotFoundError(
                f"{folder / 'graph'} contains no {kind}.jsonl, .csv or .parquet, plain or compressed",
                f"add {kind}, or use the graph of another folder: `clew bench graph --graph DIR`",
            )
        found[kind] = str(present[0].resolve())
    return found


def spec_variant(
    table: dict[str, Any],
    *,
    model: str = "default",
    dense: bool = True,
    backend: str = "bm25",
    graph: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return a copy of a spec with another model, BM25 backend or graph.

    model: the bi-encoder ("default": the one that the spec names). dense: False removes the vectors. graph: the [graph]
    table (None: no graph, even if the spec has one). The [quality] table is removed, because the benchmark measures the
    judged queries itself, and they do not decide whether a release goes live.
    """
    vectors: Any = table.get("dense", {})
    if not dense:
        vectors = False
    elif vectors is not False and model != "default":
        vectors = {**vectors, "model": model}
    rest = {key: value for key, value in table.items() if key not in {"quality", "graph"}}
    if graph is not None:
        rest["graph"] = graph
    return {**rest, "bm25": {**table.get("bm25", {}), "backend": backend}, "dense": vectors}


def build_if_missing(
    table: dict[str, Any], sources: Sequence[Path], base: Path, home: Path, *, rebuild: bool = False
) -> str:
    """Build the index of a spec unless it exists, and return its name.

    sources: files of its documents. base: the folder that relative paths of the spec start at. home: where benchmark
    indexes are stored. The name contains a hash of sources, spec and the code that builds, so an index is reused only
    for the same inputs. rebuild: build a new version in any case.
    """
    from clew.indexer.build import build
    from clew.indexer.releases.models import described_encoder
    from clew.indexer.spec import spec_of

    spec = spec_of(table, f"spec of {table['name']}", base)
    deciding = {**table, "source": [sha256_file(file) for file in sources], "code": code_hash(_INDEX_CODE)}
    deciding["encoder"] = described_encoder(spec.search.dense, home)  # a name may come to mean another model
    if graph := table.get("graph"):
        files = [sha256_file(base / graph[kind]) for kind in ("nodes", "edges") if graph.get(kind)]
        deciding["graph"] = {**graph, "nodes": files, "edges": code_hash(_GRAPH_CODE)}
    key = hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()[:12]
    name = f"{table['name'][:40]}-{key}"
    if rebuild or not _is_live(home, name):
        build(replace(spec, name=name), home)
    return name


def open_built(home: Path, name: str) -> Searcher:
    """Open an index that `build_if_missing` named."""
    from clew.search.assemble import open_index

    return open_index(home, name)


def _is_live(home: Path, name: str) -> bool:
    try:
        IndexFolder.of(home, name).live()
    except NotFoundError:
        return False
    return True
