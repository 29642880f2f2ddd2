"""Pin the models that an index was built with: store them under the home by their content.

<home>/models/<sha256 of manifest.json>/   the files of a model, as in <home>/models/<name>/<id>/

A pinned model serves its indexes whatever else changes: the models that come with Clew, or what a name means. Its files
are hard links where the file system allows them, so that they take no space of their own. Its manifest has the sha256
of every other file, so the address covers all of them.

An index records the address of the model that it was built with in the list "pinned", which is absent for a model
without files. In earlier versions the average of two models had two parts there, one without files by its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from clew.core.artifacts import SharedLock, is_in_use, link_file, promote
from clew.core.errors import ClewError, CorruptError
from clew.core.files import sha256_file
from clew.models.manifest import ADDRESS, MANIFEST, ModelManifest, Role, read_manifest, repair_hint, verify
from clew.models.save import staging_lock, write_folder
from clew.models.store import is_without_files, prepare, scorer_folder, shipped_folders

PINNED = "pinned"
_WITHOUT_FILES = re.compile(r"overlap|hashing(-\d{1,4})?", re.ASCII)


def pinned_parts(recorded: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the address of each part of a recorded model, or its name if it has no files; empty if it is not pinned.

    Raises CorruptError if the record has something else.
    """
    parts = recorded.get(PINNED, [])
    if isinstance(parts, list | tuple) and len(parts) <= 2 and all(map(_is_part, parts)):
        return tuple(parts)
    raise CorruptError(
        f"the record of a model has {PINNED} = {str(parts)[:200]!r}, expected one or two sha256",
        "build the index again, or export it again",
    )


def addresses_of(*records: Mapping[str, Any]) -> set[str]:
    """Return the addresses of all pinned models that some records of models name. Raises what `pinned_parts` does."""
    return {part for recorded in records for part in pinned_parts(recorded) if is_address(part)}


def is_address(part: str) -> bool:
    """Return whether a part of a record is the address of a pinned model."""
    return ADDRESS.fullmatch(part) is not None


def pinned_folder(home: Path, address: str) -> Path:
    """Return the folder of a pinned model, even if it does not exist."""
    return home / "models" / address


def pin(model: str, home: Path, role: Role, held: ExitStack) -> list[str]:
    """Pin a model under the home and return the parts to record; empty for a model without files.

    model: a name that `load_encoder` or `load_scorer` accepts, by role; raises their errors too. held: until it is
    closed, the model is in use and not removed, so that a model can be pinned before a release records it. Raises
    CorruptError if a file of the model is damaged.
    """
    return [] if is_without_files(model) else [_pinned(_folder_of(model, home, role), home, held)]


def check_address(folder: Path) -> Path:
    """Return the folder of a pinned model, after comparing its manifest with its address. Raises CorruptError."""
    path = folder / MANIFEST
    if sha256_file(path) != folder.name:
        raise CorruptError(f"{path} was changed after it was written (sha256 differs)", repair_hint(folder, ""))
    return folder


def verify_pinned(folder: Path) -> ModelManifest:
    """Verify every file of a pinned model and return its manifest. Raises CorruptError that names the damaged file."""
    manifest = read_manifest(check_address(folder))
    verify(folder, manifest)
    return manifest


def is_intact(folder: Path) -> bool:
    """Return whether a pinned model exists and is undamaged."""
    try:
        verify_pinned(folder)
    except (ClewError, OSError):
        return False
    return True


def shipped_addresses() -> set[str]:
    """Return the addresses of the models that come with Clew."""
    return {sha256_file(folder / MANIFEST) for folder in shipped_folders()}


def install_pinned(staged: Path, home: Path, held: ExitStack) -> Path | None:
    """Move a verified model into the home, unless an undamaged one is there; return its folder if it is new.

    staged: a folder named by its address, on the file system of the home. held: as for `pin`.
    """
    target = pinned_folder(home, staged.name)
    with staging_lock(target.parent):
        is_new = not target.exists()
        if not is_intact(target):
            promote(staged, target)
        held.callback(SharedLock(target).release)
    return target if is_new else None


@contextmanager
def free_models(home: Path) -> Iterator[list[Path]]:
    """Yield the folders of the pinned models that no process uses; while it is open, none can come into use."""
    root = home / "models"
    if not root.is_dir():
        yield []
        return
    with staging_lock(root):
        found = sorted(path for path in root.iterdir() if is_address(path.name) and path.is_dir())
        yield [folder for folder in found if not is_in_use(folder)]


def _pinned(folder: Path, home: Path, held: ExitStack) -> str:
    address = sha256_file(folder / MANIFEST)
    target = pinned_folder(home, address)
    with staging_lock(target.parent):
        if not is_intact(target):
            manifest = read_manifest(folder)
            verify(folder, manifest)
            write_folder(target, lambda staged: _link(folder, staged, manifest))
        held.callback(SharedLock(target).release)
    return address


def _link(source: Path, target: Path, manifest: ModelManifest) -> None:
    for name in (MANIFEST, *manifest.files):
        place = target / name
        place.parent.mkdir(parents=True, exist_ok=True)
        link_file((source / name).resolve(), place)


def _folder_of(model: str, home: Path, role: Role) -> Path:
    return scorer_folder(model, home) if role == "cross_encoder" else prepare(model, home, role)


def _is_part(part: object) -> bool:
    return isinstance(part, str) and (is_address(part) or _WITHOUT_FILES.fullmatch(part) is not None)
