"""Check every file of an index version that was written elsewhere, before it is opened.

What search opens is mapped into memory and read without further checks, so a posting that points outside the passages
would read memory that is not the file's. These checks read everything once and raise CorruptError that names the file.
They run in a process of its own (`clew.indexer.releases.checking`), because a library can crash on a damaged file.
"""

from __future__ import annotations

from pathlib import Path

from clew.core.errors import CorruptError
from clew.search.checks.bm25 import check_postings, check_statistics, check_words
from clew.search.checks.dense import check_vector_sums, check_vectors
from clew.search.checks.documents import check_documents
from clew.search.checks.graph import GraphSize, check_annotations, check_entity_counts
from clew.search.spec import SearchSpec
from clew.search.versions import IndexFolder, IndexVersion, ShardManifest, load

__all__ = ["GraphSize", "check_version"]


def check_version(folder: IndexFolder, version: IndexVersion, spec: SearchSpec, graph: GraphSize | None) -> None:
    """Check the statistics and all shards of a version.

    spec: the version's. graph: the size of its graph's snapshot, which was checked before; None without a graph.
    """
    root = folder.version(version.id)
    documents = passages = 0
    sizes: list[tuple[Path, int]] = []
    for address, digest in version.shards:
        shard = folder.shard(address)
        counted = check_documents(shard, spec.fields)
        manifest = load(ShardManifest, shard / "manifest.json", digest)
        if counted != (manifest.documents, manifest.passages):
            raise CorruptError(
                f"{shard / 'manifest.json'} counts {manifest.documents} documents and {manifest.passages} passages, "
                f"but the shard has {counted[0]} and {counted[1]}"
            )
        documents, passages = documents + counted[0], passages + counted[1]
        sizes.append((shard, counted[1]))
    if (documents, passages) != (version.documents, version.passages):
        raise CorruptError(
            f"{root / 'version.json'} counts {version.documents} documents and {version.passages} passages, "
            f"but its shards have {documents} and {passages}"
        )
    check_statistics(root / "bm25", passages, spec.fields)
    dim = check_vector_sums(root / "dense", passages) if spec.dense is not None else 0
    if graph is not None:
        check_entity_counts(root / "graph", passages, graph, dim)
    for shard, count in sizes:
        if spec.bm25.backend == "bm25":
            check_postings(shard / "bm25", count)
        else:
            check_words(shard / "bm25", count)
        if spec.dense is not None:
            check_vectors(shard / "dense", count, dim)
        if graph is not None:
            check_annotations(shard / "graph", count, graph)
