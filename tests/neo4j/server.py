"""A Neo4j Community server for tests and development: `python -m tests.neo4j.server`, which `make neo4j` runs.

Each server has a temporary home and a random password, listens on 127.0.0.1 only, and ends when the process that
started it ends, even by SIGKILL. If NEO4J_URI is set, `start` uses that server and starts none.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from clew.cli.options import note
from clew.core.errors import ClewError
from tests.neo4j.install import Line, jars, java, line_for

USER = "neo4j"
HEAP_MB = 512
PAGE_CACHE_MB = 128
# The command's server may be measured: more memory, and the compiler and collector that the JVM chooses by itself.
COMMAND_HEAP_MB = 1024
COMMAND_PAGE_CACHE_MB = 512
LIMIT_S = 120.0
# Hundredths of a second that a pause may take.
_PAUSE_POLLS = 500
# For tests: starts sooner and needs half the memory.
QUICK = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
# Below what systems hand out by themselves, so that no other socket takes the port before the server does.
PORTS = range(20_000, 32_000)

# Leads a process group that the server joins. When our end of its stdin closes, also by SIGKILL, the group goes; the
# SIGHUP that a group with a paused process gets as its owner dies must not end the watcher before that.
_WATCH = 'trap "" HUP INT TERM; read -r _; rm -rf -- "$1"; kill -KILL 0'


def configuration(port: int, page_cache_mb: int, line: Line) -> str:
    """The text of neo4j.conf: Bolt on a loopback port, every other listener and every report off."""
    settings = {
        "server.default_listen_address": "127.0.0.1",
        "server.default_advertised_address": "127.0.0.1",
        "server.bolt.listen_address": f"127.0.0.1:{port}",
        "server.bolt.advertised_address": f"127.0.0.1:{port}",
        "server.http.enabled": "false",
        "server.https.enabled": "false",
        "dbms.usage_report.enabled": "false",
        "client.allow_telemetry": "false",
        "server.memory.pagecache.size": f"{page_cache_mb}m",
        "db.tx_log.preallocate": "false",
        **line.settings,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def credential(password: str, salt: bytes) -> str:
    """The line of data/dbms/auth.ini for a password, as the server's own `set-initial-password` writes it.

    Running that command takes a second virtual machine, 2 s a start.
    """
    rounds = 1024
    digest = salt + password.encode()
    for _ in range(rounds):
        digest = hashlib.sha256(digest).digest()
    return f"{USER}:SHA-256,{digest.hex()},{salt.hex()},{rounds}:\n"


@dataclass
class _Own:
    """What this process started: the watcher, the server (another one after a restart), and how to start it."""

    command: list[str]
    home: Path
    port: int
    limit_s: float
    watcher: subprocess.Popen[bytes]
    java: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The server's process. Raises ClewError before the first launch."""
        if self.java is None:
            raise ClewError(f"the server in {self.home} was never started")
        return self.java

    def launch(self) -> None:
        """Start the server and wait for it. Raises ClewError with the end of its log if it does not come up."""
        log = self.home / "logs" / "neo4j.log"
        before = len(_bytes(log))
        with (self.home / "console.log").open("ab") as console:
            self.java = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                cwd=self.home,
                process_group=self.watcher.pid,
            )
        until = time.monotonic() + self.limit_s
        while time.monotonic() < until and self.java.poll() is None:
            # Bolt listens a moment before the server is ready, and says so in its log.
            if b"Started." in _bytes(log)[before:] and answers(self.port):
                return
            time.sleep(0.05)
        status = self.java.poll()
        self.end(0.0)
        said = (_bytes(self.home / "console.log") + _bytes(log)[before:]).decode(errors="replace").splitlines()
        why = f"{self.limit_s:g} s are over" if status is None else f"it ended with status {status}"
        raise ClewError(f"the Neo4j server did not start: {why}", "\n    ".join(["its last words:", *said[-8:]]))

    def end(self, limit_s: float) -> None:
        """End the server, if it runs: SIGTERM, then SIGKILL after `limit_s` seconds (at once for 0)."""
        if self.java is None or self.java.poll() is not None:
            return
        if limit_s:
            # A paused process takes no SIGTERM before it goes on.
            self.java.send_signal(signal.SIGCONT)
            self.java.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.java.wait(limit_s)
        self.java.kill()
        self.java.wait()

    def clear(self) -> None:
        """Remove the home and end the watcher."""
        shutil.rmtree(self.home, ignore_errors=True)
        if self.watcher.stdin:
            self.watcher.stdin.close()
        self.watcher.wait()


@dataclass(frozen=True)
class Neo4jServer:
    """A running server. As a context manager it stops at the end.

    `home` is its temporary folder (logs/neo4j.log, data); None for a server that NEO4J_URI names, whose version is not
    known either. Only the process that started a server can pause, kill and restart it; elsewhere `pid` and those
    methods raise ClewError.
    """

    uri: str
    user: str
    password: str = field(repr=False)
    version: str = "unknown"
    home: Path | None = None
    _own: _Own | None = field(default=None, repr=False, compare=False)

    @property
    def pid(self) -> int:
        """Process id of the server; another one after `restart`."""
        return self._mine("has no process here").process.pid

    def stop(self, limit_s: float = 20.0) -> None:
        """End the server (SIGTERM, SIGKILL after `limit_s` seconds) and remove its home; a given server stays."""
        if self._own:
            self._own.end(limit_s)
            self._own.clear()

    def pause(self) -> None:
        """Freeze the server: connections stay open, nothing is answered until `resume`."""
        self._signal(signal.SIGSTOP, "cannot be paused")
        # A signal is only on its way when the call returns; on a busy machine the server may still answer.
        stat = Path(f"/proc/{self.pid}/stat")
        for _ in range(_PAUSE_POLLS):
            if not stat.exists() or stat.read_text(errors="replace").rpartition(")")[2].split()[0] == "T":
                return
            time.sleep(0.01)

    def resume(self) -> None:
        """Let a paused server go on."""
        self._signal(signal.SIGCONT, "cannot be resumed")

    def kill(self) -> None:
        """End the server with SIGKILL. Its home stays, for `restart`."""
        self._mine("cannot be killed").end(0.0)

    def restart(self) -> None:
        """Start again on the same port and data, after `kill` or from running; returns when Bolt answers."""
        own = self._mine("cannot be restarted")
        own.end(20.0)
        own.launch()

    def _signal(self, number: signal.Signals, what: str) -> None:
        self._mine(what).process.send_signal(number)

    def _mine(self, what: str) -> _Own:
        if self._own is None:
            raise ClewError(
                f"the server at {self.uri} {what}: this process did not start it",
                "use start_own, or unset NEO4J_URI",
            )
        return self._own

    def __enter__(self) -> Neo4jServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def given(environment: Mapping[str, str] | None = None) -> Neo4jServer | None:
    """The server that NEO4J_URI, NEO4J_USER (neo4j if not set) and NEO4J_PASSWORD name; None without NEO4J_URI."""
    known = os.environ if environment is None else environment
    if not known.get("NEO4J_URI"):
        return None
    return Neo4jServer(known["NEO4J_URI"], known.get("NEO4J_USER") or USER, known.get("NEO4J_PASSWORD", ""))


def start(
    *,
    heap_mb: int = HEAP_MB,
    page_cache_mb: int = PAGE_CACHE_MB,
    jvm: Sequence[str] = QUICK,
    limit_s: float = LIMIT_S,
) -> Neo4jServer:
    """The given server where NEO4J_URI names one, else `start_own`."""
    return given() or start_own(heap_mb=heap_mb, page_cache_mb=page_cache_mb, jvm=jvm, limit_s=limit_s)


def start_own(
    *,
    heap_mb: int = HEAP_MB,
    page_cache_mb: int = PAGE_CACHE_MB,
    jvm: Sequence[str] = QUICK,
    limit_s: float = LIMIT_S,
) -> Neo4jServer:
    """A new, empty server; returns when Bolt answers.

    heap_mb and page_cache_mb are MiB, jvm further options of the virtual machine, limit_s the seconds it may take to
    come up. Raises ClewError without Java or Maven, when Maven cannot fetch it, or when it does not come up.
    """
    program, major = java()
    line = line_for(major)
    library = jars(line)
    port = free_port()
    password = secrets.token_urlsafe(18)
    home = Path(tempfile.mkdtemp(prefix="clew-neo4j-"))
    watcher = subprocess.Popen(
        ["sh", "-c", _WATCH, "sh", str(home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        process_group=0,
    )
    # The virtual machine's own files go under the home too, so that they end with it.
    scratch = home / "scratch"
    options = [f"-Xms{heap_mb}m", f"-Xmx{heap_mb}m", f"-Djava.io.tmpdir={scratch}", "-XX:-UsePerfData", *jvm]
    command = [str(program), *options, "-cp", f"{library}/*", line.main]
    command += [f"--home-dir={home}", f"--config-dir={home}/conf"]
    own = _Own(command, home, port, limit_s, watcher)
    try:
        scratch.mkdir()
        _write(home / "conf" / "neo4j.conf", configuration(port, page_cache_mb, line))
        _write(home / "data" / "dbms" / "auth.ini", credential(password, secrets.token_bytes(32)))
        own.launch()
    except BaseException:
        own.end(0.0)
        own.clear()
        raise
    return Neo4jServer(f"bolt://127.0.0.1:{port}", USER, password, line.version, home, own)


def free_port(ports: Iterable[int] = PORTS) -> int:
    """A port of 127.0.0.1 that nothing listens on. Raises ClewError when all are taken."""
    left = list(ports)
    while left:
        port = left.pop(secrets.randbelow(len(left)))
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise ClewError("no free port on 127.0.0.1", "end other servers")


def answers(port: int) -> bool:
    """Whether Bolt on this port of 127.0.0.1 agrees on a version of its protocol."""
    hello = bytes.fromhex("6060b017 00040405 00000404 00000000 00000000")
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0) as connection:
            connection.sendall(hello)
            return any(connection.recv(4))
    except OSError:
        return False


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")


def _bytes(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def main() -> int:
    """Run a server until SIGINT or SIGTERM; exit code 1 if it cannot be started."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with start(heap_mb=COMMAND_HEAP_MB, page_cache_mb=COMMAND_PAGE_CACHE_MB, jvm=()) as server:
            note(f"Neo4j {server.version} runs until Ctrl-C. To use it:")
            note(f"export NEO4J_URI={server.uri}")
            note(f"export NEO4J_USER={server.user}")
            note(f"export NEO4J_PASSWORD={server.password}")
            signal.pause()
    except KeyboardInterrupt:
        return 0
    except ClewError as error:
        note(f"clew: {error.message}\n  hint: {error.hint}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
