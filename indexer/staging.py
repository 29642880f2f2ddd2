"""The folder a build works in, named by what is built, so that a build that was killed finds its finished work.

<index>/staging/<plan>/done/<step>.json   what a finished step found; written last and atomically
<index>/staging/<plan>/parts/<shard>/     a shard in the making
<index>/staging/<plan>/shards, versions   laid out like the index itself, so that the result can be opened before
                                          any of it is published
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clew.core.files import fsync_tree, sha256_file, shown_url, source_errors, write_atomic
from clew.core.version import __version__
from clew.indexer import spool
from clew.search.versions import FORMAT, IndexFolder

# Tables of the spec that do not change the documents, passages, postings or vectors.
_NOT_CONTENT = ("quality", "fusion", "rerank")


@dataclass(frozen=True, slots=True)
class Staging:
    """The staging folder of one plan."""

    root: Path

    @classmethod
    def of(cls, folder: IndexFolder, plan: str) -> Staging:
        """The staging folder of a plan, made if need be."""
        root = folder.root / "staging" / plan[:16]
        (root / "done").mkdir(parents=True, exist_ok=True)
        return cls(root)

    @property
    def view(self) -> IndexFolder:
        """The result as an index folder that can be opened. Its name is the plan's, not the index's."""
        return IndexFolder(self.root)

    def work(self, shard: int) -> Path:
        """Folder of a shard in the making."""
        return self.root / "parts" / str(shard)

    def result(self, step: str) -> dict[str, Any] | None:
        """What a finished step found; None for one that is not finished."""
        try:
            found: dict[str, Any] = json.loads((self.root / "done" / f"{step}.json").read_bytes())
        except FileNotFoundError:
            return None
        return found

    def finish(self, step: str, result: Mapping[str, Any], *written: Path) -> dict[str, Any]:
        """Mark a step as finished, after what it wrote is durable."""
        for path in written:
            fsync_tree(path)
        write_atomic(self.root / "done" / f"{step}.json", json.dumps(result).encode())
        return dict(result)

    def once(self, step: str, work: Callable[[], Mapping[str, Any]], *written: Path) -> dict[str, Any]:
        """The result of a step: as it was found before, else by doing it now."""
        found = self.result(step)
        return found if found is not None else self.finish(step, work(), *written)


def plan_of(spec: Mapping[str, Any], files: Sequence[str], encoder: Mapping[str, Any], analyzer: str) -> str:
    """Name of what is built: sha256 over the spec, the bytes of the source, the encoder, the analyzer and Clew itself.

    spec: as a table. files: URLs of the source's files.
    """
    parts = {key: value for key, value in spec.items() if key not in _NOT_CONTENT}
    parts["build"] = {"shards": spec["build"]["shards"]}
    inputs = {
        "spec": parts,
        "files": [(shown_url(url), file_signature(url)) for url in files],
        "encoder": dict(encoder),
        "analyzer": analyzer,
        "clew": __version__,
        "format": FORMAT,
        "spool": spool.FORMAT,
    }
    return hashlib.sha256(json.dumps(inputs, sort_keys=True, default=str).encode()).hexdigest()


def file_signature(url: str) -> str:
    """What changes when a file does: sha256 of a local one, the store's own tag of a remote one."""
    if "://" not in url:
        with source_errors(url):
            return sha256_file(Path(url))
    import fsspec

    filesystem, path = fsspec.core.url_to_fs(url)
    return str(filesystem.ukey(path))
