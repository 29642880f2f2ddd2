"""SIGKILL at random points of a build: the old release keeps answering, the rerun ends with the same content.

The build under test runs as a program of its own and kills itself at the n-th thing it does to the file system; n is
drawn with a fixed seed. CLEW_KILLS sets how many are drawn.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys

import pytest

from clew.indexer import encode
from clew.indexer.build import build
from clew.indexer.releases.verify import verify_release
from clew.indexer.spec import read_spec
from clew.search.assemble import open_index
from clew.search.types import SearchRequest
from clew.search.versions import IndexFolder

KILLS = int(os.environ.get("CLEW_KILLS", "4"))
CHUNK = 8
SPEC = """
name = "shop"
dense = { model = "hashing-16" }
[source]
path = "shop.jsonl"
[fields]
title = { type = "text" }
text = { type = "text" }
[passages]
size = 24
step = 16
[build]
shards = 2
"""
PROGRAM = """
from pathlib import Path
from clew.indexer import encode
from clew.indexer.build import build
from clew.indexer.spec import read_spec

def main(spec, home, chunk, at):
    encode.CHUNK = int(chunk)
    count = die_at(home, int(at))
    build(read_spec(Path(spec)), Path(home))
    print(count())

if __name__ == "__main__":
    main(*sys.argv[1:])
"""


def write_catalogue(root, count):
    rng = random.Random(3)
    words = "lamp desk oak walnut steel brass reading floor bright warm quiet kettle toaster".split()
    with (root / "shop.jsonl").open("w") as file:
        for number in range(count):
            text = ". ".join(" ".join(rng.choices(words, k=9)) for _ in range(4))
            file.write(json.dumps({"id": str(number), "title": f"item {number}", "text": text}) + "\n")


def run(root, home, at=0):
    command = [sys.executable, str(root / "program.py"), str(root / "shop.toml"), str(home), str(CHUNK), str(at)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, mortal):
    """A home with an old release, a changed source, and what an uninterrupted build makes of it."""
    root = tmp_path_factory.mktemp("kill")
    (root / "shop.toml").write_text(SPEC)
    mortal(root / "program.py", PROGRAM)
    write_catalogue(root, 30)
    old = build(read_spec(root / "shop.toml"), root / "old")
    write_catalogue(root, 40)
    shutil.copytree(root / "old", root / "whole")
    finished = run(root, root / "whole")
    assert finished.returncode == 0, finished.stderr
    folder = IndexFolder.of(root / "whole", "shop")
    content = folder.read_version(folder.read_release()).content
    assert content != old.content
    return root, int(finished.stdout), content


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(encode, "CHUNK", CHUNK)


@pytest.mark.parametrize("draw", range(KILLS))
def test_a_killed_build_leaves_the_old_release_and_is_resumed(prepared, tmp_path, draw):
    root, steps, content = prepared
    home = tmp_path / "home"
    shutil.copytree(root / "old", home)
    at = random.Random(draw).randint(1, steps)
    killed = run(root, home, at)
    assert killed.returncode == -signal.SIGKILL, killed.stderr

    searcher = open_index(home, "shop")
    # The release changes in one step: it is the old one, or the new one as a whole.
    assert searcher.version.documents in {30, 40}
    assert len(searcher.search(SearchRequest(query="oak lamp")).hits) == 10
    before = searcher.version
    searcher.close()

    report = build(read_spec(root / "shop.toml"), home)
    assert report.status == ("unchanged" if before.documents == 40 else "published")
    assert report.content == content
    assert verify_release(home, "shop").documents == 40
    folder = IndexFolder.of(home, "shop").root
    assert {path.name for path in folder.iterdir()} <= {
        "CURRENT", "HISTORY", "releases", "versions", "shards", ".lock", ".CURRENT.spare", ".HISTORY.spare",
    }  # fmt: skip


def test_a_first_build_that_was_killed_is_resumed(prepared, tmp_path):
    root, steps, content = prepared
    for at in (steps // 3, steps // 2):
        assert run(root, tmp_path, at).returncode == -signal.SIGKILL
    report = build(read_spec(root / "shop.toml"), tmp_path)
    assert (report.release, report.content) == ("r1", content)


def test_finished_work_is_not_done_again(prepared, tmp_path):
    root, steps, _ = prepared
    assert run(root, tmp_path, steps * 3 // 4).returncode == -signal.SIGKILL
    assert build(read_spec(root / "shop.toml"), tmp_path).encoded == 0
