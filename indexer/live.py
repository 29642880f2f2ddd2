"""The release that is live when a build begins: whether it is what was built, and with which models it answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clew.core.artifacts import verify_files
from clew.core.errors import CorruptError, NotFoundError, StoreError
from clew.indexer.publish import good_shard
from clew.search.versions import IndexFolder, IndexVersion, Release

Models = tuple[str, str]


def models_of(version: IndexVersion, release: Release) -> Models:
    """The bi-encoder and the reranker, which are judged as a pair: fingerprint and runtime, "" for one not there.

    The runtime counts because a fingerprint is of weights: the 8-bit form of a reranker has that of the whole one.
    """
    return _identity(version.encoder), _identity(release.reranker)


def _identity(recorded: Mapping[str, Any]) -> str:
    return f"{recorded['fingerprint']} {recorded.get('runtime', '')}" if recorded else ""


@dataclass(frozen=True, slots=True)
class Live:
    """A published release and its version."""

    release: Release
    version: IndexVersion

    @classmethod
    def of(cls, folder: IndexFolder, release: str | None = None) -> Live:
        """A release by id, or the live one. Raises NotFoundError, CorruptError or FormatError with the file's name."""
        found = folder.read_release(release)
        return cls(found, folder.read_version(found))

    @property
    def models(self) -> Models:
        """The models it answers with."""
        return models_of(self.version, self.release)

    def is_same(self, folder: IndexFolder, version: IndexVersion, reranker: Mapping[str, Any]) -> bool:
        """Whether this is what was built, reranked by the same, its files whole."""
        try:
            verify_files(folder.version(self.version.id), self.version.files)
        except CorruptError:
            return False
        ours, mine = self.version, version
        same = (mine.content, mine.shards, mine.files, _settings(mine.spec), mine.encoder, reranker)
        return same == (
            ours.content, ours.shards, ours.files, _settings(ours.spec), ours.encoder, self.release.reranker
        ) and all(good_shard(folder.shard(address)) for address, _ in ours.shards)  # fmt: skip


def find_live(folder: IndexFolder) -> tuple[Live | None, str]:
    """(the live release, why it cannot be read); None and "" where nothing is live."""
    if not folder.pointer.exists():
        return None, ""
    try:
        return Live.of(folder), ""
    except (NotFoundError, StoreError) as error:
        return None, error.message


def _settings(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a stored spec that decides how an index answers."""
    kept = {key: value for key, value in json.loads(json.dumps(spec)).items() if key not in {"source", "build"}}
    # Versions from before an optional table was known have no key for it.
    kept = {key: value for key, value in kept.items() if value is not None}
    if kept.get("graph"):
        kept["graph"] |= {"nodes": "", "edges": ""}  # the snapshot says what was in them
    return kept
