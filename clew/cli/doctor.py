"""`clew doctor`: check that everything Clew needs is installed, and that the stored indexes and models are intact."""

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
    from clew.search.pipeline import Searcher
    from clew.search.versions import Release

Status = Literal["ok", "warning", "broken"]
MARKS = {"ok": "ok", "warning": "!!", "broken": "XX"}
MIN_PYTHON = (3, 11)
LOW_DISK_BYTES = 1 << 30
NEO4J_MS = 5_000


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check: its status, what was found, and what to do if something is wrong."""

    check: str
    status: Status
    found: str
    hint: str = ""


def doctor(
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
    quick: Annotated[bool, typer.Option("--quick", help="Do not verify the checksums of the index files.")] = False,
) -> None:
    """Check the installation, the models and the indexes, and report what is wrong and how to fix it.

    The exit code is 1 if something is broken, and 0 if there are only warnings.

    Example: clew doctor --home .clew
    """
    findings = run_checks(home, quick=quick)
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


def run_checks(home: Path, *, quick: bool = False) -> list[Finding]:
    """Run all checks and return their findings in the order shown. quick: do not verify the files of the indexes."""
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
    """Check the version of the Python interpreter."""
    found = f"Python {platform.python_version()}, {sys.executable}"
    if sys.version_info >= MIN_PYTHON:
        yield Finding("python", "ok", found)
    else:
        yield Finding(
            "python", "broken", found, "install Python 3.11 or later, then run `make setup PYTHON=python3.12`"
        )


def check_packages() -> Iterator[Finding]:
    """Check that every package that Clew's metadata require is installed, in an accepted version."""
    try:
        required = metadata.requires("clew") or []
    except metadata.PackageNotFoundError:
        yield Finding(
            "packages", "broken", "the package clew is not installed", "run `make setup`, or `pip install -e '.[cpu]'`"
        )
        return
    wrong = [text for text in map(requirement_problem, required) if text]
    if wrong:
        yield Finding("packages", "broken", "; ".join(wrong), "run `make setup`, or `pip install -e '.[cpu]'`")
    else:
        yield Finding("packages", "ok", f"clew {metadata.version('clew')} and all packages it requires are installed")


def requirement_problem(line: str) -> str | None:
    """Return what is wrong with one requirement of the metadata, or None. Requirements of extras are not checked."""
    from packaging.requirements import Requirement

    requirement = Requirement(line)
    if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
        return None
    try:
        installed = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return f"{requirement.name} is not installed"
    if requirement.specifier.contains(installed, prereleases=True):
        return None
    return f"{requirement.name} {installed} is installed, but Clew requires {requirement.specifier}"


def check_faiss() -> Iterator[Finding]:
    """Check that exactly one of the two FAISS packages is installed, because both install the same module."""
    flavours = {name: version for name in ("faiss-cpu", "faiss-gpu") if (version := _version(name))}
    found = ", ".join(f"{name} {version}" for name, version in flavours.items())
    if len(flavours) == 1:
        yield Finding("faiss", "ok", found)
    elif flavours:
        hint = "run `pip uninstall faiss-cpu faiss-gpu`, then `pip install -e '.[cpu]'` (or `'.[gpu]'`)"
        yield Finding("faiss", "broken", f"{found} are both installed and overwrite each other's files", hint)
    else:
        yield Finding(
            "faiss",
            "broken",
            "FAISS, which searches vectors, is not installed",
            "run `pip install -e '.[cpu]'` (or `'.[gpu]'` on a machine with a GPU)",
        )


def check_gpu() -> Iterator[Finding]:
    """Check whether vectors are compared on a GPU, and with which library. A GPU is optional."""
    from clew.search.candidates.dense.gpu import free_bytes, library

    if (found := library()) is not None:
        yield Finding("gpu", "ok", f"used through {found}, {(free_bytes() or 0) / 1e9:.1f} GB of GPU memory free")
    elif (free := free_bytes()) is None:
        yield Finding("gpu", "ok", "no GPU found, so vectors are compared on the CPU (a GPU is optional)")
    else:
        other = "replace the CPU version of FAISS: run `pip uninstall faiss-cpu`, then `pip install -e '.[gpu]'`"
        hint = (
            other
            if _version("faiss-cpu")
            else "check the output of `nvidia-smi` and the value of $CUDA_VISIBLE_DEVICES"
        )
        yield Finding(
            "gpu",
            "warning",
            f"there is a GPU ({free / 1e9:.1f} GB of its memory free), but neither FAISS nor torch can use it",
            hint,
        )


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def check_processor() -> Iterator[Finding]:
    """Report how many CPUs Clew may use, and the vector instructions that matter for speed."""
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
        f"{platform.machine()}, Clew may use {threads.available()} of {os.cpu_count()} CPUs"
        + (f", vector instructions: {vector}" if vector else ""),
    )


def check_kernels() -> Iterator[Finding]:
    """Check that numba can cache compiled code: next to the sources or, if they are read-only, in the user's cache."""
    import clew

    package = Path(clew.__file__).parent / "search" / "candidates"
    asked = os.environ.get("NUMBA_CACHE_DIR")
    user_cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    places = [Path(asked)] if asked else [package, user_cache]
    for place in places:
        if _writable(place):
            yield Finding(
                "compiled kernels", "ok", f"numba caches them in {'__pycache__ of ' if place == package else ''}{place}"
            )
            return
    yield Finding(
        "compiled kernels",
        "warning",
        f"numba cannot cache them ({', '.join(map(str, places))}: not writable), so every process compiles them again",
        "set NUMBA_CACHE_DIR to a folder that Clew can write to",
    )


def _writable(folder: Path) -> bool:
    """Return whether a file can be created in a folder or, if it is missing, in its nearest existing parent."""
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
    """Check the sha256 of every file of the models that come with Clew and of those stored under the home."""
    from clew.models.manifest import repair_hint
    from clew.models.store import SHIPPED_ENCODER, SHIPPED_SCORER, read_manifest

    shipped = {"default encoder": SHIPPED_ENCODER, "default reranker": SHIPPED_SCORER}
    stored = sorted(path.parent for path in (home / "models").glob("*/*/manifest.json"))
    for name, folder in [*shipped.items(), *((f"model {folder.parent.name}", folder) for folder in stored)]:
        source = ""
        try:
            manifest = read_manifest(folder)
            source = manifest.source
            verify_files(folder, manifest.files)
        except ClewError as error:
            yield Finding(name, "broken", error.message, repair_hint(folder, source))
        else:
            yield Finding(name, "ok", f"all files in {folder} are intact (sha256 verified)")


def check_graph_stores() -> Iterator[Finding]:
    """Check the packages that graphs are stored with. neo4j is needed only if a spec asks for it."""
    found = {name: _version(name) for name in ("networkx", "neo4j")}
    shown = ", ".join(f"{name} {version}" for name, version in found.items() if version)
    if not found["networkx"]:
        yield Finding("graph stores", "broken", "networkx is not installed", "run `pip install networkx`")
    elif not found["neo4j"]:
        hint = 'run `pip install neo4j` if a spec has store = "neo4j"; otherwise it is not needed'
        yield Finding("graph stores", "warning", f"{shown}; the Neo4j driver is not installed", hint)
    else:
        yield Finding("graph stores", "ok", shown)


def check_neo4j() -> Iterator[Finding]:
    """Check that the server at $NEO4J_URI answers. Without that variable there is no finding."""
    uri = os.environ.get("NEO4J_URI")
    if not uri or _version("neo4j") is None:
        return
    from clew.core.types import Deadline
    from clew.kg.spec import Neo4jSpec
    from clew.kg.store import STORES

    user = os.environ.get("NEO4J_USER") or os.environ.get("NEO4J_USERNAME") or "neo4j"
    try:
        # An invalid URI is not quoted, because the part before an @ may hold a password.
        spec = Neo4jSpec(uri, database=os.environ.get("NEO4J_DATABASE") or "neo4j", user=user)
    except ValueError:
        hint = "set it to an address such as bolt://127.0.0.1:7687, without a password, which goes into $NEO4J_PASSWORD"
        yield Finding("neo4j", "warning", "$NEO4J_URI is not a valid address of a Neo4j server", hint)
        return
    try:
        store = STORES["neo4j"](spec, "Clew_doctor")
        try:
            store.entities(["doctor"], Deadline.after_ms(NEO4J_MS))
        finally:
            store.close()
    except ClewError as error:
        yield Finding(
            "neo4j", "warning", error.message, error.hint or "until the server answers, searches run without the graph"
        )
    else:
        yield Finding("neo4j", "ok", f"{spec.uri} answers (database {spec.database}, user {spec.user})")


def check_home(home: Path) -> Iterator[Finding]:
    """Check that the home is writable and has free disk space."""
    if not _writable(home):
        hint = (
            "to build indexes, make it writable or choose another folder with --home; searching needs no write access"
        )
        yield Finding(
            "home", "warning" if home.is_dir() else "broken", f"{home} is not a folder that Clew can write to", hint
        )
        return
    existing = home.absolute()
    while not existing.exists():
        existing = existing.parent
    free = shutil.disk_usage(existing).free
    found = f"{home}{'' if home.exists() else ' (not created yet)'}, {free / 2**30:.1f} GiB of disk space free"
    if free < LOW_DISK_BYTES:
        yield Finding(
            "home", "warning", found, "free some disk space; `clew indexes gc NAME` removes old versions of an index"
        )
    else:
        yield Finding("home", "ok", found)


def check_indexes(home: Path, *, quick: bool) -> Iterator[Finding]:
    """Check that the live release of every index opens and, unless `quick`, that its files are unchanged (sha256)."""
    from clew.search.assemble import open_index
    from clew.search.versions import index_names

    names = index_names(home)
    if not names:
        yield Finding("indexes", "ok", "none yet; create one with `clew demo` or `clew build SPEC.toml`")
    for name in names:
        try:
            searcher = open_index(home, name, verify=not quick)
        except ClewError as error:
            hint = (
                error.hint
                or f"return to the previous release with `clew indexes rollback {name}`, or build the index again"
            )
            yield Finding(f"index {name}", "broken", error.message, hint)
            continue
        except OSError as error:
            yield Finding(f"index {name}", "broken", str(error), "check that the file exists and can be read")
            continue
        version, release = searcher.version, searcher.release
        sources = ", ".join(searcher.sources)
        try:
            cost = _rerank_cost(searcher)
        finally:
            searcher.close()
        state = "it opens (files not verified)" if quick else "all files are intact (sha256 verified)"
        yield Finding(
            f"index {name}",
            "ok",
            f"release {release.id} with {version.documents:,} documents, candidates from {sources}; {state}{cost}",
        )
        yield from check_override(name, release)


def _rerank_cost(searcher: Searcher) -> str:
    """Return what reranking costs on this machine, to be added to a finding; "" if the index does not rerank."""
    from clew.search.rerank.cost import describe_cost, rerank_seconds

    if searcher.reranker is None:
        return ""
    return f"; {describe_cost(rerank_seconds(searcher.reranker, searcher.store))}"


def check_override(name: str, release: Release) -> Iterator[Finding]:
    """Report whether the live release was published by an override, and whether the override has ended."""
    from clew.indexer.releases.override import Override

    override = Override.of_release(release)
    if override is None:
        return
    found = f"release {release.id}: {override.describe()}"
    if override.has_ended():
        hint = (
            f"return to an earlier release with `clew indexes rollback {name}`, or build the index again: "
            "the judged queries then decide whether the new release goes live"
        )
        yield Finding(f"override {name}", "broken", found, hint)
    else:
        yield Finding(f"override {name}", "ok", found)
