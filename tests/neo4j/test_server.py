"""What can be tested of the Neo4j server without starting one: versions, settings, missing programs, NEO4J_URI."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from clew.core.errors import ClewError
from tests.neo4j import install
from tests.neo4j import server as neo4j_server
from tests.neo4j.install import LINES, cache, jars, java, line_for, major_of
from tests.neo4j.server import configuration, credential, free_port, given, start

ROOT = Path(__file__).parents[2]
NEW, OLD = LINES


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with an empty PATH and no Java; the folder returned is all that is on its PATH."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr(install, "JVMS", tmp_path / "jvm")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    return programs


def program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\nPATH=/bin:/usr/bin\n{text}\n")
    path.chmod(0o755)
    return path


def fake_java(path, version):
    return program(path, f"echo 'openjdk version \"{version}\" 2025-04-15' >&2")


# A Maven that writes one jar where it is told to, and a line into a log beside itself for each run.
MAVEN = """
echo run >> "$0.log"
for word in "$@"; do
  case "$word" in -DoutputDirectory=*) sleep 0.3; echo jar > "${word#*=}/neo4j.jar" ;; esac
done
"""


# ---------------------------------------------------------------- versions


@pytest.mark.parametrize(("major", "line"), [(17, OLD), (20, OLD), (21, NEW), (25, NEW)])
def test_the_newest_line_that_runs_on_a_java_is_taken(major, line):
    assert line_for(major) is line


def test_a_java_that_is_too_old_is_refused():
    with pytest.raises(ClewError, match="needs Java 17 or later, not 11"):
        line_for(11)


@pytest.mark.parametrize(
    ("said", "major"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('java version "1.8.0_402"', 8),
        ('openjdk version "25" 2025-09-16 LTS', 25),
        ("no such thing", None),
    ],
)
def test_the_major_version_is_read_from_what_java_says(said, major):
    assert major_of(said) == major


def test_java_home_comes_before_the_path_and_old_ones_are_passed_over(machine, monkeypatch, tmp_path):
    on_path = fake_java(machine / "java", "17.0.15")
    assert java() == (on_path, 17)
    home = fake_java(tmp_path / "home" / "bin" / "java", "21.0.2")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "home"))
    assert java() == (home, 21)
    fake_java(home, "11.0.25")
    assert java() == (on_path, 17)
    on_path.unlink()
    other = fake_java(tmp_path / "jvm" / "java-21" / "bin" / "java", "21.0.2")
    assert java() == (other, 21)


# ---------------------------------------------------------------- what is missing


def test_without_java_the_hint_names_the_command(machine):
    with pytest.raises(ClewError, match="Java 17 or later is not installed") as caught:
        java()
    assert "apt-get install openjdk-17-jre-headless" in caught.value.hint
    assert "NEO4J_URI" in caught.value.hint


def test_without_maven_the_hint_names_the_command(machine):
    with pytest.raises(ClewError, match="Maven is not installed") as caught:
        jars(OLD)
    assert "apt-get install maven" in caught.value.hint


def test_root_installs_what_is_missing_after_an_update(machine, monkeypatch, tmp_path):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    program(machine / "apt-cache", 'echo "$2 | 21.0.1 | http://deb.example stable/main"')
    put = (
        f'printf "#!/bin/sh\\n/bin/echo version \\\\\\"21.0.1\\\\\\" >&2\\n" > {machine}/java; chmod +x {machine}/java'
    )
    program(machine / "apt-get", f'echo "$@" >> {tmp_path}/log; case "$*" in *install*) {put} ;; esac')
    assert java() == (machine / "java", 21)
    update, install = (tmp_path / "log").read_text().splitlines()
    assert update.endswith("update")
    assert install.endswith("install -y --no-install-recommends openjdk-21-jre-headless")
    assert line_for(21) is NEW


def test_an_older_system_gets_the_java_it_has(machine, monkeypatch):
    program(machine / "apt-cache", 'case "$2" in *-17-*) echo "$2 | 17.0.1 | http://deb.example stable/main" ;; esac')
    with pytest.raises(ClewError) as caught:
        java()
    assert "openjdk-17-jre-headless" in caught.value.hint


def test_what_apt_says_goes_into_the_error(machine, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    program(machine / "apt-get", "echo reading lists; echo 'E: Unable to locate package maven' >&2; exit 100")
    with pytest.raises(ClewError, match="apt-get: E: Unable to locate package maven"):
        jars(OLD)


# ---------------------------------------------------------------- the cache


def test_the_cache_follows_xdg(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache() == tmp_path / "clew"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache() == tmp_path / "home" / ".cache" / "clew"


def test_jars_are_fetched_once_by_two_processes_at_once(machine):
    maven = program(machine / "mvn", MAVEN)
    left = cache() / "staged-of-a-killed-process"
    left.mkdir(parents=True)
    code = "from tests.neo4j.install import LINES, jars\njars(LINES[1])"
    both = [subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.DEVNULL) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    assert [path.name for path in jars(OLD).iterdir()] == ["neo4j.jar"]
    assert Path(f"{maven}.log").read_text() == "run\n"
    assert sorted(path.name for path in cache().iterdir()) == [".lock", f"neo4j-{OLD.version}"]


def test_a_failed_fetch_leaves_nothing_and_says_why(machine):
    program(machine / "mvn", "echo '[ERROR] Could not transfer artifact org.neo4j:neo4j'; exit 1")
    with pytest.raises(ClewError, match="Could not transfer artifact"):
        jars(OLD)
    assert [path.name for path in cache().iterdir()] == [".lock"]


# ---------------------------------------------------------------- settings


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.version)
def test_bolt_on_loopback_is_all_that_listens(line):
    settings = dict(row.split("=", 1) for row in configuration(12345, 64, line).splitlines())
    assert settings["server.bolt.listen_address"] == settings["server.bolt.advertised_address"] == "127.0.0.1:12345"
    assert settings["server.default_listen_address"] == "127.0.0.1"
    assert settings["server.http.enabled"] == settings["server.https.enabled"] == "false"
    assert settings["dbms.usage_report.enabled"] == settings["client.allow_telemetry"] == "false"
    assert settings["server.memory.pagecache.size"] == "64m"


def test_the_credential_is_what_the_servers_own_command_writes():
    # Written by `neo4j-admin dbms set-initial-password secret12345` of 5.26.30.
    assert credential(
        "secret12345", bytes.fromhex("72f3f716c2166ffc75efa88caeb372d5627ab005c9bf1a29489f560a2e539107")
    ) == (
        "neo4j:SHA-256,9bdd50021e38c2db3a5ba0d91f5d0d3a4eee096813b95729b5792410fa8f6561,"
        "72f3f716c2166ffc75efa88caeb372d5627ab005c9bf1a29489f560a2e539107,1024:\n"
    )


def test_a_port_in_use_is_passed_over():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        free = free_port()
        assert free_port([port, free]) == free
        with pytest.raises(ClewError, match="no free port"):
            free_port([port])


# ---------------------------------------------------------------- a given server


def test_a_given_server_is_used_and_nothing_is_started(machine, monkeypatch):
    monkeypatch.setenv("NEO4J_URI", "bolt://graph.example:7687")
    monkeypatch.delenv("NEO4J_USER", raising=False)
    monkeypatch.setenv("NEO4J_PASSWORD", "secret")
    with start() as server:
        assert (server.uri, server.user, server.password) == ("bolt://graph.example:7687", "neo4j", "secret")
        assert server.home is None
        assert "secret" not in repr(server)


def test_without_the_variable_no_server_is_given():
    assert given({"NEO4J_USER": "somebody"}) is None
    assert given({"NEO4J_URI": ""}) is None
    assert given({"NEO4J_URI": "bolt://a", "NEO4J_USER": "b"}).user == "b"


@pytest.mark.parametrize("what", ["pause", "resume", "kill", "restart"])
def test_a_given_server_cannot_be_paused_or_killed(what):
    server = given({"NEO4J_URI": "bolt://graph.example:7687"})
    with pytest.raises(ClewError, match="this process did not start it") as caught:
        getattr(server, what)()
    assert "start_own" in caught.value.hint
    with pytest.raises(ClewError, match="has no process here"):
        _ = server.pid


# ---------------------------------------------------------------- a server that does not come up


@pytest.mark.parametrize(
    ("body", "why"), [("echo out of luck; exit 3", "ended with status 3"), ("exec sleep 60", "0.3 s are over")]
)
def test_a_server_that_does_not_come_up_leaves_nothing(machine, monkeypatch, tmp_path, body, why):
    program(machine / "mvn", MAVEN)
    program(machine / "java", f"case $1 in -version) echo 'version \"17.0.1\"' >&2 ;; *) {body} ;; esac")
    monkeypatch.setattr(neo4j_server.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("PATH", f"{machine}:/bin:/usr/bin")
    with pytest.raises(ClewError, match=why) as caught:
        neo4j_server.start_own(limit_s=0.3 if "sleep" in body else 60.0)
    assert "out of luck" in caught.value.hint or "sleep" in body
    assert not list(tmp_path.glob("clew-neo4j-*"))
    # Other tests of this process may have children of their own; none may be of this machine's.
    commands = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert not [command for command in commands if str(machine).encode() in command]
