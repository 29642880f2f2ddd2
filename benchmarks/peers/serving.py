"""Run a search server and measure it: requests, start and memory. The same for Clew and for each peer."""

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

# Number of clients at once, and of the queries that they send together in a round. Each round takes the next queries,
# so that cached queries do not help later rounds.
CLIENTS = 8
_ASKED = 300
# Number of documents in the small index with which the memory of a large one is compared.
SMALL_INDEX = 100
# Sent whenever memory is measured, because some data is loaded only with the first Chinese text.
_CHINESE = "红色连衣裙"
_RESIDENT = {"RssAnon": "private", "RssFile": "files", "RssShmem": "shared"}
# Seconds that a server may take until its first answer, and the pause between two attempts.
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
        RuntimeError with the last line that the program printed if it ends or does not answer in time.
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
            env={**_environment(), **(environment or {})},
        )
        try:
            self._wait(first, start + _PATIENCE)
        except BaseException:
            self.close()
            raise
        # From the program's start to its first answer, in seconds.
        self.started = time.perf_counter() - start

    def ask(self, queries: Sequence[str], clients: int) -> tuple[float, float]:
        """Send queries from several clients at once, each with one connection.

        Returns requests per second and the median time in milliseconds.
        """
        start = time.perf_counter()
        with ThreadPoolExecutor(clients) as pool:
            parts = list(pool.map(self._client, (queries[at::clients] for at in range(clients))))
        elapsed = time.perf_counter() - start
        times = sorted(time for part in parts for time in part)
        return len(times) / elapsed, times[len(times) // 2] * 1000

    def resident(self) -> dict[str, int]:
        """Return the resident memory of the program in bytes: "private", "files" (mapped) and "shared".

        Raises RuntimeError if the system does not report it (Linux only).
        """
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


def _environment() -> dict[str, str]:
    """Return this environment with bytecode caching enabled, because installed programs have their bytecode cached."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def throughput(server: Server, queries: Sequence[str]) -> Round:
    """Return rounds of requests per second."""
    batches = _query_batches(queries)
    return lambda: server.ask(next(batches), CLIENTS)[0]


def latency(server: Server, queries: Sequence[str]) -> Round:
    """Return rounds of the median time of a request, in milliseconds."""
    batches = _query_batches(queries)
    return lambda: server.ask(next(batches), CLIENTS)[1]


def cold_start(start: Callable[[], Server]) -> Round:
    """Return rounds of the time from the start of a server to its first answer, in seconds."""

    def once() -> float:
        with start() as server:
            return server.started

    return once


def memory_growth(
    small: Callable[[], Server], large: Callable[[], Server], queries: Sequence[str], documents: int
) -> RoundWithFacts:
    """Return rounds of the memory in GB that a million documents would add to a server.

    It is computed from the difference between a server with FEW documents and one with `documents`.
    """
    facts: dict[str, float] = {}

    def once() -> float:
        resident = []
        for start in (small, large):
            with start() as server:
                server.ask([*queries[:_ASKED], _CHINESE], CLIENTS)
                resident.append(server.resident())
        added = {
            kind: (resident[1][kind] - resident[0][kind]) / (documents - SMALL_INDEX) / 1e3 for kind in resident[0]
        }
        facts.update({f"{kind}, GB a million": round(value, 2) for kind, value in added.items()})
        return sum(added.values())

    return RoundWithFacts(once, facts)


def base_memory(start: Callable[[], Server], queries: Sequence[str]) -> RoundWithFacts:
    """Return rounds of the resident memory of a server that has answered queries, in MB."""
    facts: dict[str, float] = {}

    def once() -> float:
        with start() as server:
            server.ask([*queries[:_ASKED], _CHINESE], CLIENTS)
            resident = server.resident()
        facts.update({f"{kind}, MB": round(value / 1e6) for kind, value in resident.items()})
        return sum(resident.values()) / 1e6

    return RoundWithFacts(once, facts)


def _query_batches(queries: Sequence[str]) -> Iterator[Sequence[str]]:
    return cycle([queries[at : at + _ASKED] for at in range(0, len(queries), _ASKED)])
