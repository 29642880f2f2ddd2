"""The wheel as a stranger gets it: built from the sdist, installed into a clean environment, used beside other code.

The project it is used in has folders called api, search, indexer, kg and benchmarks of its own: Clew is one import
name, so neither is in the other's way.
"""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import urllib.request
import zipfile
from collections import defaultdict
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PACKAGES = ("api", "search", "indexer", "kg", "benchmarks")
SPEC = """
name = "lamps"
dense = { model = "hashing-32" }
[source]
path = "lamps.jsonl"
id = "id"
[fields]
title = { type = "text" }
"""
SCRIPT = """
import api, benchmarks, indexer, kg, search
import clew

assert [m.MINE for m in (api, benchmarks, indexer, kg, search)] == ["api", "benchmarks", "indexer", "kg", "search"]
report = clew.build("lamps.toml", "home")
with clew.open("lamps", "home") as index:
    print(report.documents, index.search("oak lamp").hits[0].id)
"""


def run(*command, cwd=None, **environment):
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, env=clean() | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def clean():
    """The environment without what would point Python at the checkout."""
    return {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV", "CLEW_HOME"}}


def tracked():
    """The files that git has, or would add: what a release is made from."""
    listed = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT)
    return [Path(name) for name in listed.split("\0") if name and os.path.lexists(ROOT / name)]


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    """Folder with the sdist and the wheel that was built from it."""
    source = tmp_path_factory.mktemp("source")
    for file in tracked():
        (source / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / file, source / file, follow_symlinks=False)
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--installer", "uv", "--outdir", folder, source)
    return folder


@pytest.fixture(scope="module")
def wheel(dist):
    (found,) = dist.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory):
    """The interpreter of a clean environment with nothing but the wheel and its extra `cpu`."""
    folder = tmp_path_factory.mktemp("clean") / "venv"
    run(sys.executable, "-m", "uv", "venv", "--python", sys.executable, folder)
    found = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    run(sys.executable, "-m", "uv", "pip", "install", "--python", found, f"{wheel}[cpu]")
    return found


@pytest.fixture
def project(tmp_path):
    """Create a project with folders of the same names."""
    for name in PACKAGES:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"MINE = {name!r}\n")
    (tmp_path / "lamps.toml").write_text(SPEC)
    (tmp_path / "lamps.jsonl").write_text(
        '{"id": "1", "title": "Oak lamp"}\n{"id": "2", "title": "Steel kettle"}\n', encoding="utf-8"
    )
    (tmp_path / "mine.py").write_text(SCRIPT)
    return tmp_path


def test_the_wheel_holds_every_file_once_and_no_tests(wheel):
    with zipfile.ZipFile(wheel) as packed:
        names = packed.namelist()
        places = defaultdict(list)
        for name in names:
            # Two models may share a tokenizer, and two works a licence.
            if not name.startswith("clew/models/shipped/") and "LICENSE" not in name:
                places[hashlib.sha256(packed.read(name)).hexdigest()].append(name)
        empty = hashlib.sha256(b"").hexdigest()
    assert not {key: same for key, same in places.items() if len(same) > 1 and key != empty}
    assert {name.split("/")[0] for name in names} == {"clew", next(n for n in names if "dist-info" in n).split("/")[0]}
    assert not [name for name in names if "test" in Path(name).parts[1]]
    modules = {file.as_posix() for file in tracked() if file.suffix == ".py" and file.parts[0] in {"clew", *PACKAGES}}
    assert {name if name.startswith("clew/") else f"clew/{name}" for name in modules} <= set(names)


def test_the_sdist_holds_nothing_twice(dist):
    (found,) = dist.glob("*.tar.gz")
    with tarfile.open(found) as packed:
        top = {Path(name).parts[1] for name in packed.getnames() if len(Path(name).parts) > 1}
    assert not top & {*PACKAGES, "tests", "examples"}


def test_it_works_in_a_project_with_folders_of_the_same_names(project, python):
    assert run(python, "-c", "import clew; print(clew.__version__)", cwd=project).strip()
    assert run(python, "-m", "clew", "--version", cwd=project).startswith("clew ")
    assert run(python, "mine.py", cwd=project).strip() == "2 1"
    found = json.loads(run(python, "-m", "clew", "search", "lamps", "kettle", "--home", "home", "--json", cwd=project))
    assert found["hits"][0]["id"] == "2"


def test_it_serves_in_a_project_with_folders_of_the_same_names(project, python):
    run(python, "-m", "clew", "build", "lamps.toml", "--home", "home", cwd=project)
    server = subprocess.Popen(
        [python, "-m", "clew", "serve", "--home", "home", "--port", "0"],
        cwd=project, env=clean(), stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        url = re.search(r"http://127\.0\.0\.1:\d+", server.stderr.readline()).group()
        with urllib.request.urlopen(f"{url}/v1/search?index=lamps&q=lamp", timeout=60) as response:
            assert json.load(response)["hits"][0]["id"] == "1"
        for name in ("docs", "docs/start.js", "docs/swagger-ui-bundle.js", "docs/swagger-ui.css"):
            with urllib.request.urlopen(f"{url}/{name}", timeout=60) as response:
                assert response.status == 200
    finally:
        server.send_signal(signal.SIGINT)
        _, err = server.communicate(timeout=60)
    assert (server.returncode, "Traceback" in err) == (0, False)


def test_the_demo_works_without_a_checkout(python, tmp_path):
    said = run(python, "-m", "clew", "demo", "--no-serve", "--shop-only", "--home", tmp_path / "home", cwd=tmp_path)
    assert "Tarnwick" in said
