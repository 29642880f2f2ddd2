"""The tasks of one shard: cut its documents, compute its local statistics, and build its files.

Each task writes only to the shard's work folder:

<work>/cut/          documents and passages
<work>/surveyed/     files that the index kinds write with their local statistics, one folder for each kind
<work>/shard/        the finished shard: the files above, one folder for each index kind, manifest.json
<work>/vectors.npy   (passages, dim) float32 unit vectors
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from clew.core.artifacts import digest_files, link_tree
from clew.core.files import disk_errors, write_atomic
from clew.core.spec import as_table
from clew.core.text import Analyzer
from clew.core.types import Document
from clew.indexer.passages import cut
from clew.indexer.spec import IndexSpec
from clew.indexer.spool import read_documents
from clew.indexer.variants import shaped
from clew.search.assemble import kinds_of
from clew.search.candidates.dense.files import FORMAT as DENSE_FORMAT
from clew.search.docstore import DocStore, write_documents, write_passages
from clew.search.fields import body, title_field
from clew.search.protocols import IndexKind, PassageSet
from clew.search.versions import ShardManifest, dumps, load

MANIFEST = "manifest.json"
# The settings of derived files. This file is not derived, so a shard with another kind of ANN file has another address.
SETTINGS = "settings.json"
VECTORS = "vectors.npy"
_CUT_BATCH = 256


@dataclass(frozen=True, slots=True)
class ShardJob:
    """A shard to build in the folder `work`, from documents `first` to `last` (exclusive) of the spool in `spool`."""

    spec: IndexSpec
    home: Path
    spool: Path
    work: Path
    first: int
    last: int

    @property
    def cut(self) -> Path:
        """The folder of the documents and passages."""
        return self.work / "cut"

    @property
    def partial(self) -> Path:
        """The folder of the files that the index kinds write before the global statistics are known."""
        return self.work / "surveyed"

    @property
    def shard(self) -> Path:
        """The folder of the finished shard."""
        return self.work / "shard"

    def store(self) -> DocStore:
        """Open the shard's documents and passages, which must have been cut."""
        return DocStore.open([self.cut], self.spec.search.fields)


def kinds(spec: IndexSpec, home: Path) -> dict[str, IndexKind[Any, Any]]:
    """Return the index kinds of a spec by source name."""
    return kinds_of(spec.search, Analyzer(spec.search.analyzer), home)


def cut_shard(job: ShardJob) -> dict[str, int]:
    """Write the shard's documents and the offsets of their passages; return both counts.

    Reads each document once and keeps only one batch of documents in memory.
    """
    with disk_errors(job.work):
        shutil.rmtree(job.work, ignore_errors=True)
        job.cut.mkdir(parents=True)
        found: list[list[tuple[int, int]]] = []
        fields = job.spec.search.fields
        read = read_documents(job.spool, job.first, job.last, fields)
        documents = (shaped(document, fields) for document in read)
        count = write_documents(_cut(documents, job, found), fields, job.cut)
        owners = np.repeat(np.arange(count), [len(windows) for windows in found])
        places = np.array([window for windows in found for window in windows], np.int64).reshape(-1, 2)
        write_passages(job.cut, owners, places[:, 0], places[:, 1])
    return {"documents": count, "passages": len(owners)}


def _cut(documents: Iterator[Document], job: ShardJob, found: list[list[tuple[int, int]]]) -> Iterator[Document]:
    """Yield the documents, and append the passages of each to `found`: (start, end) in characters of its body."""
    fields = job.spec.search.fields
    title = title_field(fields)
    while batch := list(islice(documents, _CUT_BATCH)):
        texts = [body(document.fields, fields)[0] for document in batch]
        found += cut(texts, [_title(document, title) for document in batch], job.spec.passages)
        yield from batch


def _title(document: Document, name: str | None) -> str:
    return str(document.fields.get(name) or "") if name else ""


def _passages(job: ShardJob) -> PassageSet:
    found = job.store().passage_set(job.spec.search.fields)
    if job.spec.search.dense is None:
        return found
    return replace(found, vectors=np.load(job.work / VECTORS, mmap_mode="r"))


def shard_statistics(job: ShardJob) -> dict[str, Any]:
    """Return the shard's local statistics by source name."""
    passages = _passages(job)
    found = {}
    with disk_errors(job.work):
        shutil.rmtree(job.partial, ignore_errors=True)
        for source, kind in kinds(job.spec, job.home).items():
            folder = job.partial / source
            folder.mkdir(parents=True)
            found[source] = kind.local_statistics(passages, folder)
    return found


def build_shard(job: ShardJob, global_statistics: Mapping[str, Any]) -> dict[str, str]:
    """Write the shard's index files and its manifest; return its address."""
    passages = _passages(job)
    facts: dict[str, Mapping[str, Any]] = {}
    derived: list[str] = []
    with disk_errors(job.work):
        link_tree(job.cut, job.shard)
        for source, kind in kinds(job.spec, job.home).items():
            folder = job.shard / source
            link_tree(job.partial / source, folder)
            facts[source] = kind.build(passages, global_statistics[source], folder)
            derived += [f"{source}/{name}" for name in kind.derived()]
        (job.shard / SETTINGS).write_bytes(_settings(job.spec))
        files = digest_files(job.shard, leave_out=(MANIFEST,))
        manifest = ShardManifest(
            documents=job.last - job.first,
            passages=len(passages),
            files=files,
            derived=tuple(sorted(set(derived) & set(files))),
            facts=facts,
        )
        write_atomic(job.shard / MANIFEST, dumps(manifest))
    return {"address": manifest.address}


def _settings(spec: IndexSpec) -> bytes:
    """Return the settings and the format of the derived files.

    Without the format, a shard whose derived files an earlier version of Clew wrote would have the address of a new
    one. The settings include neither the model, because the stored vectors already depend on it, nor the device that
    compares them.
    """
    dense = as_table(spec.search.dense) | {"format": DENSE_FORMAT} if spec.search.dense is not None else {}
    for key in ("model", "device"):
        dense.pop(key, None)
    return (json.dumps({"dense": dense}, sort_keys=True) + "\n").encode()


def save_statistics(spec: IndexSpec, home: Path, parts: Sequence[Mapping[str, Any]], directory: Path) -> dict[str, Any]:
    """Combine the shards' local statistics into global ones, write them into `directory` and return them by source."""
    global_statistics = {}
    shutil.rmtree(directory, ignore_errors=True)
    for source, kind in kinds(spec, home).items():
        global_statistics[source] = kind.combine([part[source] for part in parts])
        (directory / source).mkdir(parents=True)
        kind.save(global_statistics[source], directory / source)
    return global_statistics


def read_manifest(directory: Path) -> ShardManifest:
    """Read the manifest of a shard folder."""
    return load(ShardManifest, directory / MANIFEST)
