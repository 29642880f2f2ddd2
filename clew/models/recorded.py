"""Find the model that an index records: "model" (its name in the spec), "fingerprint", "runtime" and "pinned"."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clew.core.errors import FormatError
from clew.models import store
from clew.models.folder import is_average
from clew.models.manifest import MANIFEST
from clew.models.pinned import check_address, is_address, pinned_folder, pinned_parts


def find_recorded(recorded: Mapping[str, Any], home: Path) -> str:
    """Return how to load a recorded model: the folder of the pinned one, that of another one of the home, or its name.

    A model that is not pinned is found by its fingerprint, so that the model that the index was built with is found
    even if another one was later trained under the same name. Raises CorruptError if the record is invalid or the
    manifest of a pinned model was changed, FormatError for the average of two models.
    """
    for address in _one_model(recorded):
        folder = pinned_folder(home, address)
        if (folder / MANIFEST).is_file():
            return str(check_address(folder))
    folders = store.saved_folders(home, str(recorded["fingerprint"]), str(recorded.get("runtime", "")))
    return str(folders[-1]) if folders else str(recorded["model"])


def local_name(recorded: Mapping[str, Any], home: Path, role: str) -> str | None:
    """Return the name under which a recorded model is found without a path, a download or an environment variable.

    recorded: a record that was written elsewhere. A model counts if it is saved under the home or comes with Clew and
    has the fingerprint; otherwise a pinned model is named by its address. Returns None if there is none. Raises
    FormatError for the average of two models.
    """
    pinned = _one_model(recorded)
    return _saved_name(recorded, home, role) or next(iter(pinned), None)


def _one_model(recorded: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the address that a recorded model is pinned at; empty if it is not pinned."""
    parts = pinned_parts(recorded)
    name = str(recorded.get("model", ""))
    if len(parts) > 1 or (not parts and is_average(name)):
        raise FormatError(
            f"{name[:200]!r} is the average of two models, which this version of Clew does not have",
            "name one model in its spec and build it again with `clew build` (with --override if it has [quality], "
            "because it cannot be compared)",
        )
    return tuple(part for part in parts if is_address(part))


def _saved_name(recorded: Mapping[str, Any], home: Path, role: str) -> str | None:
    name, wanted = str(recorded.get("model", "")), str(recorded.get("fingerprint", ""))
    if folders := store.saved_folders(home, wanted, str(recorded.get("runtime", ""))):
        return f"{folders[-1].parent.name}/{folders[-1].name}"
    if store.is_without_files(name):
        return name
    shipped = store.manifest_or_none(store.SHIPPED_SCORER if role == "cross_encoder" else store.SHIPPED_ENCODER)
    if shipped is not None and shipped.fingerprint == wanted:
        return "default"
    return store.FP32_NAME if wanted == store.FP32_FINGERPRINT and store.package_folder() else None
