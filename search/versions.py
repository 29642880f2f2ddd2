"""Versions, shards and releases of an index, and their files under a home.

<home>/indexes/<name>/CURRENT              one line: "<release id> <sha256 of its file>"; the only live pointer
<home>/indexes/<name>/releases/<id>.json   Release
<home>/indexes/<name>/versions/<id>/       version.json (IndexVersion) and the statistics of its index kinds
<home>/indexes/<name>/shards/<sha256>/     manifest.json (ShardManifest), documents, postings, vectors, ANN file

Each file is listed with its sha256 in a file above it, so that a changed byte anywhere is found when it is opened.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from clew.core.errors import CorruptError, NotFoundError, nearest
from clew.core.tables import REBUILD, parse_table, record_of

FORMAT = 1
CURRENT = "CURRENT"
INDEX_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
_RELEASE_ID = re.compile(r"r\d{1,18}", re.ASCII)
_POINTER = re.compile(r"([\w.-]+) ([0-9a-f]{64})\n", re.ASCII)

Stored = TypeVar("Stored", "ShardManifest", "IndexVersion", "Release")


@dataclass(frozen=True, slots=True)
class ShardManifest:
    """The manifest of one shard folder.

    documents, passages: counts. files: path relative to the shard → sha256, of every file except this one.
    derived: paths that may differ between builds (the ANN file); the shard's name is computed from the others.
    facts: what each index kind reports about itself (ANN kind, measured recall, sizes in bytes).
    """

    documents: int
    passages: int
    files: Mapping[str, str]
    derived: tuple[str, ...] = ()
    facts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    format: int = FORMAT

    @property
    def address(self) -> str:
        """Return the shard's name: sha256 over the names and hashes of the files that are not derived."""
        content = sorted((path, digest) for path, digest in self.files.items() if path not in self.derived)
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class IndexVersion:
    """One immutable state of an index.

    shards: (address, sha256 of its manifest.json) in ordinal order. files: statistics files of the version → sha256.
    spec: the index spec as a table, without secrets. encoder: fingerprint, runtime, name and dim of the bi-encoder
    (empty if there are no vectors). analyzer: fingerprint of the text analysis. content: sha256 over everything that is
    deterministic, so two builds of the same input have the same one. relevance: measures on the judged queries of the
    spec, if any. report: counts, times, recall.
    """

    id: str
    index: str
    created: str
    content: str
    shards: tuple[tuple[str, str], ...]
    files: Mapping[str, str]
    spec: Mapping[str, Any]
    encoder: Mapping[str, Any]
    analyzer: str
    documents: int
    passages: int
    recall: Mapping[str, float] = field(default_factory=dict)
    relevance: Mapping[str, float] = field(default_factory=dict)
    report: Mapping[str, Any] = field(default_factory=dict)
    format: int = FORMAT


@dataclass(frozen=True, slots=True)
class Release:
    """What serving uses: one version and the parameters that were learned for it.

    version: its id; version_sha256: of its version.json. learned: fusion weights and other learned parameters. note:
    why it was made. reranker: name, fingerprint and runtime of the cross-encoder it was published with (empty if it
    does not rerank). override: reason, end date and figures of the override it was published with (empty if none).
    """

    id: str
    index: str
    version: str
    version_sha256: str
    created: str
    learned: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""
    reranker: Mapping[str, Any] = field(default_factory=dict)
    override: Mapping[str, Any] = field(default_factory=dict)
    format: int = FORMAT


def dumps(stored: ShardManifest | IndexVersion | Release) -> bytes:
    """Return the bytes to write: indented JSON, tables in the order given, because the order of fields matters."""
    return (json.dumps(asdict(stored), indent=1, ensure_ascii=False) + "\n").encode()


def load(cls: type[Stored], path: Path, sha256: str | None = None) -> Stored:
    """Read a stored record. Raises NotFoundError, CorruptError (wrong hash, broken JSON) or FormatError."""
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise NotFoundError(f"{path} is missing", "list the indexes with `clew indexes list`") from None
    except OSError as error:
        raise CorruptError(f"{path} cannot be read: {error.strerror}", REBUILD) from None
    if sha256 is not None and hashlib.sha256(data).hexdigest() != sha256:
        raise CorruptError(f"{path} was changed after it was written (sha256 differs)", REBUILD)
    table = parse_table(data, path, FORMAT)
    try:
        if "shards" in table:
            table["shards"] = tuple((address, digest) for address, digest in table["shards"])
        if "derived" in table:
            table["derived"] = tuple(table["derived"])
    except (TypeError, ValueError):
        raise CorruptError(f"{path}: shards or derived is not a list of the expected shape", REBUILD) from None
    return record_of(cls, table, path)


@dataclass(frozen=True, slots=True)
class IndexFolder:
    """The paths of one index under a home. It only computes paths and reads files; the indexer writes them."""

    root: Path

    @classmethod
    def of(cls, home: Path, name: str) -> IndexFolder:
        """Return the folder of an index. Raises NotFoundError if the name is invalid, for example a path."""
        if not INDEX_NAME.fullmatch(name):
            raise _no_index(home, name)
        return cls(home / "indexes" / name)

    @property
    def name(self) -> str:
        """Return the name of the index."""
        return self.root.name

    def shard(self, address: str) -> Path:
        """Return the folder of a shard."""
        return self.root / "shards" / address

    def version(self, version: str) -> Path:
        """Return the folder of a version."""
        return self.root / "versions" / version

    def release(self, release: str) -> Path:
        """Return the file of a release."""
        return self.root / "releases" / f"{release}.json"

    @property
    def pointer(self) -> Path:
        """Return the file that names the live release."""
        return self.root / CURRENT

    def live(self) -> tuple[str, str]:
        """Return id and sha256 of the live release. Raises NotFoundError that lists known indexes, or CorruptError."""
        try:
            line = self.pointer.read_text(encoding="ascii")
        except (FileNotFoundError, NotADirectoryError):
            if (self.root / "releases").is_dir():
                raise NotFoundError(
                    f"{self.pointer} is missing", f"choose a release with `clew indexes activate {self.name} RELEASE`"
                ) from None
            raise _no_index(self.root.parent.parent, self.name) from None
        except UnicodeDecodeError:
            line = ""
        found = _POINTER.fullmatch(line)
        if found is None:
            raise CorruptError(f"{self.pointer} does not name a release", "choose one with `clew indexes activate`")
        return found[1], found[2]

    def read_release(self, release: str | None = None) -> Release:
        """Read a release by id, or the live one. Raises NotFoundError or CorruptError that names the file."""
        if release is not None:
            if not _RELEASE_ID.fullmatch(release) or not self.release(release).exists():
                known = (path.stem for path in self.root.glob("releases/r*.json"))
                raise NotFoundError(f"index {self.name!r} has no release {release!r}", nearest(release, known))
            return load(Release, self.release(release))
        name, sha256 = self.live()
        try:
            return load(Release, self.release(name), sha256)
        except (NotFoundError, CorruptError) as error:
            raise CorruptError(
                f"{self.pointer} names release {name!r}: {error.message}", "choose one with `clew indexes activate`"
            ) from None

    def read_version(self, release: Release) -> IndexVersion:
        """Read the version that a release serves and check its hash."""
        return load(IndexVersion, self.version(release.version) / "version.json", release.version_sha256)


def index_names(home: Path) -> list[str]:
    """Return the names of the indexes under a home that have a live release."""
    found = (path.parent.name for path in home.glob(f"indexes/*/{CURRENT}"))
    return sorted(name for name in found if INDEX_NAME.fullmatch(name))


def _no_index(home: Path, name: str) -> NotFoundError:
    shown = name if len(name) <= 80 else name[:79] + "…"
    return NotFoundError(f"no index {shown!r} under {home}", nearest_index(shown, index_names(home)))


def rebuild_hint(index: str) -> str:
    """Return the hint for an index that this version of Clew cannot open: the command that builds it again."""
    return (
        f"`clew indexes rebuild {index}` builds it again from the spec that it stores; "
        f"`clew indexes rollback {index}` goes back to an earlier release"
    )


def nearest_index(name: str, known: Sequence[str]) -> str:
    """Return a hint that suggests the index closest to `name`, or says how to build one if there are none."""
    return nearest(name, known) if known else "there are no indexes here yet: run `clew build SPEC`, or `clew demo`"
