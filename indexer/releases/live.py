"""A published release together with its version, such as the one that is live when a build begins."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clew.core.artifacts import verify_files
from clew.core.errors import CorruptError, NotFoundError, StoreError
from clew.indexer.releases.models import Models, models_of
from clew.indexer.releases.override import Override
from clew.indexer.releases.verify import is_shard_intact
from clew.search.versions import IndexFolder, IndexVersion, Release


@dataclass(frozen=True, slots=True)
class Live:
    """A published release, its version, and the override that it was published with (None: no override)."""

    release: Release
    version: IndexVersion
    override: Override | None

    @classmethod
    def of(cls, folder: IndexFolder, release: str | None = None) -> Live:
        """Read a release by id (None: the live one).

        Raises NotFoundError, CorruptError or FormatError, each naming the file.
        """
        found = folder.read_release(release)
        return cls(found, folder.read_version(found), Override.of_release(found))

    @property
    def models(self) -> Models:
        """The models that it answers with."""
        return models_of(self.version, self.release)

    def is_same(self, folder: IndexFolder, version: IndexVersion, reranker: Mapping[str, Any]) -> bool:
        """Return whether it is undamaged and has the same content and reranker as a version that was just built."""
        try:
            verify_files(folder.version(self.version.id), self.version.files)
        except CorruptError:
            return False
        live, built = self.version, version
        same = (built.content, built.shards, built.files, _settings(built.spec), built.encoder, reranker)
        return same == (
            live.content, live.shards, live.files, _settings(live.spec), live.encoder, self.release.reranker
        ) and all(is_shard_intact(folder.shard(address)) for address, _ in live.shards)  # fmt: skip


def find_live(folder: IndexFolder) -> tuple[Live | None, str]:
    """Return (the live release, ""), or (None, why it cannot be read), or (None, "") if nothing is live."""
    if not folder.pointer.exists():
        return None, ""
    try:
        return Live.of(folder), ""
    except (NotFoundError, StoreError) as error:
        return None, error.message


def _settings(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a stored spec that affects the answers of an index."""
    found = {key: value for key, value in json.loads(json.dumps(spec)).items() if key not in {"source", "build"}}
    # Versions stored before an optional table existed have no key for it.
    found = {key: value for key, value in found.items() if value is not None}
    if found.get("graph"):
        found["graph"] |= {"nodes": "", "edges": ""}  # paths do not matter: the snapshot's id identifies the content
    return found
