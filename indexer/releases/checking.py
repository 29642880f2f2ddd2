"""Check the files of an import in a process of its own, before this one maps them.

A library can crash, hang or take all memory on a file that was made to harm. The process has limits on time and memory,
gets no environment variable that Python and the libraries do not need, and only reads. It is run as
`python -m clew.indexer.releases.checking`, with the paths to check as lines of its input.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from clew.core import errors
from clew.core.errors import ClewError, CorruptError, StoreError
from clew.search.versions import IndexFolder, IndexVersion

# The time limit in seconds, and besides these the bytes that are checked in a second on a slow disk.
SECONDS, BYTES_PER_SECOND = 180, 5_000_000
# The memory limit in bytes, and besides these so many times the size of the files.
_MEMORY, _TIMES = 16 << 30, 4
_ENVIRONMENT = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "NUMBA_CACHE_DIR", "PATH", "SYSTEMROOT", "TMPDIR")
_HINT = "do not use this file, or export the index again with this version of Clew"


def check_files(source: Path, view: IndexFolder, version: str, graph: Path | None) -> None:
    """Check every file of a staged version, and of its graph, in another process.

    source: the imported file, for messages. view: folder with the version and its shards, of which the hashes have been
    verified. graph: folder of the snapshot. Raises CorruptError that names the first file that is not valid.
    """
    found = check_all([(view.root, version, graph)])[0]
    if found is None:
        return
    message = found.message.replace(f"{view.root}{os.sep}", "")
    kind = type(found) if isinstance(found, StoreError) else CorruptError
    raise kind(f"{source}: {message}", _HINT)


def check_all(staged: Iterable[tuple[Path, str, Path | None]]) -> list[ClewError | None]:
    """Check several staged versions in one process; return the error of each, None for one without fault.

    staged: (folder that contains versions and shards, id of the version, folder of the snapshot). If the process ends
    early, the version that it was checking has the error, and those after it are checked in another process.
    """
    waiting = list(staged)
    found: list[ClewError | None] = []
    while waiting:
        answers, ending = _run(waiting)
        found += answers
        waiting = waiting[len(answers) :]
        if waiting:
            found.append(CorruptError(f"its files cannot be checked: the process that reads them {ending}"))
            waiting = waiting[1:]
    return found


def _run(staged: list[tuple[Path, str, Path | None]]) -> tuple[list[ClewError | None], str]:
    """Return the answers of one process in order, and how it ended if it did not answer for all."""
    size = sum(path.stat().st_size for root, _, _ in staged for path in root.rglob("*") if path.is_file())
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    environment |= {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"}
    environment |= {"OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    lines = "".join(
        json.dumps([str(root.absolute()), version, str(graph.absolute()) if graph else None]) + "\n"
        for root, version, graph in staged
    )
    seconds = SECONDS + size / BYTES_PER_SECOND
    command = [sys.executable, "-m", __name__, str(_MEMORY + _TIMES * size)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True
    ) as process:
        try:
            out, err = process.communicate(lines, timeout=seconds)
            ending = _ending(process.returncode, err)
        except subprocess.TimeoutExpired:
            process.kill()
            out, _ = process.communicate()
            ending = f"took longer than {seconds:.0f} seconds"
    return [_error(json.loads(line)) for line in out.splitlines()], ending


def _ending(code: int, err: str) -> str:
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    last = err.strip().splitlines()[-1:] or ["no message"]
    return f"ended with code {code} ({last[0][:200]})"


def _error(answer: list[str] | None) -> ClewError | None:
    if answer is None:
        return None
    kind, message, hint = answer
    made: ClewError = getattr(errors, kind)(message, hint)
    return made


# ------------------------------------------------------------------ in the other process


def _check(root: Path, version: str, graph: Path | None) -> None:
    from clew.core.check import read_json
    from clew.kg.check import check_snapshot
    from clew.search.checks import GraphSize, check_version
    from clew.search.spec import SearchSpec
    from clew.search.versions import load

    folder = IndexFolder(root)
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
    size = GraphSize(*check_snapshot(graph)) if graph is not None else None
    check_version(folder, found, spec, size)


def _answer(line: str) -> list[str] | None:
    root, version, graph = json.loads(line)
    try:
        _check(Path(root), version, Path(graph) if graph else None)
    except ClewError as error:
        return [type(error).__name__, error.message, error.hint]
    except Exception as error:  # noqa: BLE001 - whatever a library says of such a file, the file is at fault
        reason = next(iter(str(error).splitlines()), "")[:200]
        return [CorruptError.__name__, f"its files cannot be checked: {type(error).__name__}: {reason}", ""]
    return None


def main() -> None:
    """Answer each line of the input with one line: null, or the kind, message and hint of an error, as JSON."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]), int(sys.argv[1])))
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_answer(line)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
