"""Check a version before it goes live, and a release when it is activated, exported or verified."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

from clew.core.artifacts import verify_files
from clew.core.errors import CorruptError, FormatError, NotFoundError, QualityError
from clew.indexer.graphs.used import check_graph, snapshot_of
from clew.indexer.releases.history import existing
from clew.indexer.releases.pinned import pinned_folders
from clew.kg.manifest import load as load_graph
from clew.models.manifest import read_manifest
from clew.models.pinned import verify_pinned
from clew.search.types import SearchRequest
from clew.search.versions import IndexFolder, IndexVersion, Release, ShardManifest, load
from clew.search.warm_up import sample_queries

if TYPE_CHECKING:
    from clew.search.pipeline import Searcher

CANARIES = 5


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """The result of verifying a release.

    files: number of files that were read, including those of its graph and its pinned models. canaries: number of
    sample queries that were answered. recall: of the vector index against exact search (0 to 1), by measure.
    """

    index: str
    release: str
    version: str
    documents: int
    passages: int
    shards: int
    files: int
    canaries: int
    recall: dict[str, float] = field(default_factory=dict)


def is_shard_intact(directory: Path) -> bool:
    """Return whether a shard's folder exists, every file has the hash in its manifest, and these give its address."""
    try:
        manifest = load(ShardManifest, directory / "manifest.json")
        verify_files(directory, manifest.files)
    except (NotFoundError, CorruptError, FormatError):
        return False
    return manifest.address == directory.name


def check_release(home: Path, folder: IndexFolder, release: Release) -> IndexVersion:
    """Read and verify every file that a release needs, including its graph and pinned models; return its version.

    Raises CorruptError or NotFoundError that names the file.
    """
    version = folder.read_version(release)
    verify_files(folder.version(version.id), version.files)
    for address, digest in version.shards:
        manifest = load(ShardManifest, folder.shard(address) / "manifest.json", digest)
        verify_files(folder.shard(address), manifest.files)
    check_graph(home, version.spec)
    for pinned in pinned_folders(home, version, release):
        verify_pinned(pinned)
    return version


def open_verified(home: Path, folder: IndexFolder, release: Release) -> Searcher:
    """Verify every file of a release and open it as readers do. The caller closes it.

    Raises the errors of `check_release` and `clew.search.assemble.open_version`: even if the files are undamaged, the
    spec, the models or the text analysis may not match this version of Clew.
    """
    from clew.search.assemble import open_version

    return open_version(folder, check_release(home, folder, release), home, release, verify=False)


def recall_of(manifests: Sequence[ShardManifest]) -> dict[str, float]:
    """Return the measured recall of the vector index against exact search: the mean over shards, weighted by passages.

    The keys are the names of the measures.
    """
    weighted: dict[str, float] = {}
    passages = sum(manifest.passages for manifest in manifests)
    for manifest in manifests:
        for name, value in manifest.facts.get("dense", {}).items():
            if name.startswith("recall") and isinstance(value, int | float):
                weighted[name] = weighted.get(name, 0.0) + value * manifest.passages / passages
    return {name: round(value, 6) for name, value in weighted.items()}


def check_recall(recall: dict[str, float], target: float) -> None:
    """Raise QualityError if a measured recall is below the spec's target (0 to 1)."""
    for name, found in recall.items():
        if found < target - 1e-9:
            raise QualityError(
                f"{name} of the vector index is {found:.4f}, below [dense] recall = {target}",
                'set a lower [dense] recall, or use exact search: [dense] kind = "flat"',
            )


def check_searcher(searcher: Searcher, version: IndexVersion) -> int:
    """Compare the counts with the version's record and run sample queries; return how many were answered.

    Raises CorruptError that names the count or the query.
    """
    store = searcher.store
    counted = {"documents": store.documents, "passages": store.passages}
    counted |= {f"passages of {name}": generator.size for name, generator in searcher.generators.items()}
    for what, found in counted.items():
        wanted = version.documents if what == "documents" else version.passages
        if found != wanted:
            raise CorruptError(f"version {version.id} has {found} {what}, expected {wanted}", "build it again")
    queries = list(sample_queries(searcher, CANARIES))
    found_any = False
    for query in queries:
        hits = searcher.search(SearchRequest(query=query, k=3)).hits
        found_any = found_any or bool(hits)
        if not all(isfinite(hit.score) for hit in hits):
            raise CorruptError(
                f"version {version.id} returns a score that is not a finite number for {query!r}", "build it again"
            )
    if queries and not found_any:
        raise CorruptError(
            f"version {version.id} finds nothing for {queries[0]!r}, which is text from it", "build it again"
        )
    return len(queries)


def verify_release(home: Path, name: str, release: str | None = None) -> VerifyReport:
    """Read and verify every file of a release (None: the live one), open it and run sample queries.

    Raises CorruptError that names the file, NotFoundError, FormatError or MismatchError.
    """
    folder = existing(home, name)
    chosen = folder.read_release(release)
    searcher = open_verified(home, folder, chosen)
    version = searcher.version
    try:
        canaries = check_searcher(searcher, version)
    finally:
        searcher.close()
    files = len(version.files) + 2
    for address, _ in version.shards:
        files += 1 + sum(path.is_file() for path in folder.shard(address).rglob("*"))
    if (snapshot := snapshot_of(home, version.spec)) is not None:
        files += 1 + len(load_graph(snapshot).files)
    files += sum(1 + len(read_manifest(pinned).files) for pinned in pinned_folders(home, version, chosen))
    return VerifyReport(
        index=name,
        release=chosen.id,
        version=version.id,
        documents=version.documents,
        passages=version.passages,
        shards=len(version.shards),
        files=files,
        canaries=canaries,
        recall=dict(version.recall),
    )
