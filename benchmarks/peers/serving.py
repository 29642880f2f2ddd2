"""A search server under test: started, asked by clients, looked at, ended. Ours and each peer's in the same way."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from pathlib import Path
from types import TracebackType

from clew.benchmarks.peers.protocol import Round, RoundWithFacts

# Clients at once, and what they ask together in a round. Rounds take turns through the queries, so that what a server
# remembers of a query serves no later round.
CLIENTS = 8
_ASKED = 300
# Documents of the small index that the memory of a large one is held against.
FEW = 100
# Asked wherever memory is measured: what loads with the first text in Chinese would else be in one server only.
_CHINESE = "红色连衣裙"
_RESIDENT = {"RssAnon": "private", "RssFile": "files", "RssShmem": "shared"}
# How long a server may take until its first answer, in seconds, and how often it is asked for one.
_PATIENCE = 300
_PAUSE = 0.005


class Server:
    """A server program on a free port of 127.0.0.1. Use it as a context manager."""

    def __init__(
        self,
        command: Callable[[int], Sequence[str]],
        path: Callable[[str], str],
        first: str,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start the program and wait for its first answer.

        command: port → command line. path: query → path of its GET request. first: the first query. Raises
        RuntimeError with the program's last line where it ends or is silent for too long.
        """
        self._path = path
        self._port = _free_port()
        self._output = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - closed with the server
        start = time.perf_counter()
        self._process = subprocess.Popen(
            list(command(self._port)),
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            env={**_as_installed(), **(environment or {})},
        )
        try:
            self._wait(first, start + _PATIENCE)
        except BaseException:
            self.close()
            raise
        # From the program's start to its first answer, in seconds.
        self.started = time.perf_counter() - start

    def ask(self, queries: Sequence[str], clients: int) -> tuple[float, float]:
        """Ask from some clients at once, each with one connection; returns requests a second and the median in ms."""
        start = time.perf_counter()
        with ThreadPoolExecutor(clients) as pool:
            parts = list(pool.map(self._client, (queries[at::clients] for at in range(clients))))
        elapsed = time.perf_counter() - start
        times = sorted(time for part in parts for time in part)
        return len(times) / elapsed, times[len(times) // 2] * 1000

    def resident(self) -> dict[str, int]:
        """Bytes that the program has resident: "private" ones, and "files" that lie in memory. Linux only."""
        found = {}
        for line in Path(f"/proc/{self._process.pid}/status").read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name in _RESIDENT:
                found[_RESIDENT[name]] = int(value.split()[0]) * 1024
        if not found:
            raise RuntimeError("the system does not report the memory of the server")
        return found

    def close(self) -> None:
        """End the program."""
        self._process.terminate()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._output.close()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _client(self, queries: Sequence[str]) -> list[float]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        times = []
        try:
            for query in queries:
                start = time.perf_counter()
                self._get(connection, query)
                times.append(time.perf_counter() - start)
        finally:
            connection.close()
        return times

    def _get(self, connection: http.client.HTTPConnection, query: str) -> None:
        connection.request("GET", self._path(query))
        response = connection.getresponse()
        answer = response.read()
        if response.status != 200:
            raise RuntimeError(f"{self._path(query)}: status {response.status}: {answer[:200]!r}")

    def _wait(self, query: str, until: float) -> None:
        while time.perf_counter() < until:
            if self._process.poll() is not None:
                break
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
            try:
                self._get(connection, query)
            except (OSError, http.client.HTTPException, RuntimeError):
                time.sleep(_PAUSE)
            else:
                return
            finally:
                connection.close()
        self._output.seek(0)
        said = [line for line in self._output.read().splitlines() if line.strip()]
        raise RuntimeError(f"the server did not answer: {said[-1] if said else 'no output'}")


def _as_installed() -> dict[str, str]:
    """This environment, without what keeps Python from keeping its bytecode: a program is installed with it."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def throughput(server: Server, queries: Sequence[str]) -> Round:
    """Rounds of requests a second."""
    turns = _turns(queries)
    return lambda: server.ask(next(turns), CLIENTS)[0]


def latency(server: Server, queries: Sequence[str]) -> Round:
    """Rounds of the median time of a request, in milliseconds."""
    turns = _turns(queries)
    return lambda: server.ask(next(turns), CLIENTS)[1]


def cold_start(start: Callable[[], Server]) -> Round:
    """Rounds of the time from a server's start to its first answer, in seconds."""

    def once() -> float:
        with start() as server:
            return server.started

    return once


def growth(
    small: Callable[[], Server], large: Callable[[], Server], queries: Sequence[str], documents: int
) -> RoundWithFacts:
    """Rounds of what a million documents add to a server's memory, in GB: from FEW documents to so many."""
    facts: dict[str, float] = {}

    def once() -> float:
        resident = []
        for start in (small, large):
            with start() as server:
                server.ask([*queries[:_ASKED], _CHINESE], CLIENTS)
                resident.append(server.resident())
        added = {kind: (resident[1][kind] - resident[0][kind]) / (documents - FEW) / 1e3 for kind in resident[0]}
        facts.update({f"{kind}, GB a million": round(value, 2) for kind, value in added.items()})
        return sum(added.values())

    return RoundWithFacts(once, facts)


def base(start: Callable[[], Server], queries: Sequence[str]) -> RoundWithFacts:
    """Rounds of the memory of a server that has answered, in MB."""
    facts: dict[str, float] = {}

    def once() -> float:
        with start() as server:
            server.ask([*queries[:_ASKED], _CHINESE], CLIENTS)
            resident = server.resident()
        facts.update({f"{kind}, MB": round(value / 1e6) for kind, value in resident.items()})
        return sum(resident.values()) / 1e6

    return RoundWithFacts(once, facts)


def _turns(queries: Sequence[str]) -> Iterator[Sequence[str]]:
    return cycle([queries[at : at + _ASKED] for at in range(0, len(queries), _ASKED)])
