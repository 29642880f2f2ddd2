"""A real server: it answers its user on loopback alone, keeps its data over a kill, and never outlives its owner."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from neo4j import GraphDatabase
from neo4j.exceptions import AuthError

from clew.core.errors import ClewError
from tests.neo4j.server import answers, start_own

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def server():
    try:
        started = start_own()
    except ClewError as error:
        pytest.skip(f"no Neo4j server: {error} ({error.hint})")
    with started:
        yield started


def port_of(server):
    return int(server.uri.rpartition(":")[2])


def connected(server, password=None):
    return GraphDatabase.driver(server.uri, auth=(server.user, password or server.password))


def alive(pid):
    """Whether a process runs; one that ended and was not collected yet does not."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def gone(pid, home, limit_s=60.0):
    """Whether process and home go away; waits for them."""
    until = time.monotonic() + limit_s
    while time.monotonic() < until and (alive(pid) or home.exists()):
        time.sleep(0.05)
    return not alive(pid) and not home.exists()


def listening(pid):
    """Address and port, in the hex of /proc/net, of every TCP socket that a process listens on."""
    own = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            own.add(entry.readlink().name)
    text = "".join(Path(f"/proc/{pid}/net/{name}").read_text() for name in ("tcp", "tcp6"))
    rows = [line.split() for line in text.splitlines()]
    return [row[1] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in own]


def test_it_answers_its_user_and_nobody_else(server):
    with connected(server) as driver:
        record = driver.execute_query("CALL dbms.components() YIELD versions, edition RETURN *").records[0]
    assert (record["versions"], record["edition"]) == ([server.version], "community")
    with connected(server, "wrong") as driver, pytest.raises(AuthError):
        driver.verify_connectivity()


def test_it_listens_on_one_port_of_loopback(server):
    loopback = ("0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000")
    [(address, port)] = [place.split(":") for place in listening(server.pid)]
    assert address in loopback
    assert int(port, 16) == port_of(server)


def test_a_paused_server_is_silent_and_goes_on(server):
    server.pause()
    try:
        assert not answers(port_of(server))
    finally:
        server.resume()
    with connected(server) as driver:
        assert driver.execute_query("RETURN 1 AS one").records[0]["one"] == 1


def test_restart_after_a_kill_keeps_port_password_and_data(server):
    before = server.pid
    with connected(server) as driver:
        driver.execute_query("CREATE (:Kept {text: 'still here'})")
        server.kill()
        assert not alive(before)
        assert not answers(port_of(server))
        server.restart()
        assert server.pid != before
        assert [row["text"] for row in driver.execute_query("MATCH (n:Kept) RETURN n.text AS text").records] == [
            "still here"
        ]


def test_stop_ends_even_a_paused_server_and_removes_its_home(own_neo4j_server):
    pid, home = own_neo4j_server.pid, own_neo4j_server.home
    assert (home / "logs" / "neo4j.log").is_file()
    own_neo4j_server.pause()
    own_neo4j_server.stop()
    assert not alive(pid)
    assert not home.exists()
    own_neo4j_server.stop()


# One that starts a server and would run for ever.
OWNER = """
import time
from tests.neo4j.server import start_own
server = start_own()
server.{state}()
print(server.pid, server.home, flush=True)
time.sleep(3600)
"""


@pytest.mark.parametrize("state", ["resume", "pause"])
def test_it_dies_with_its_owner_also_when_that_is_killed(state):
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER.format(state=state)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        pid, home = owner.stdout.readline().split()
        assert alive(int(pid))
    finally:
        owner.kill()
        owner.communicate()
    assert gone(int(pid), Path(home))


@pytest.fixture
def interruptible():
    """Started programs end on SIGINT, also where these tests run under nohup and would have them ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_runs_one_until_it_is_told_to_end(number, tmp_path):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NEO4J_")}
    command = subprocess.Popen(
        [sys.executable, "-m", "tests.neo4j.server"],
        cwd=ROOT,
        env={**environment, "TMPDIR": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        said = {}
        while "NEO4J_PASSWORD" not in said:
            line = command.stderr.readline()
            assert line, "it ended before it said where to find it"
            name, _, value = line.removeprefix("export ").strip().partition("=")
            said[name] = value
        with GraphDatabase.driver(said["NEO4J_URI"], auth=(said["NEO4J_USER"], said["NEO4J_PASSWORD"])) as driver:
            driver.verify_connectivity()
        [home] = tmp_path.glob("clew-neo4j-*")
        command.send_signal(number)
        assert command.wait(60) == 0
        assert not home.exists()
        assert not answers(int(said["NEO4J_URI"].rpartition(":")[2]))
    finally:
        command.kill()
        command.communicate()
