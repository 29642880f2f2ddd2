"""The pinned models of releases: find, export and import them, and find those that no release needs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from fnmatch import fnmatch
from pathlib import Path

from clew.core.artifacts import digest_files
from clew.core.check import read_json
from clew.core.errors import ClewError, CorruptError, DataError, NotFoundError, StoreError
from clew.models.checking import check_elsewhere
from clew.models.folder import PICKLES
from clew.models.manifest import FILE_NAME, MANIFEST, read_manifest
from clew.models.pinned import (
    addresses_of,
    free_models,
    install_pinned,
    is_address,
    is_intact,
    pinned_folder,
    pinned_parts,
    shipped_addresses,
    verify_pinned,
)
from clew.search.versions import IndexVersion, Release, load

MODELS = "models"
MEMBER = rf"models/[0-9a-f]{{64}}/{FILE_NAME.pattern}"
_MOST_MANIFEST = 16 << 20
_CHANGED = "the file was changed after the export; export the index again"


def pinned_folders(home: Path, version: IndexVersion, release: Release) -> list[Path]:
    """Return the folders of the pinned models of a release.

    One that is missing is left out: another model of the home with the same fingerprint serves as well, and opening the
    release says if there is none. Raises CorruptError if a record is invalid.
    """
    folders = [pinned_folder(home, address) for address in sorted(addresses_of(version.encoder, release.reranker))]
    return [folder for folder in folders if folder.exists()]


def exported_models(home: Path, version: IndexVersion, release: Release) -> list[tuple[Path, str]]:
    """Return (path, name in the archive) of every file of the pinned models of a release. Raises NotFoundError."""
    parts = []
    for address in sorted(addresses_of(version.encoder, release.reranker)):
        folder = pinned_folder(home, address)
        if not folder.exists():
            raise NotFoundError(
                f"{folder}, a model that release {release.id} of index {version.index!r} was built with, is missing",
                "`clew build` stores it again",
            )
        names = [MANIFEST, *sorted(read_manifest(folder).files)]
        parts += [(folder / name, f"{MODELS}/{address}/{name}") for name in names]
    return parts


def check_models(path: Path, root: Path, home: Path, version: IndexVersion, release: Release) -> list[Path]:
    """Check the models of an imported release; return their folders.

    path: the imported file, for messages. root: folder with the extracted models. A model is loaded in another process
    first, unless it comes with Clew or is in this home already. Raises CorruptError, DataError.
    """
    roles = ((version.encoder, "bi_encoder"), (release.reranker, "cross_encoder"))
    known = shipped_addresses()
    wanted = {part: role for recorded, role in roles for part in pinned_parts(recorded) if is_address(part)}
    found = {folder.name for folder in (root / MODELS).glob("*")}
    if extra := sorted(found - wanted.keys()):
        raise DataError(f"{path} contains the model {extra[0]!r}, which the release does not use", _CHANGED)
    if missing := sorted(wanted.keys() - found):
        raise CorruptError(f"{path}: {MODELS}/{missing[0]} is missing", _CHANGED)
    for address, role in sorted(wanted.items()):
        folder = root / MODELS / address
        is_known = address in known or is_intact(pinned_folder(home, address))
        try:
            _check_model(folder, role, is_known=is_known)
        except ClewError as error:
            kind = type(error) if isinstance(error, StoreError) else CorruptError
            shown = error.message.replace(f"{root}/", "")
            raise kind(f"{path}: {shown}", _CHANGED) from None
    return [root / MODELS / address for address in sorted(wanted)]


def _check_model(folder: Path, role: str, *, is_known: bool) -> None:
    manifest_path = folder / MANIFEST
    if not manifest_path.is_file():
        raise CorruptError(f"{manifest_path} is missing")
    if manifest_path.stat().st_size > _MOST_MANIFEST:
        raise DataError(f"{manifest_path} has more than {_MOST_MANIFEST:,} bytes")
    read_json(manifest_path)
    manifest = verify_pinned(folder)
    for name in digest_files(folder, leave_out=(MANIFEST,)):
        if name not in manifest.files:
            raise DataError(f"{folder / name} is not in its manifest")
    for name in manifest.files:
        file = Path(name).name
        if file == MANIFEST or any(fnmatch(file.lower(), pattern) for pattern in (*PICKLES, "*.py")):
            raise DataError(f"{folder / name} is not a file that Clew keeps of a model: no pickles, no code")
    if manifest.role != role:
        raise CorruptError(f"{folder} is a {manifest.role}, expected a {role}")
    if not is_known:
        check_elsewhere(folder)


def install_models(folders: Collection[Path], home: Path, held: ExitStack) -> Iterator[Path]:
    """Move checked models into the home; yield the folder of each that is new. held: see `clew.models.pinned`."""
    for folder in folders:
        if (new := install_pinned(folder, home, held)) is not None:
            yield new


@contextmanager
def unused_models(home: Path, gone: Collection[Path]) -> Iterator[tuple[list[Path], str]]:
    """Yield (the pinned models that no release and no process needs, "") or ([], why that is unknown).

    gone: files of releases and folders of versions that are about to be removed. While it is open, no model can come
    into use.
    """
    with free_models(home) as free:
        if not free:
            yield [], ""
            return
        try:
            used = addresses_of(*_records(home, gone))
        except ClewError as error:
            yield [], error.message
            return
        yield [folder for folder in free if folder.name not in used], ""


def _records(home: Path, gone: Collection[Path]) -> Iterator[Mapping[str, object]]:
    """Yield what every release and version of every index of a home records of its models, except those in `gone`."""
    for path in sorted(home.glob("indexes/*/releases/r*.json")):
        if path not in gone:
            yield load(Release, path).reranker
    for folder in sorted(home.glob("indexes/*/versions/[!.]*")):
        if folder.is_dir() and folder not in gone:
            yield load(IndexVersion, folder / "version.json").encoder
