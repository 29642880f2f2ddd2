"""`clew doctor`: is everything here that Clew needs, and does what lies under the home still hold?"""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from clew.cli.options import DEFAULT_HOME, Home, Json, out, out_json
from clew.core.artifacts import verify_files
from clew.core.errors import ClewError

if TYPE_CHECKING:
    from clew.search.versions import Release

Status = Literal["ok", "warning", "broken"]
MARKS = {"ok": "ok", "warning": "!!", "broken": "XX"}
LEAST_PYTHON = (3, 11)
LOW_DISK_BYTES = 1 << 30
NEO4J_MS = 5_000


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found: a status, what there is, and what to do where something is wrong."""

    check: str
    status: Status
    found: str
    hint: str = ""


def doctor(
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
    quick: Annotated[bool, typer.Option("--quick", help="Do not read the files of the indexes again.")] = False,
) -> None:
    """Check the installation and the indexes, and report what is missing and how to fix it.

    Exit code 1 when something is broken; a warning leaves it at 0.

    Example: clew doctor --home .clew
    """
    findings = examine(home, quick=quick)
    broken = any(finding.status == "broken" for finding in findings)
    if as_json:
        out_json({"ok": not broken, "checks": [asdict(finding) | {"mend": finding.hint} for finding in findings]})
    else:
        width = max(len(finding.check) for finding in findings)
        for finding in findings:
            out(f"{MARKS[finding.status]}  {finding.check:<{width}}  {finding.found}")
            if finding.hint:
                out(f"    {'':<{width}}  → {finding.hint}")
    if broken:
        raise typer.Exit(1)


def examine(home: Path, *, quick: bool = False) -> list[Finding]:
    """All findings, in the order they are shown. `quick` leaves the checksums of the indexes out."""
    checks: list[Callable[[], Iterable[Finding]]] = [
        check_python,
        check_packages,
        check_faiss,
        check_gpu,
        check_processor,
        check_kernels,
        check_graph_stores,
        check_neo4j,
        lambda: check_model(home),
        lambda: check_home(home),
        lambda: check_indexes(home, quick=quick),
    ]
    return [finding for check in checks for finding in check()]


def check_python() -> Iterator[Finding]:
    """The interpreter."""
    found = f"{platform.python_version()} at {sys.executable}"
    if sys.version_info >= LEAST_PYTHON:
        yield Finding("python", "ok", found)
    else:
        yield Finding("python", "broken", found, "Clew needs Python 3.11 or later: make setup PYTHON=python3.12")


def check_packages() -> Iterator[Finding]:
    """The packages that Clew's own metadata ask for, by name and least version."""
    try:
        required = metadata.requires("clew") or []
    except metadata.PackageNotFoundError:
        yield Finding("packages", "broken", "clew itself is not installed", "make setup (or: pip install -e '.[cpu]')")
        return
    wrong = [text for text in map(package_fault, required) if text]
    if wrong:
        yield Finding("packages", "broken", "; ".join(wrong), "make setup (or: pip install -e '.[cpu]')")
    else:
        yield Finding("packages", "ok", f"clew {metadata.version('clew')} with all its dependencies")


def package_fault(line: str) -> str | None:
    """What is wrong with one requirement of the metadata, None where nothing is (extras are not asked for)."""
    from packaging.requirements import Requirement

    requirement = Requirement(line)
    if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
        return None
    try:
        installed = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return f"{requirement.name} is missing"
    if requirement.specifier.contains(installed, prereleases=True):
        return None
    return f"{requirement.name} is {installed}, needed {requirement.specifier}"


def check_faiss() -> Iterator[Finding]:
    """Which of the two FAISS packages is there; they install the same module, so exactly one may be."""
    flavours = {name: version for name in ("faiss-cpu", "faiss-gpu") if (version := _version(name))}
    found = ", ".join(f"{name} {version}" for name, version in flavours.items())
    if len(flavours) == 1:
        yield Finding("faiss", "ok", found)
    elif flavours:
        hint = "keep one: pip uninstall faiss-cpu faiss-gpu, then pip install -e '.[cpu]' or '.[gpu]'"
        yield Finding("faiss", "broken", f"{found} overwrite each other", hint)
    else:
        yield Finding("faiss", "broken", "not installed", "pip install -e '.[cpu]' (or '.[gpu]')")


def check_gpu() -> Iterator[Finding]:
    """Whether vectors are compared on a GPU, and through what; a machine needs none."""
    from clew.search.candidates.dense.gpu import free_bytes, library

    if (found := library()) is not None:
        yield Finding("gpu", "ok", f"reached through {found}, {(free_bytes() or 0) / 1e9:.1f} GB free")
    elif (free := free_bytes()) is None:
        yield Finding("gpu", "ok", "none: vectors are compared on the processor")
    else:
        other = "pip uninstall faiss-cpu, then pip install -e '.[gpu]'"
        hint = other if _version("faiss-cpu") else "see `nvidia-smi` and $CUDA_VISIBLE_DEVICES"
        yield Finding("gpu", "warning", f"{free / 1e9:.1f} GB free, but neither FAISS nor torch reaches it", hint)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def check_processor() -> Iterator[Finding]:
    """Threads in use, and the vector instructions that matter for speed."""
    from clew.core import threads

    flags: set[str] = set()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        line = re.search(r"^(?:flags|Features)\s*:(.*)$", cpuinfo.read_text(encoding="utf-8"), re.MULTILINE)
        flags = set(line[1].split()) if line else set()
    names = ("avx2", "fma", "avx512f", "avx512_vnni", "amx_int8", "asimd", "sve")
    vector = ", ".join(name for name in names if name in flags)
    yield Finding(
        "processor",
        "ok",
        f"{platform.machine()}, {threads.available()} of {os.cpu_count()} processors may be used"
        + (f", {vector}" if vector else ""),
    )


def check_kernels() -> Iterator[Finding]:
    """Where numba keeps what it compiled: beside the sources, or in the user's cache for a read-only install."""
    import clew

    package = Path(clew.__file__).parent / "search" / "candidates"
    asked = os.environ.get("NUMBA_CACHE_DIR")
    user_cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    places = [Path(asked)] if asked else [package, user_cache]
    for place in places:
        if _writable(place):
            yield Finding("compiled kernels", "ok", f"cached in {'__pycache__ of ' if place == package else ''}{place}")
            return
    yield Finding(
        "compiled kernels",
        "warning",
        f"no place to keep them ({', '.join(map(str, places))} cannot be written): compiled again in every process",
        "set NUMBA_CACHE_DIR to a folder that can be written",
    )


def _writable(folder: Path) -> bool:
    """Whether a file can be made in a folder, or in the nearest parent that exists."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        return False
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def check_model(home: Path) -> Iterator[Finding]:
    """The models that come with Clew and those under the home: every file against its sha256."""
    from clew.models.manifest import repair_hint
    from clew.models.store import SHIPPED_ENCODER, SHIPPED_SCORER, read_manifest

    shipped = {"default encoder": SHIPPED_ENCODER, "default reranker": SHIPPED_SCORER}
    kept = sorted(path.parent for path in (home / "models").glob("*/*/manifest.json"))
    for name, folder in [*shipped.items(), *((f"model {folder.parent.name}", folder) for folder in kept)]:
        source = ""
        try:
            manifest = read_manifest(folder)
            source = manifest.source
            verify_files(folder, manifest.files)
        except ClewError as error:
            yield Finding(name, "broken", error.message, repair_hint(folder, source))
        else:
            yield Finding(name, "ok", f"every file as it was written, in {folder}")


def check_graph_stores() -> Iterator[Finding]:
    """The packages that graphs are kept with; the second one is needed only where a spec says so."""
    found = {name: _version(name) for name in ("networkx", "neo4j")}
    shown = ", ".join(f"{name} {version}" for name, version in found.items() if version)
    if not found["networkx"]:
        yield Finding("graph stores", "broken", "networkx is not installed", "pip install networkx")
    elif not found["neo4j"]:
        hint = 'only for store = "neo4j": pip install neo4j'
        yield Finding("graph stores", "warning", f"{shown}; the Neo4j driver is not installed", hint)
    else:
        yield Finding("graph stores", "ok", shown)


def check_neo4j() -> Iterator[Finding]:
    """Whether the server that $NEO4J_URI names answers; nothing is said where none is named."""
    uri = os.environ.get("NEO4J_URI")
    if not uri or _version("neo4j") is None:
        return
    from clew.core.types import Deadline
    from clew.kg.spec import Neo4jSpec
    from clew.kg.store import STORES

    user = os.environ.get("NEO4J_USER") or os.environ.get("NEO4J_USERNAME") or "neo4j"
    try:
        # A spec that cannot be used is not quoted: what stands in front of an @ may be a password.
        spec = Neo4jSpec(uri, database=os.environ.get("NEO4J_DATABASE") or "neo4j", user=user)
    except ValueError:
        hint = "expected such as bolt://127.0.0.1:7687, the password in $NEO4J_PASSWORD"
        yield Finding("neo4j", "warning", "$NEO4J_URI cannot be used", hint)
        return
    try:
        store = STORES["neo4j"](spec, "Clew_doctor")
        try:
            store.entities(["doctor"], Deadline.after_ms(NEO4J_MS))
        finally:
            store.close()
    except ClewError as error:
        yield Finding("neo4j", "warning", error.message, error.hint or "searches go on without the graph meanwhile")
    else:
        yield Finding("neo4j", "ok", f"{spec.uri} answers, database {spec.database}, as {spec.user}")


def check_home(home: Path) -> Iterator[Finding]:
    """Whether the home can be written and has room."""
    if not _writable(home):
        hint = "searching still works; to build, give it another owner or choose another place with --home"
        yield Finding("home", "warning" if home.is_dir() else "broken", f"{home} cannot be written", hint)
        return
    existing = home.absolute()
    while not existing.exists():
        existing = existing.parent
    free = shutil.disk_usage(existing).free
    found = f"{home}{'' if home.exists() else ' (not made yet)'}, {free / 2**30:.1f} GiB free"
    if free < LOW_DISK_BYTES:
        yield Finding("home", "warning", found, "make room: `clew indexes gc` removes versions no release needs")
    else:
        yield Finding("home", "ok", found)


def check_indexes(home: Path, *, quick: bool) -> Iterator[Finding]:
    """Every index under the home: its live release opens, and its files are the ones that were written."""
    from clew.search.assemble import open_index
    from clew.search.versions import index_names

    names = index_names(home)
    if not names:
        yield Finding("indexes", "ok", "none yet: `clew demo` or `clew build SPEC.toml` makes one")
    for name in names:
        try:
            searcher = open_index(home, name, verify=not quick)
        except ClewError as error:
            hint = error.hint or f"`clew indexes rollback {name}`, or rebuild it"
            yield Finding(f"index {name}", "broken", error.message, hint)
            continue
        except OSError as error:
            yield Finding(f"index {name}", "broken", str(error), "see the file and its permissions")
            continue
        version, release = searcher.version, searcher.release
        sources = ", ".join(searcher.sources)
        searcher.close()
        state = "opens" if quick else "every file as it was written"
        yield Finding(
            f"index {name}",
            "ok",
            f"release {release.id}, {version.documents:,} documents, {sources}: {state}",
        )
        yield from check_override(name, release)


def check_override(name: str, release: Release) -> Iterator[Finding]:
    """Whether the live release was published by an override, and whether that still holds."""
    from clew.indexer.releases.override import Override

    override = Override.of_release(release)
    if override is None:
        return
    found = f"release {release.id}: {override.describe()}"
    if override.has_ended():
        hint = f"roll back (`clew indexes rollback {name}`), or build it again: the judged queries decide"
        yield Finding(f"override {name}", "broken", found, hint)
    else:
        yield Finding(f"override {name}", "ok", found)
