"""The spec that an index stores, to build it again when its own files can no longer be used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from clew.core.errors import CorruptError, NotFoundError, SpecError, UsageError
from clew.indexer.releases.history import existing
from clew.indexer.spec import IndexSpec, spec_of

_GIVE_FILE = "build it from its spec file: clew build SPEC"


def stored_spec(home: Path, name: str, release: str | None = None) -> IndexSpec:
    """Return the spec of a release (None: the live one), as it is stored with its version.

    Only the JSON of the release and of the version is read, whatever their format, so the spec can be read although
    this version of Clew cannot open the index. Raises NotFoundError or CorruptError that names the file, SpecError if
    a key is unknown today, and UsageError for an imported index, whose spec names no source.
    """
    folder = existing(home, name)
    chosen = folder.live()[0] if release is None else release
    version = str(_table(folder.release(chosen)).get("version"))
    path = folder.version(Path(version).name) / "version.json"
    table = _table(path).get("spec")
    if not isinstance(table, dict) or not isinstance(table.get("source"), dict):
        raise CorruptError(f"{path} has no spec", _GIVE_FILE)
    if not table["source"].get("path"):
        raise UsageError(
            f"index {name!r} was imported, so its stored spec names no source",
            f"import it again from an index that this version of Clew has built, or {_GIVE_FILE}",
        )
    table = {key: value for key, value in table.items() if value is not None or key == "dense"} | {"name": name}
    graph = table.get("graph")
    if isinstance(graph, dict) and graph.get("nodes"):
        table["graph"] = graph | {"snapshot": ""}  # it is loaded from the files again if they have changed
    try:
        return spec_of(table, f"the spec stored with index {name!r}", folder.root, stored=True)
    except SpecError as error:
        raise SpecError(error.message, _GIVE_FILE) from None


def _table(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        raise NotFoundError(f"{path} is missing", _GIVE_FILE) from None
    except (OSError, ValueError, RecursionError) as error:
        raise CorruptError(f"{path} cannot be read: {error}", _GIVE_FILE) from None
    if not isinstance(found, dict):
        raise CorruptError(f"{path} is not a JSON object", _GIVE_FILE)
    return found
