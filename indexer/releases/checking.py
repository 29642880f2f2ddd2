"""Check the files of an import in a process of its own, before this one maps them; see `clew.core.isolated`."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from clew.core.errors import ClewError, CorruptError, StoreError
from clew.core.isolated import answer_lines, check_isolated
from clew.search.versions import IndexFolder, IndexVersion

_HINT = "do not use this file, or export the index again with this version of Clew"


def check_files(source: Path, view: IndexFolder, version: str, graph: Path | None) -> None:
    """Check every file of a staged version, and of its graph, in another process.

    source: the imported file, for messages. view: folder with the version and its shards, of which the hashes have been
    verified. graph: folder of the snapshot. Raises CorruptError that names the first file that is not valid.
    """
    size = sum(path.stat().st_size for path in view.root.rglob("*") if path.is_file())
    question = [str(view.root.absolute()), version, str(graph.absolute()) if graph else None]
    found = check_isolated(__name__, [question], size)[0]
    if found is None:
        return
    message = found.message.replace(f"{view.root.absolute()}{os.sep}", "")
    kind = type(found) if isinstance(found, StoreError) else CorruptError
    raise kind(f"{source}: {message}", _HINT)


def _check(question: tuple[str, str, str | None]) -> None:
    """Check a staged version: (folder with versions and shards, id of the version, folder of its snapshot)."""
    from clew.core.check import read_json
    from clew.kg.check import check_snapshot
    from clew.search.checks import GraphSize, check_version
    from clew.search.spec import SearchSpec
    from clew.search.versions import load

    root, version, graph = question
    folder = IndexFolder(Path(root))
    path = folder.version(version) / "version.json"
    read_json(path)
    # The folder has the number that the version gets here.
    found = replace(load(IndexVersion, path), id=version)
    try:
        spec = SearchSpec.of_table(found.spec, stored=True)
    except (ClewError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CorruptError(f"{path}: its spec cannot be read: {error}") from None
    if (spec.graph is None) != (graph is None):
        raise CorruptError(f"{path}: its spec and the files do not agree about a graph")
    size = GraphSize(*check_snapshot(Path(graph))) if graph is not None else None
    check_version(folder, found, spec, size)


if __name__ == "__main__":
    answer_lines(_check)
