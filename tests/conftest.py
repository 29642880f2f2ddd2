"""A real Neo4j for the tests that need one, and a run that skips nothing in silence.

One server serves a run, however many workers it has: it belongs to the process that started pytest, comes up when the
first test asks for it, and ends with the run. With CLEW_NO_SKIPS in the environment a skipped test fails the run,
except those marked `gpu`.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import pytest

from tests.models import tiny_model, trained, trained_home  # noqa: F401  fixtures of every test

if TYPE_CHECKING:
    from tests.neo4j.server import Neo4jServer

# What a first start may take on a slow line: some 130 MB come from Maven Central.
LIMIT_S = 900.0


class Shared:
    """The server of a run, in the process that owns it.

    A worker asks by making a file in `folder`, and finds there where the server is or why there is none. Grouping the
    tests on one worker would need no asking, but xdist 3.8 does not group under pytest 9.2 (its issue 1386).
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="clew-tests-"))
        self.line = ""
        self._server: Neo4jServer | None = None
        self._ended = Event()
        self._thread = Thread(target=self._run, name="neo4j", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._ended.wait(0.1):
            if (self.folder / "wanted").exists():
                self._start()
                return

    def _start(self) -> None:
        from clew.core.errors import ClewError
        from clew.core.files import write_atomic
        from tests.neo4j.server import start

        found = {"error": "starting one ended with a bug"}
        began = time.monotonic()
        try:
            server = self._server = start()
            took = time.monotonic() - began
            version = version_of(server)
            self.line = f"Neo4j {version}: tests ran against {server.uri} (up after {took:.1f} s)"
            found = {"uri": server.uri, "user": server.user, "password": server.password, "version": version}
        except ClewError as error:
            found = {"error": f"{error} ({error.hint})"}
        finally:
            write_atomic(self.folder / "found.json", json.dumps(found).encode())

    def end(self) -> None:
        """Stop the server. One that is still coming up ends with this process."""
        self._ended.set()
        self._thread.join(5.0)
        if self._server:
            self._server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


SHARED = pytest.StashKey[Shared]()


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.stash[SHARED] = Shared()


def pytest_unconfigure(config: pytest.Config) -> None:
    if SHARED in config.stash:
        config.stash[SHARED].end()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput["neo4j"] = str(node.config.stash[SHARED].folder)


@pytest.fixture(scope="session")
def neo4j_server(pytestconfig: pytest.Config) -> Neo4jServer:
    """The server that all tests share, also those of other workers: keep to labels of your own, do not clear it."""
    from tests.neo4j.server import Neo4jServer

    known = getattr(pytestconfig, "workerinput", None)
    folder = Path(known["neo4j"]) if known else pytestconfig.stash[SHARED].folder
    (folder / "wanted").touch()
    answer = folder / "found.json"
    until = time.monotonic() + LIMIT_S
    while not answer.exists():
        if time.monotonic() > until:
            pytest.skip(f"no Neo4j server: none after {LIMIT_S:g} s")
        time.sleep(0.05)
    found = json.loads(answer.read_text(encoding="utf-8"))
    if "error" in found:
        pytest.skip(f"no Neo4j server: {found['error']}")
    return Neo4jServer(**found)


@pytest.fixture
def own_neo4j_server() -> Iterator[Neo4jServer]:
    """An empty server for one test that may pause, kill and restart it; NEO4J_URI does not change that."""
    from clew.core.errors import ClewError
    from tests.neo4j.server import start_own

    try:
        server = start_own()
    except ClewError as error:
        pytest.skip(f"no Neo4j server: {error} ({error.hint})")
    with server:
        yield server


def version_of(server: Neo4jServer) -> str:
    """Version and edition, asked of the server itself. Raises ClewError when it does not let us in."""
    from neo4j import GraphDatabase
    from neo4j.exceptions import DriverError, Neo4jError

    from clew.core.errors import ClewError

    try:
        with GraphDatabase.driver(server.uri, auth=(server.user, server.password)) as driver:
            driver.verify_connectivity()  # which does not try for half a minute, as a query does
            record = driver.execute_query("CALL dbms.components() YIELD versions, edition RETURN *").records[0]
    except (DriverError, Neo4jError) as error:
        hint = "check NEO4J_URI, NEO4J_USER and NEO4J_PASSWORD"
        raise ClewError(f"{server.uri} does not answer {server.user}: {error}", hint) from error
    return f"{record['versions'][0]} {record['edition']}"


# ---------------------------------------------------------------- what the run says at its end


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run that skipped what it must not skip."""
    if forbidden(session.config) and session.exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if config.stash[SHARED].line:
        terminalreporter.write_line(config.stash[SHARED].line)
    skips = forbidden(config)
    for name, reason in skips:
        terminalreporter.write_line(f"SKIPPED {name}: {reason}", red=True)
    if skips:
        terminalreporter.write_line("CLEW_NO_SKIPS: a skipped test fails this run", red=True)


def forbidden(config: pytest.Config) -> list[tuple[str, str]]:
    """(test, reason) of the skips that fail the run; none on a worker, and none unless CLEW_NO_SKIPS is set."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or hasattr(config, "workerinput") or not os.environ.get("CLEW_NO_SKIPS"):
        return []
    found = {}
    for report in reporter.stats.get("skipped", []):
        if "gpu" not in getattr(report, "keywords", {}):
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            found[report.nodeid] = reason.removeprefix("Skipped: ")
    return sorted(found.items())
