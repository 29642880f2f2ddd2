"""The rule of `make test`: what is skipped is named, and fails the run."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"
ROOT = Path(__file__).parents[2]
PASSES = "def test_passes(): pass\n"
SKIPS = "import pytest\ndef test_skips(): pytest.skip('no server')\n"
GPU = "import pytest\n@pytest.mark.gpu\ndef test_on_a_gpu(): pytest.skip('no GPU')\n"
MODULE = "import pytest\npytest.importorskip('no_such_module_at_all')\n"

alone_and_with_workers = pytest.mark.parametrize(
    "options",
    [pytest.param((), id="alone"), pytest.param(("-n", "2"), id="xdist", marks=pytest.mark.slow)],
)


def run(folder, text, *options, strict=True):
    """Exit status and output of a pytest of its own over one file."""
    shutil.copy(CONFTEST, folder)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = gpu: needs a GPU\n")
    (folder / "test_it.py").write_text(text)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "CLEW_NO"))}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, str(folder)],
        cwd=folder,
        env={**environment, "PYTHONPATH": str(ROOT), **({"CLEW_NO_SKIPS": "1"} if strict else {})},
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout


@alone_and_with_workers
def test_a_skip_is_named_and_fails_the_run(tmp_path, options):
    status, said = run(tmp_path, PASSES + SKIPS, *options)
    assert status == 1
    assert "SKIPPED test_it.py::test_skips: no server\n" in said


def test_a_skip_passes_where_nobody_forbids_it(tmp_path):
    status, said = run(tmp_path, PASSES + SKIPS, strict=False)
    assert status == 0
    assert "SKIPPED" not in said


def test_a_skip_for_want_of_a_gpu_passes(tmp_path):
    assert run(tmp_path, PASSES + GPU)[0] == 0


def test_a_file_that_skips_itself_fails_the_run(tmp_path):
    status, said = run(tmp_path, MODULE)
    assert status == 1
    assert "SKIPPED test_it.py: could not import" in said


def test_a_failure_stays_a_failure(tmp_path):
    assert run(tmp_path, SKIPS + "def test_fails(): assert 0\n")[0] == 1


ASKS = """
import pytest
@pytest.mark.parametrize("n", range(4))
def test_it(neo4j_server, n):
    with open("seen", "a") as file:
        print(neo4j_server.uri, neo4j_server.version, file=file)
"""
# A server that is given but not there: nothing is started, and nobody waits.
GONE = {"NEO4J_URI": "bolt://127.0.0.1:1", "NEO4J_PASSWORD": "secret"}


@alone_and_with_workers
def test_without_a_server_its_tests_are_skipped_by_name(tmp_path, monkeypatch, options):
    for name, value in GONE.items():
        monkeypatch.setenv(name, value)
    status, said = run(tmp_path, ASKS, *options)
    assert status == 1
    assert "SKIPPED test_it.py::test_it[0]: no Neo4j server: bolt://127.0.0.1:1 does not answer neo4j" in said


@pytest.mark.slow
def test_workers_share_one_server_that_ends_with_the_run(tmp_path, monkeypatch):
    for name in GONE:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    status, said = run(tmp_path, ASKS, "-n", "2", strict=False)
    assert status == 0
    seen = (tmp_path / "seen").read_text().splitlines()
    assert len(seen) == 4
    assert len(set(seen)) == 1
    uri, version = seen[0].split(maxsplit=1)
    assert f"Neo4j {version}: tests ran against {uri}" in said
    assert version.endswith("community")
    assert not list(tmp_path.glob("clew-*"))
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(uri.rpartition(":")[2])))
