"""The environment of the peers, and one running peer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from clew.benchmarks.signature import ROOT

_REQUIREMENTS = Path(__file__).parent / "peers" / "requirements.txt"
_DONE = ".peers.json"


class PeerError(Exception):
    """A peer cannot be measured; the reason goes into the results."""


def environment() -> Path:
    """Folder of the peers' virtual environment: $CLEW_PEERS, else .venv-peers beside the code."""
    return Path(os.environ.get("CLEW_PEERS") or ROOT / ".venv-peers")


def interpreter() -> Path:
    """The Python of that environment."""
    return environment() / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def prepare(say: Callable[[str], object]) -> dict[str, str]:
    """Make the environment where it is not there yet, and install each requirement on its own.

    Returns requirement → why it did not install. What is installed already takes a second.
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
            return dict.fromkeys(wanted, f"no virtual environment: {_last_line(made.stderr)}")
    for requirement in wanted:
        done = subprocess.run(
            [interpreter(), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", requirement],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            failed[requirement] = _last_line(done.stderr)
        say(f"peers: {requirement}: {failed.get(requirement, 'ready')}")
    note.write_text(json.dumps({"wanted": wanted, "failed": failed}), encoding="utf-8")
    return failed


class Peer:
    """One peer program, waiting between its rounds. Use it as a context manager."""

    def __init__(self, module: str, job: Mapping[str, Any]) -> None:
        """Start clew.benchmarks.peers.<module> on a job (see `protocol`). Raises PeerError with the reason."""
        if not interpreter().exists():
            raise PeerError(f"{environment()} is not there: run `make peers`")
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - closed with the peer
        threads = str(job["threads"])
        self._process = subprocess.Popen(
            [interpreter(), "-m", f"clew.benchmarks.peers.{module}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            cwd=ROOT,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "OMP_NUM_THREADS": threads,
                "NUMBA_NUM_THREADS": threads,
                "HF_HUB_OFFLINE": "1",
            },
        )
        try:
            ready = self._ask(job)
            self.facts: dict[str, Any] = {"version": str(ready["version"]), **ready["facts"]}
        except PeerError:
            self.close()
            raise

    def round(self) -> float:
        """The figure of one more round. Raises PeerError where the peer failed."""
        return float(self._ask({"round": 1})["value"])

    def close(self) -> None:
        """End the program."""
        if self._process.stdin:
            self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        if self._process.stdin is None or self._process.stdout is None:
            raise PeerError("its pipes are closed")
        try:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise PeerError(self._reason()) from None
        line = self._process.stdout.readline()
        if not line:
            raise PeerError(self._reason())
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _reason(self) -> str:
        self._process.wait(timeout=30)
        self._errors.seek(0)
        return _last_line(self._errors.read()) or f"it ended with code {self._process.returncode}"


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""
