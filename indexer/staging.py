"""The work folder of a build. It is named by a hash of the build's inputs, so that a restarted build finds its work.

<index>/staging/<plan>/done/<step>.json   the result of a finished step; written last and atomically
<index>/staging/<plan>/parts/<shard>/     a shard that is being built
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
        """Return the staging folder of a plan; create it if it does not exist."""
        root = folder.root / "staging" / plan[:16]
        (root / "done").mkdir(parents=True, exist_ok=True)
        return cls(root)

    @property
    def view(self) -> IndexFolder:
        """The result as an index folder that can be opened. It has the plan's name, not the index's."""
        return IndexFolder(self.root)

    def work(self, shard: int) -> Path:
        """Return the work folder of a shard."""
        return self.root / "parts" / str(shard)

    def result(self, step: str) -> dict[str, Any] | None:
        """Return the result of a finished step; None if it is not finished."""
        try:
            found: dict[str, Any] = json.loads((self.root / "done" / f"{step}.json").read_bytes())
        except FileNotFoundError:
            return None
        return found

    def finish(self, step: str, result: Mapping[str, Any], *written: Path) -> dict[str, Any]:
        """Mark a step as finished, after the files that it wrote are durable; return its result."""
        for path in written:
            fsync_tree(path)
        write_atomic(self.root / "done" / f"{step}.json", json.dumps(result).encode())
        return dict(result)

    def once(self, step: str, work: Callable[[], Mapping[str, Any]], *written: Path) -> dict[str, Any]:
        """Return the stored result of a step; if there is none, run the step now."""
        found = self.result(step)
        return found if found is not None else self.finish(step, work(), *written)


def plan_of(spec: Mapping[str, Any], files: Sequence[str], encoder: Mapping[str, Any], analyzer: str) -> str:
    """Return the hash that names a build: sha256 of the spec, the source's content, the encoder, the analyzer and Clew.

    spec: as a table. files: URLs of the source's files. encoder: its description. analyzer: its fingerprint.
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
    """Return a signature of a file's content: sha256 of a local file, the storage's own tag of a remote one."""
    if "://" not in url:
        with source_errors(url):
            return sha256_file(Path(url))
    import fsspec

    filesystem, path = fsspec.core.url_to_fs(url)
    return str(filesystem.ukey(path))
