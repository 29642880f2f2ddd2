"""A disk that fills up: a clear error, the live release untouched, and the same command works once there is room."""

import json
import random
import resource
import shutil
import subprocess
import sys

import pytest

from clew.indexer.build import build
from clew.indexer.spec import read_spec
from clew.search.assemble import open_index
from clew.search.types import SearchRequest

SPEC = """
name = "shop"
dense = { model = "hashing-64" }
[source]
path = "shop.jsonl"
[fields]
text = { type = "text" }
"""


def write_catalogue(root, count):
    rng = random.Random(3)
    with (root / "shop.jsonl").open("w") as file:
        for number in range(count):
            text = " ".join(f"word{rng.randrange(3000)}" for _ in range(30))
            file.write(json.dumps({"id": str(number), "text": text}) + "\n")


@pytest.fixture
def root(tmp_path):
    (tmp_path / "shop.toml").write_text(SPEC)
    write_catalogue(tmp_path, 20)
    build(read_spec(tmp_path / "shop.toml"), tmp_path / "home")
    write_catalogue(tmp_path, 800)
    return tmp_path


def clew_build(root, home, limit=None):
    def limited():
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    command = [sys.executable, "-m", "clew", "build", str(root / "shop.toml"), "--home", str(home)]
    return subprocess.run(command, capture_output=True, text=True, preexec_fn=limited)


def check_refused(root, home, ended):
    assert ended.returncode == 1, ended.stderr
    assert "no space left to write" in ended.stderr
    assert f"{home}" in ended.stderr
    assert "free some space and run the same command again" in ended.stderr
    assert "Traceback" not in ended.stderr
    searcher = open_index(home, "shop")
    assert searcher.version.documents == 20
    assert len(searcher.search(SearchRequest(query="word1 word2 word3")).hits) == 10
    searcher.close()


@pytest.mark.parametrize("limit", [60_000, 150_000])
def test_a_file_size_limit_fails_clean(root, limit):
    home = root / "home"
    check_refused(root, home, clew_build(root, home, limit))
    assert build(read_spec(root / "shop.toml"), home).documents == 800
    assert open_index(home, "shop").version.documents == 800


@pytest.mark.parametrize("room_kb", [300, 700, 1400])
def test_a_full_tmpfs_fails_clean(root, room_kb):
    small = root / "small"
    small.mkdir()
    size = room_kb + sum(path.stat().st_size for path in (root / "home").rglob("*") if path.is_file()) // 1024 + 200
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", str(small)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("may not mount a tmpfs here (needs root)")
    try:
        home = small / "home"
        shutil.copytree(root / "home", home)
        check_refused(root, home, clew_build(root, home))
        subprocess.run(["mount", "-o", "remount,size=50m", str(small)], check=True)
        assert build(read_spec(root / "shop.toml"), home).documents == 800
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)
