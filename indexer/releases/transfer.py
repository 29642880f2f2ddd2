"""Export a release with everything that it needs into one file, and import such a file.

The file is a tar archive (`.tar`, `.tar.gz` or `.tar.zst`) with these members:

release.json   version/…   shards/<address>/…   graph/…   models/<address>/…

If queries use a graph in Neo4j, the file contains the graph's snapshot, not the database.
"""

from __future__ import annotations

import re
import shutil
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from clew.core.archive import check_target, extract_archive, is_plain, opened_archive, write_archive
from clew.core.artifacts import SHARED_LOCK_FILE, digest_files, verify_files
from clew.core.errors import CorruptError, DataError, NotFoundError
from clew.core.files import disk_errors, sha256_file
from clew.core.lock import writing
from clew.indexer.graphs.used import check_imported, install_snapshot, snapshot_of
from clew.indexer.releases.additions import Additions, undone_on_error
from clew.indexer.releases.checking import check_files
from clew.indexer.releases.history import existing, next_number
from clew.indexer.releases.imported import check_names, check_nesting, made_local
from clew.indexer.releases.override import Override, check_not_ended
from clew.indexer.releases.pinned import MEMBER, check_models, exported_models, install_models
from clew.indexer.releases.publish import VERSION_FILE, install_version, renamed, write_release
from clew.indexer.releases.verify import check_release, check_searcher, is_shard_intact
from clew.kg.manifest import MANIFEST
from clew.kg.manifest import load as load_graph
from clew.search.versions import INDEX_NAME, IndexFolder, IndexVersion, Release, ShardManifest, load

_KIND, _HINT = "exported index", "give a file that `clew indexes export` wrote"
_CHANGED = "the file was changed after the export; export the index again"
_RELEASE, _GRAPH = "release.json", "graph"
_PART = r"(?!\.{1,2}(?:/|$))[\w.-]+"
_MEMBER = re.compile(rf"release\.json|(?:version|graph)(?:/{_PART})+|shards/[0-9a-f]{{64}}(?:/{_PART})+|{MEMBER}")

# Bytes of the files that are parsed as a whole before anything else is checked.
_LIMITS = (("release.json", 16 << 20), ("version.json", 16 << 20), ("manifest.json", 64 << 20))


@dataclass(frozen=True, slots=True)
class TransferReport:
    """An exported or imported release.

    release: its id in this home. bytes: file size. live: whether it is live. notes: what an import changed in the spec.
    """

    index: str
    release: str
    version: str
    documents: int
    file: str
    bytes: int
    live: bool
    notes: tuple[str, ...] = ()


def export(home: Path, name: str, target: Path, release: str | None = None) -> TransferReport:
    """Verify a release (None: the live one) and write it into one file.

    Raises UsageError if the file name does not end in .tar, .tar.gz or .tar.zst, CorruptError, NotFoundError.
    """
    check_target(target)
    folder = existing(home, name)
    chosen = folder.read_release(release)
    version = check_release(home, folder, chosen)
    parts = [(folder.release(chosen.id), _RELEASE)]
    parts += _tree(folder.version(version.id), "version")
    for address, _ in version.shards:
        parts += _tree(folder.shard(address), f"shards/{address}")
    if (snapshot := snapshot_of(home, version.spec)) is not None:
        names = sorted([MANIFEST, *load_graph(snapshot).files])
        parts += [(snapshot / name, f"{_GRAPH}/{name}") for name in names]
    parts += exported_models(home, version, chosen)
    write_archive(target, parts)
    live = folder.live()[0] == chosen.id
    return TransferReport(name, chosen.id, version.id, version.documents, str(target), target.stat().st_size, live)


def import_(
    home: Path, path: Path, name: str | None = None, *, activate: bool = True, neo4j: str | None = None
) -> TransferReport:
    """Check an exported release and add it as the newest release of its index (or of the index `name`).

    Every file is read in a process of its own before it is opened, and the spec is changed so that it names no server,
    environment variable, model elsewhere or path (`clew.indexer.releases.imported`). activate: make it live. neo4j: URI
    of a server with its graph, for queries; the password is in NEO4J_PASSWORD (None: queries use the snapshot).

    Raises NotFoundError, UsageError, DataError if the file is not an exported index or contains invalid paths,
    CorruptError if a hash differs or a file is not as Clew writes it, MismatchError if it cannot be opened with this
    Clew and these models, and QualityError if it would go live with an override that has ended.
    """
    if not path.is_file():
        raise NotFoundError(f"{path} does not exist or is not a file", _HINT)
    try:
        return _imported(home, path, name, activate=activate, neo4j=neo4j)
    except (AttributeError, KeyError, IndexError, TypeError, ValueError, RecursionError, OverflowError) as error:
        # A value of another shape than Clew writes, where no check of its own names it.
        shown = next(iter(str(error).splitlines()), "")[:200]
        raise DataError(f"{path} is not a valid {_KIND}: {type(error).__name__}: {shown}", _CHANGED) from error


def _imported(home: Path, path: Path, name: str | None, *, activate: bool, neo4j: str | None) -> TransferReport:
    wanted = name or _index_name(path)
    if not INDEX_NAME.fullmatch(wanted):
        raise DataError(f"{path}: {wanted!r} is not a valid index name", "give another name with --name")
    folder = IndexFolder.of(home.absolute(), wanted)
    with disk_errors(folder.root), writing(folder.root), undone_on_error(home.absolute()) as additions:
        view = IndexFolder(folder.root / "staging" / "import")
        shutil.rmtree(view.root, ignore_errors=True)
        try:
            extract_archive(path, view.root, _MEMBER, _KIND, _HINT, _LIMITS)
            release, version = _read(path, view, folder)
            models = check_models(path, view.root, home.absolute(), version, release)
            made = made_local(path, home.absolute(), release, version, neo4j)
            release, version = made.release, made.version
            if activate:
                check_not_ended(release)
            for model in install_models(models, home.absolute(), additions.held):
                additions.models.append(model)
            _install_graph(view, home.absolute(), version, additions)
            _check_opens(view, version, home.absolute(), release)
            install_version(folder, view, version)
            override = Override.of_release(release)
            written = write_release(
                folder,
                version,
                f"imported {release.index}/{release.id} from {path.name}",
                learned=release.learned,
                reranker=release.reranker,
                # The baseline is a release of another home; its id has no meaning here.
                override=replace(override, baseline="") if override else None,
                live=activate,
            )
        finally:
            shutil.rmtree(view.root, ignore_errors=True)
    size = path.stat().st_size
    return TransferReport(wanted, written, version.id, version.documents, str(path), size, activate, made.notes)


# ------------------------------------------------------------------ writing


def _tree(directory: Path, prefix: str) -> list[tuple[Path, str]]:
    return [
        (path, f"{prefix}/{path.relative_to(directory).as_posix()}")
        for path in sorted(directory.rglob("*"))
        if path.is_file() and path.name != SHARED_LOCK_FILE
    ]


# ------------------------------------------------------------------ reading


def _index_name(path: Path) -> str:
    """Return the name of the index, read from the release, which is the first member of the file."""
    with opened_archive(path, _KIND, _HINT) as tar:
        first = tar.next()
        file = tar.extractfile(first) if first is not None and first.name == _RELEASE and is_plain(first) else None
        if file is None:
            raise DataError(f"{path} is not an {_KIND}: its first member is not {_RELEASE}", _HINT)
        found = re.search(rb'"index":\s*"([^"]*)"', file.read(1 << 20))
    return found[1].decode("utf-8", "replace") if found else ""


def _read(path: Path, view: IndexFolder, folder: IndexFolder) -> tuple[Release, IndexVersion]:
    """Verify the extracted files; return the release, and its version with the next number of this index."""
    staged = view.root / "version"
    release = load(Release, view.root / _RELEASE)
    version = load(IndexVersion, staged / VERSION_FILE, release.version_sha256)
    check_nesting(view.root / _RELEASE, staged / VERSION_FILE)
    check_names(path, release, version)
    verify_files(staged, version.files)
    _check_no_other_files(path, staged, set(version.files) | {VERSION_FILE})
    shards = []
    for address, digest in version.shards:
        directory = view.shard(address)
        manifest = load(ShardManifest, directory / "manifest.json", digest)
        verify_files(directory, manifest.files)
        _check_no_other_files(path, directory, set(manifest.files) | {"manifest.json"})
        if manifest.address != address:
            raise CorruptError(
                f"{path}: the contents of shard {address[:12]}… do not match its name", "export the index again"
            )
        # If this index already has the shard and it is undamaged, it is kept with its own ANN file.
        existing_shard = folder.shard(address)
        used = existing_shard if is_shard_intact(existing_shard) else directory
        shards.append((address, sha256_file(used / "manifest.json")))
    _read_graph(path, view, version)
    version = renamed(version, next_number(folder), folder.name)
    (view.root / "versions").mkdir()
    staged.rename(view.version(version.id))
    check_files(path, view, version.id, _staged_graph(view, version))
    return release, replace(version, shards=tuple(shards))


def _read_graph(path: Path, view: IndexFolder, version: IndexVersion) -> None:
    """Verify the extracted graph and name its folder after its snapshot."""
    staged = _staged_graph(view, version)
    if staged is not None:
        (view.root / _GRAPH).mkdir(exist_ok=True)  # if the file has no graph, the check below names what is missing
        staged.parent.mkdir()
        (view.root / _GRAPH).rename(staged)
        check_imported(staged, path, version.spec)
    elif (view.root / _GRAPH).exists():
        raise DataError(f"{path} contains a graph that its version does not use", _CHANGED)


def _staged_graph(view: IndexFolder, version: IndexVersion) -> Path | None:
    target = snapshot_of(view.root, version.spec)
    return view.root / "graphs" / target.name if target is not None else None


def _install_graph(view: IndexFolder, home: Path, version: IndexVersion, additions: Additions) -> None:
    """Move the extracted graph into the home and add its folder to `additions` if it is new there."""
    staged = _staged_graph(view, version)
    if staged is not None and (new := install_snapshot(staged, home, version.spec, additions.held)) is not None:
        additions.snapshots.append(new)


def _check_no_other_files(path: Path, directory: Path, names: set[str]) -> None:
    for name in digest_files(directory):
        if name not in names:
            raise DataError(f"{path} contains {name!r}, which is not in its manifest", _CHANGED)


def _check_opens(view: IndexFolder, version: IndexVersion, home: Path, release: Release) -> None:
    """Open the extracted version and run sample queries."""
    from clew.search.assemble import open_version

    staged = replace(
        version,
        shards=tuple((address, sha256_file(view.shard(address) / "manifest.json")) for address, _ in version.shards),
    )
    with closing(open_version(view, staged, home, release, verify=False)) as searcher:
        check_searcher(searcher, staged)
