"""Models in one file or folder, for another home or another machine, and back.

The file is a tar, `.tar`, `.tar.gz` or `.tar.zst`, of manifest.json and the files that it names, without a folder above
them; the folder holds the same.
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
from clew.models.manifest import FILE_NAME, MANIFEST, ModelManifest, dumps, read_manifest, verify
from clew.models.save import check_name, keep, name_of, staging

_HINT = "`clew models export` writes one"
_IMPORTED = "imported from "


@dataclass(frozen=True, slots=True)
class ModelTransfer:
    """What was exported or imported. place: the file or folder written; bytes: of the model's files."""

    name: str
    id: str
    role: str
    place: Path
    bytes: int


def export_model(home: Path, name: str, target: Path) -> ModelTransfer:
    """Write a model into a file (ending .tar, .tar.gz or .tar.zst) or into a new folder, every hash checked first.

    name: as of `clew.models.catalogue.find`. Raises UsageError for a target that cannot be written, NotFoundError,
    CorruptError.
    """
    folder = find(home, name)
    manifest = read_manifest(folder)
    if not target.name.endswith(ENDINGS):
        _check_new_folder(target)
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
    """Bring a model into the home, verified before it is kept.

    source: a file or folder that was exported; a folder that sentence-transformers or transformers saved; "default" or
    a Hugging Face name. name: what it is called here; its own name by default, and not for a model given by name. One
    that is here already stays as it is where it is whole; a damaged one is replaced, and one given by name is an error.

    Raises NotFoundError, UsageError, DataError for a file that is no export or holds what it must not, FormatError,
    and CorruptError for a damaged file; the home is then as it was.
    """
    if name is not None:
        check_name(name)
    if not source:
        raise UsageError("the model to import is empty", "give a file, a folder or a name")
    path = Path(source).expanduser()
    if path.is_file() or (path / MANIFEST).is_file():
        return _brought(home, path, name)
    if path.is_dir():
        path = path.resolve()
        manifest = store.described(path, name or name_of(path), f"folder {path}")
        store.check_free(home, manifest.name, manifest.role)
        there = home / "models" / manifest.name / manifest.id
        return _report(keep(home, path, manifest, anew=there.is_dir() and not _is_whole(there)))
    if name is not None:
        raise UsageError(f"{source!r} is no file or folder, and a model given by name keeps it", "leave --name out")
    folder = store.prepare(source, home)
    check(folder)
    return _report(folder)


def _brought(home: Path, path: Path, name: str | None) -> ModelTransfer:
    root = home / "models"
    with staging(root):
        staged = Path(tempfile.mkdtemp(prefix=".staging-", dir=root))
        try:
            if path.is_dir():
                _take_folder(path, staged)
            else:
                extract_archive(path, staged, FILE_NAME, "exported model", _HINT)
            manifest = _checked(path, staged)
            manifest = replace(manifest, name=name or manifest.name, source=_origin(path, manifest))
            check_name(manifest.name)
            (staged / MANIFEST).write_text(dumps(manifest), encoding="utf-8")
            staged.chmod(0o755)  # mkdtemp's folders are private
            store.check_free(home, manifest.name, manifest.role)
            target = root / manifest.name / manifest.id
            with staging(target.parent):
                if not _is_whole(target):
                    promote(staged, target)
        finally:
            shutil.rmtree(staged, ignore_errors=True)
    return _report(target)


def _take_folder(path: Path, staged: Path) -> None:
    """Copy the manifest's files. What lies beside them was not exported, so it is left where it is."""
    _copy(path, staged, [MANIFEST, *read_manifest(path).files])


def _checked(path: Path, staged: Path) -> ModelManifest:
    """The manifest of what was brought, all of it proved; errors name the file or folder it was brought in."""
    if not (staged / MANIFEST).is_file():
        raise DataError(f"{path} is no exported model: it holds no {MANIFEST}", _HINT)
    try:
        return check(staged)
    except ClewError as error:
        message = error.message.replace(f"{staged}{os.sep}", "").replace(str(staged), "its folder")
        kind = type(error) if isinstance(error, CorruptError) else DataError
        raise kind(f"{path} cannot be imported: {message}", "export it again, or fetch it again") from None


def _is_whole(folder: Path) -> bool:
    try:
        check(folder)
    except ClewError:
        return False
    return True


def _origin(path: Path, manifest: ModelManifest) -> str:
    """Where it came from, the first source kept however often it travels."""
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


def _check_new_folder(target: Path) -> None:
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"{target} is there already", f"name a new folder, or a file ending in {', '.join(ENDINGS)}")
    if not target.absolute().parent.is_dir():
        raise UsageError(f"{target} cannot be written: {target.parent} is no folder", "make it, or name another place")


def _report(folder: Path) -> ModelTransfer:
    manifest = read_manifest(folder)
    return ModelTransfer(manifest.name, manifest.id, manifest.role, folder, size(folder, manifest))
