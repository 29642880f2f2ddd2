"""Export models to one file or folder, for another home or another machine, and import them.

The file is a tar (`.tar`, `.tar.gz` or `.tar.zst`) of manifest.json and the files that it names, without a folder above
them; the folder has the same files.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from clew.core.archive import ENDINGS, extract_archive, write_archive
from clew.core.artifacts import promote
from clew.core.errors import ClewError, CorruptError, DataError, UsageError
from clew.core.files import disk_errors
from clew.models import store
from clew.models.catalogue import check, find, size
from clew.models.checking import check_elsewhere
from clew.models.manifest import FILE_NAME, MANIFEST, ModelManifest, dumps, read_manifest, verify
from clew.models.save import check_name, check_new_folder, default_name, save_artifact, staging_lock

_HINT = "create one with `clew models export`"
_IMPORTED = "imported from "


@dataclass(frozen=True, slots=True)
class ModelTransfer:
    """Result of an export or import. place: the file or folder written; bytes: size of the model's files."""

    name: str
    id: str
    role: str
    place: Path
    bytes: int


def export_model(home: Path, name: str, target: Path) -> ModelTransfer:
    """Write a model to a file (ending in .tar, .tar.gz or .tar.zst) or to a new folder, after checking every hash.

    name: see `clew.models.catalogue.find`. Raises UsageError for a target that cannot be written, NotFoundError for an
    unknown model, CorruptError for a damaged one.
    """
    folder = find(home, name)
    manifest = read_manifest(folder)
    if not target.name.endswith(ENDINGS):
        check_new_folder(target, f"name a new folder, or a file ending in {', '.join(ENDINGS)}")
    verify(folder, manifest)
    names = [MANIFEST, *sorted(manifest.files)]
    if target.name.endswith(ENDINGS):
        write_archive(target, [(folder / each, each) for each in names])
    else:
        staged = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        try:
            with disk_errors(target):
                _copy(folder, staged, names)
                if target.exists():
                    target.rmdir()  # it is empty
                promote(staged, target)
        finally:
            shutil.rmtree(staged, ignore_errors=True)
    return ModelTransfer(manifest.name, manifest.id, manifest.role, target, size(folder, manifest))


def import_model(home: Path, source: str, name: str | None = None) -> ModelTransfer:
    """Import a model into the home, after verifying it.

    source: a file or folder that was exported; a folder that sentence-transformers or transformers saved; "default" or
    a Hugging Face name. name: name to save it under, its own by default; not allowed for a model given by name. If the
    model is already in the home, it stays unchanged if it is intact; a damaged one is replaced, or is an error if it
    was given by name.

    Raises NotFoundError, UsageError, DataError for a file that is not an export or contains something not allowed,
    FormatError, and CorruptError for a damaged file; the home is then unchanged.
    """
    if name is not None:
        check_name(name)
    if not source:
        raise UsageError("the model to import is an empty string", "give a file, a folder or a name")
    path = Path(source).expanduser()
    if path.is_file() or (path / MANIFEST).is_file():
        return _import_artifact(home, path, name)
    if path.is_dir():
        path = path.resolve()
        manifest = store.new_manifest(path, name or default_name(path), f"folder {path}")
        store.check_name_is_free(home, manifest.name, manifest.role)
        there = home / "models" / manifest.name / manifest.id
        is_damaged = there.is_dir() and not _is_intact(there)
        return _transfer_of(save_artifact(home, path, manifest, replace_existing=is_damaged))
    if name is not None:
        raise UsageError(
            f"{source!r} is not a file or folder, and a model given by name cannot be renamed", "omit --name"
        )
    folder = store.prepare(source, home)
    check(folder)
    return _transfer_of(folder)


def _import_artifact(home: Path, path: Path, name: str | None) -> ModelTransfer:
    root = home / "models"
    with staging_lock(root):
        staged = Path(tempfile.mkdtemp(prefix=".staging-", dir=root))
        try:
            if path.is_dir():
                _copy_artifact(path, staged)
            else:
                extract_archive(path, staged, FILE_NAME, "exported model", _HINT, [(MANIFEST, 16 << 20)])
            manifest = _verified_manifest(path, staged)
            manifest = replace(manifest, name=name or manifest.name, source=_origin(path, manifest))
            check_name(manifest.name)
            (staged / MANIFEST).write_text(dumps(manifest), encoding="utf-8")
            staged.chmod(0o755)  # mkdtemp's folders are private
            store.check_name_is_free(home, manifest.name, manifest.role)
            target = root / manifest.name / manifest.id
            with staging_lock(target.parent):
                if not _is_intact(target):
                    promote(staged, target)
        finally:
            shutil.rmtree(staged, ignore_errors=True)
    return _transfer_of(target)


def _copy_artifact(path: Path, staged: Path) -> None:
    """Copy the files that the manifest names. Other files of the folder were not exported, so they are ignored."""
    _copy(path, staged, [MANIFEST, *read_manifest(path).files])


def _verified_manifest(path: Path, staged: Path) -> ModelManifest:
    """Verify an imported model and return its manifest; errors name the file or folder it was imported from."""
    if not (staged / MANIFEST).is_file():
        raise DataError(f"{path} is not an exported model: it has no {MANIFEST}", _HINT)
    try:
        return check_elsewhere(staged)
    except ClewError as error:
        message = error.message.replace(f"{staged}{os.sep}", "").replace(str(staged), "its folder")
        kind = type(error) if isinstance(error, CorruptError) else DataError
        raise kind(f"{path} cannot be imported: {message}", "export it again, or download it again") from None


def _is_intact(folder: Path) -> bool:
    try:
        check(folder)
    except ClewError:
        return False
    return True


def _origin(path: Path, manifest: ModelManifest) -> str:
    """Return where the model came from; its first source is preserved however often it is exported and imported."""
    first = manifest.source
    if first.startswith(_IMPORTED) and first.endswith(")"):
        first = first.partition(" (")[2][:-1]
    return f"{_IMPORTED}{path.name} ({first})"


def _copy(folder: Path, target: Path, names: list[str]) -> None:
    for each in names:
        place = target / each
        place.parent.mkdir(parents=True, exist_ok=True)
        if not (folder / each).is_file() or (folder / each).is_symlink():
            raise CorruptError(f"{folder / each} is missing or is a link", "export the model again")
        shutil.copyfile(folder / each, place)


def _transfer_of(folder: Path) -> ModelTransfer:
    manifest = read_manifest(folder)
    return ModelTransfer(manifest.name, manifest.id, manifest.role, folder, size(folder, manifest))
