"""Run a peer program as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from clew.benchmarks.peers.environment import environment, interpreter, last_line
from clew.benchmarks.signature import ROOT


class PeerError(Exception):
    """A peer could not be measured; the message goes into the results."""


class Peer:
    """One peer program, which waits between rounds. A context manager."""

    def __init__(self, module: str, job: Mapping[str, Any]) -> None:
        """Start clew.benchmarks.peers.<module> with a job (see `protocol`). Raises PeerError with the reason."""
        if not interpreter().exists():
            raise PeerError(f"{environment()} does not exist: run `make peers`")
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
        """Run one more round and return its figure. Raises PeerError if the peer failed."""
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
        return last_line(self._errors.read()) or f"it ended with code {self._process.returncode}"
