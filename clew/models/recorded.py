"""Find the model that an index records: "model" (its name in the spec), "fingerprint", "runtime" and "pinned"."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clew.models import store
from clew.models.averaged import PLUS, is_folder, split_average
from clew.models.hub import HUB_NAME
from clew.models.manifest import MANIFEST
from clew.models.pinned import check_address, is_address, pinned_folder, pinned_parts


def find_recorded(recorded: Mapping[str, Any], home: Path) -> str:
    """Return how to load a recorded model: the folder of the pinned one, that of another one of the home, or its name.

    A model that is not pinned is found by its fingerprint, so that the model that the index was built with is found
    even if another one was later trained under the same name. Raises CorruptError if the record is invalid or the
    manifest of a pinned model was changed.
    """
    parts = pinned_parts(recorded)
    folders = [pinned_folder(home, part) for part in parts if is_address(part)]
    if folders and all((folder / MANIFEST).is_file() for folder in folders):
        found = [str(check_address(pinned_folder(home, part))) if is_address(part) else part for part in parts]
        return PLUS.join(found)
    folders = store.saved_folders(home, str(recorded["fingerprint"]), str(recorded.get("runtime", "")))
    return str(folders[-1]) if folders else str(recorded["model"])


def local_name(recorded: Mapping[str, Any], home: Path, role: str) -> str | None:
    """Return the name under which a recorded model is found without a path, a download or an environment variable.

    recorded: a record that was written elsewhere. A model counts if it is saved under the home or comes with Clew and
    has the fingerprint, an average if both parts are there; otherwise a pinned model is named by its address. Returns
    None if there is none.
    """
    return _saved_name(recorded, home, role) or PLUS.join(pinned_parts(recorded)) or None


def _saved_name(recorded: Mapping[str, Any], home: Path, role: str) -> str | None:
    name, wanted = str(recorded.get("model", "")), str(recorded.get("fingerprint", ""))
    if folders := store.saved_folders(home, wanted, str(recorded.get("runtime", ""))):
        return f"{folders[-1].parent.name}/{folders[-1].name}"
    if parts := split_average(name):
        return name if all(_is_local(part, home) for part in parts) else None
    if store.is_without_files(name):
        return name
    shipped = store.manifest_or_none(store.SHIPPED_SCORER if role == "cross_encoder" else store.SHIPPED_ENCODER)
    if shipped is not None and shipped.fingerprint == wanted:
        return "default"
    return store.FP32_NAME if wanted == store.FP32_FINGERPRINT and store.package_folder() else None


def _is_local(model: str, home: Path) -> bool:
    if model == "default" or store.is_without_files(model):
        return True
    return (
        not is_folder(model) and HUB_NAME.fullmatch(model) is not None and store.saved_folder(home, model) is not None
    )
