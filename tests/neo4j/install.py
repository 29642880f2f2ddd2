"""What a Neo4j Community server needs: a Java to run on, and its jars, from Maven Central into a cache folder, once.

Where Java or Maven is missing, it is installed as root with apt-get; anybody else is told how.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from filelock import FileLock

from clew.cli.options import note
from clew.core.errors import ClewError

Found = TypeVar("Found")

# Where Debian and Ubuntu put what is not on the PATH.
JVMS = Path("/usr/lib/jvm")

_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
_POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>clew</groupId>
  <artifactId>neo4j</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.neo4j</groupId>
      <artifactId>neo4j</artifactId>
      <version>{version}</version>
    </dependency>
  </dependencies>
</project>
"""


@dataclass(frozen=True)
class Line:
    """A line of Neo4j: its pinned version, the first Java it runs on, its main class, settings only it knows."""

    version: str
    java: int
    main: str
    settings: Mapping[str, str]


# Newest first. The quiet period is idle time that Bolt waits at the end: 5 s twice unless it is told otherwise.
LINES = (
    Line(
        "2026.08.1",
        21,
        "org.neo4j.server.Neo4jCommunity",
        {"dbms.fleet_manager.enabled": "false", "internal.dbms.bolt.netty_server_shutdown_quiet_period_duration": "0s"},
    ),
    Line(
        "5.26.30",
        17,
        "org.neo4j.server.CommunityEntryPoint",
        {"internal.dbms.bolt.netty_server_shutdown_quiet_period": "0"},
    ),
)


def line_for(major: int) -> Line:
    """The newest line that runs on a Java of this major version. Raises ClewError below the oldest."""
    for line in LINES:
        if major >= line.java:
            return line
    raise ClewError(f"Neo4j needs Java {LINES[-1].java} or later, not {major}", "install a newer one and set JAVA_HOME")


def cache() -> Path:
    """Folder that keeps the servers' jars: $XDG_CACHE_HOME/clew, else ~/.cache/clew."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "clew"


def major_of(text: str) -> int | None:
    """The major version in what `java -version` says; None where it says none."""
    match = re.search(r'version "(?:1\.)?(\d+)', text)
    return int(match[1]) if match else None


def java() -> tuple[Path, int]:
    """The Java to run Neo4j with and its major version: of JAVA_HOME, on the PATH, or under /usr/lib/jvm.

    Installs one as root where apt-get is. Raises ClewError where there is none.
    """
    return _found_or_installed(_java, f"Java {LINES[-1].java} or later", _jre)


def jars(line: Line) -> Path:
    """Folder of a line's jars, fetched where it is not there yet; safe to call from several processes.

    Raises ClewError without Maven, or when Maven cannot fetch them.
    """
    folder = cache() / f"neo4j-{line.version}"
    if folder.is_dir():
        return folder
    maven = _found_or_installed(lambda: shutil.which("mvn"), "Maven", lambda: "maven")
    cache().mkdir(parents=True, exist_ok=True)
    with FileLock(cache() / ".lock"):
        # Of a process that was killed: nobody else stages while this one holds the lock.
        for left in cache().glob("staged-*"):
            shutil.rmtree(left, ignore_errors=True)
        if not folder.is_dir():
            note(f"Neo4j {line.version}: fetching it from Maven Central into {folder} (once)")
            staged = Path(tempfile.mkdtemp(prefix="staged-", dir=cache()))
            try:
                _fetch(maven, line.version, staged)
                staged.rename(folder)
            finally:
                shutil.rmtree(staged, ignore_errors=True)
    return folder


def _fetch(maven: str, version: str, folder: Path) -> None:
    with tempfile.TemporaryDirectory() as work:
        pom = Path(work) / "pom.xml"
        pom.write_text(_POM.format(version=version), encoding="utf-8")
        words = [maven, "-q", "-B", "-C", "-f", str(pom), _PLUGIN]
        words += [f"-DoutputDirectory={folder}", "-DincludeScope=runtime"]
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        said = [line for line in (done.stdout + done.stderr).splitlines() if "ERROR" in line] or ["it said nothing"]
        raise ClewError(
            f"Maven could not fetch Neo4j {version}: {said[0]}",
            "check that Maven Central or your mirror of it can be reached, or name a server in NEO4J_URI",
        )


def _java() -> tuple[Path, int] | None:
    programs = [Path(home) / "bin" / "java" for home in [os.environ.get("JAVA_HOME")] if home]
    programs += [Path(found) for found in [shutil.which("java")] if found]
    for program in [*programs, *sorted(JVMS.glob("*/bin/java"), reverse=True)]:
        if program.is_file():
            done = subprocess.run([program, "-version"], capture_output=True, text=True, check=False)
            major = major_of(done.stderr)
            if major and major >= LINES[-1].java:
                return program, major
    return None


def _jre() -> str:
    """The package of the newest Java that this Debian or Ubuntu has and a line was made for."""
    for line in LINES[:-1] if shutil.which("apt-cache") else ():
        package = f"openjdk-{line.java}-jre-headless"
        # `show` and the status speak also of packages that others only name; `madison` lists versions there are.
        if subprocess.run(["apt-cache", "madison", package], capture_output=True, check=False).stdout.strip():
            return package
    return f"openjdk-{LINES[-1].java}-jre-headless"


def _found_or_installed(find: Callable[[], Found | None], name: str, package: Callable[[], str]) -> Found:
    found = find()
    said = ""
    if found is None and shutil.which("apt-get") and os.geteuid() == 0:
        cache().mkdir(parents=True, exist_ok=True)
        with FileLock(cache() / ".apt.lock"):
            # Another process may have done it while this one waited.
            said = "" if find() else _install(name, package)
        found = find()
    if found is None:
        raise ClewError(
            f"{name} is not installed, and a Neo4j server needs it" + (f" (apt-get: {said})" if said else ""),
            f"on Debian and Ubuntu: apt-get update && apt-get install {package()}; or name a server in NEO4J_URI",
        )
    return found


def _install(name: str, package: Callable[[], str]) -> str:
    """Install with apt-get; returns the last line of what went wrong, "" if nothing did."""
    note(f"Neo4j: installing {name} with apt-get (once)")
    # One broken repository among many fails the update, and the package may still be there.
    _apt("update")
    return _apt("install", "-y", "--no-install-recommends", package())


def _apt(*words: str) -> str:
    command = ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=300", *words]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    return (done.stderr.strip() or done.stdout.strip()).rpartition("\n")[2] if done.returncode else ""
