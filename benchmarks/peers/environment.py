"""The virtual environment of the peers, .venv-peers, and how they are installed into it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from clew.benchmarks.signature import ROOT

_REQUIREMENTS = Path(__file__).parent / "requirements.txt"
_DONE = ".peers.json"


def environment() -> Path:
    """Return the folder of the virtual environment: $CLEW_PEERS, else .venv-peers in the checkout."""
    return Path(os.environ.get("CLEW_PEERS") or ROOT / ".venv-peers")


def interpreter() -> Path:
    """Return the path of its Python."""
    return environment() / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def prepare(say: Callable[[str], object]) -> dict[str, str]:
    """Create the environment if it does not exist, and install each requirement by itself.

    Returns requirement → why it could not be installed. Takes a second if all are installed.
    """
    wanted = [
        line for line in _REQUIREMENTS.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")
    ]
    note = environment() / _DONE
    if note.is_file():
        known = json.loads(note.read_text(encoding="utf-8"))
        if known["wanted"] == wanted and not known["failed"]:
            return {}
    say(f"peers: installing into {environment()} (once)")
    failed: dict[str, str] = {}
    if not interpreter().exists():
        made = subprocess.run(
            [sys.executable, "-m", "venv", str(environment())], capture_output=True, text=True, check=False
        )
        if made.returncode:
            return dict.fromkeys(wanted, f"no virtual environment: {last_line(made.stderr)}")
    for requirement in wanted:
        done = subprocess.run(
            [interpreter(), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", requirement],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            failed[requirement] = last_line(done.stderr)
        say(f"peers: {requirement}: {failed.get(requirement, 'ready')}")
    note.write_text(json.dumps({"wanted": wanted, "failed": failed}), encoding="utf-8")
    return failed


def last_line(text: str) -> str:
    """Return the last line of a text that is not blank; empty if there is none."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""
