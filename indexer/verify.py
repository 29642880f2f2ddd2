"""What a version must show before it goes live, and what `clew indexes verify` checks of one that is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clew.core.errors import CorruptError, QualityError
from clew.indexer.graphs.used import snapshot_of
from clew.indexer.publish import existing, open_whole
from clew.kg.manifest import load
from clew.search.fields import body, title_field
from clew.search.types import MAX_QUERY_CHARACTERS, SearchRequest
from clew.search.versions import IndexVersion, ShardManifest

if TYPE_CHECKING:
    from clew.search.pipeline import Searcher

CANARIES = 5
_CANARY_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What was verified of a release. files: how many were read, those of its graph among them."""

    index: str
    release: str
    version: str
    documents: int
    passages: int
    shards: int
    files: int
    canaries: int
    recall: dict[str, float] = field(default_factory=dict)


def recall_of(manifests: Sequence[ShardManifest]) -> dict[str, float]:
    """Measured recall of the dense part against exact search: the mean over the shards, by passages."""
    weighted: dict[str, float] = {}
    passages = sum(manifest.passages for manifest in manifests)
    for manifest in manifests:
        for name, value in manifest.facts.get("dense", {}).items():
            if name.startswith("recall") and isinstance(value, int | float):
                weighted[name] = weighted.get(name, 0.0) + value * manifest.passages / passages
    return {name: round(value, 6) for name, value in weighted.items()}


def check_recall(recall: dict[str, float], target: float) -> None:
    """Raises QualityError where a measured recall is below the spec's target."""
    for name, found in recall.items():
        if found < target - 1e-9:
            raise QualityError(
                f"{name} of the dense part is {found:.4f}, [dense] recall asks for {target}",
                'ask for less, or for an exact search: [dense] kind = "flat"',
            )


def check_searcher(searcher: Searcher, version: IndexVersion) -> int:
    """Counts agree and canary queries are answered; returns how many. Raises CorruptError that says what does not."""
    store = searcher.store
    counted = {"documents": store.documents, "passages": store.passages}
    counted |= {f"passages of {name}": generator.size for name, generator in searcher.generators.items()}
    for what, found in counted.items():
        wanted = version.documents if what == "documents" else version.passages
        if found != wanted:
            raise CorruptError(f"version {version.id} holds {found} {what}, its record says {wanted}", "build it again")
    queries = list(_canaries(searcher))
    found_any = False
    for query in queries:
        hits = searcher.search(SearchRequest(query=query, k=3)).hits
        found_any = found_any or bool(hits)
        if not all(isfinite(hit.score) for hit in hits):
            raise CorruptError(f"version {version.id} scores {query!r} with what is no number", "build it again")
    if queries and not found_any:
        raise CorruptError(f"version {version.id} finds nothing for {queries[0]!r}, its own text", "build it again")
    return len(queries)


def _canaries(searcher: Searcher) -> Iterator[str]:
    """Beginnings of documents spread over the version."""
    store, title = searcher.store, title_field(searcher.fields)
    count = min(CANARIES, store.documents)
    for at in range(count):
        values: dict[str, Any] = dict(store.fields_of(at * store.documents // count))
        text = f"{(values.get(title) if title else None) or ''} {body(values, searcher.fields)[0]}".strip()
        if any(map(str.isalnum, text[:_CANARY_CHARACTERS])):  # signs alone need not be found by anything
            yield text[: min(_CANARY_CHARACTERS, MAX_QUERY_CHARACTERS)]


def verify_release(home: Path, name: str, release: str | None = None) -> VerifyReport:
    """Read every file of a release again, open it and ask it canary queries.

    Raises CorruptError that names the file, NotFoundError, FormatError or MismatchError.
    """
    folder = existing(home, name)
    chosen = folder.read_release(release)
    searcher = open_whole(home, folder, chosen)
    version = searcher.version
    try:
        canaries = check_searcher(searcher, version)
    finally:
        searcher.close()
    files = len(version.files) + 2
    for address, _ in version.shards:
        files += 1 + sum(path.is_file() for path in folder.shard(address).rglob("*"))
    if (snapshot := snapshot_of(home, version.spec)) is not None:
        files += 1 + len(load(snapshot).files)
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
