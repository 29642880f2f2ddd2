"""SIGKILL at random points of a build with a graph, its loading among them: as tests/integration/test_kill.py does it.

CLEW_KILLS sets how many points are drawn.
"""

import os
import random
import shutil
import signal
import subprocess
import sys

import pytest

from clew.indexer.build import build
from clew.indexer.releases.verify import verify_release
from clew.indexer.spec import read_spec
from clew.kg.snapshot import list_snapshots
from clew.search.assemble import open_index
from clew.search.types import SearchRequest
from clew.search.versions import IndexFolder
from tests.builders import write_lines

KILLS = int(os.environ.get("CLEW_KILLS", "4"))
PROGRAM = """
from pathlib import Path
from clew.indexer.build import build
from clew.indexer.spec import read_spec

def main(spec, home, at):
    count = die_at(home, int(at))
    build(read_spec(Path(spec)), Path(home))
    print(count())

if __name__ == "__main__":
    main(*sys.argv[1:])
"""
TOML = """
name = "shop"
dense = { model = "hashing-16" }
[source]
path = "shop.jsonl"
[fields]
title = { type = "text" }
[build]
shards = 2
[graph]
nodes = "nodes.jsonl"
edges = "edges.jsonl"
[graph.link]
threshold = 0.01
[graph.expand]
relations = { subcategory_of = "in" }
"""

KINDS = ("couch", "sleeper", "recliner", "lamp", "table")
OLD, NEW = {"c:0", "c:1"}, {"c:0", "c:1", "c:2"}


def write_catalogue(root):
    """24 items, each of one of five categories."""
    rng = random.Random(5)
    words = "oak walnut steel brass warm quiet cordless travel blue matt".split()
    rows = [{"id": str(at), "title": " ".join(rng.choices(words, k=3))} for at in range(24)]
    write_lines(root / "shop.jsonl", rows)
    nodes = [{"id": f"c:{at}", "type": "category", "name": name} for at, name in enumerate(KINDS)]
    nodes += [{"id": f"p:{at}", "type": "product", "name": f"item {at}"} for at in range(24)]
    write_lines(root / "nodes.jsonl", nodes)


def write_edges(root, subcategories):
    """The first of the subcategories below the couches."""
    edges = [(f"c:{at + 1}", "subcategory_of", "c:0") for at in range(subcategories)]
    edges += [(f"p:{at}", "in_category", f"c:{at % len(KINDS)}") for at in range(24)]
    rows = [dict(zip(("source", "relation", "target"), edge, strict=True)) for edge in edges]
    write_lines(root / "edges.jsonl", rows)


def kinds_found(home):
    """Categories that a query leads to through the graph."""
    searcher = open_index(home, "shop")
    try:
        response = searcher.search(SearchRequest(query="couch", k=24, sources=("graph",), graph="on", explain=True))
        parts = [part for hit in response.hits for stage in hit.why if stage.stage == "graph" for part in stage.parts]
        return {part.detail["entity"] for part in parts}
    finally:
        searcher.close()


def snapshots(home):
    return {manifest.id for manifest in list_snapshots(home, "shop")}


def run(root, home, at=0):
    command = [sys.executable, str(root / "program.py"), str(root / "shop.toml"), str(home), str(at)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, mortal):
    """A home with an old release, changed edges, and what an uninterrupted build makes of them."""
    root = tmp_path_factory.mktemp("kill")
    (root / "shop.toml").write_text(TOML)
    mortal(root / "program.py", PROGRAM)
    write_catalogue(root)
    write_edges(root, 1)
    old = build(read_spec(root / "shop.toml"), root / "old")
    write_edges(root, 2)
    shutil.copytree(root / "old", root / "whole")
    finished = run(root, root / "whole")
    assert finished.returncode == 0, finished.stderr
    folder = IndexFolder.of(root / "whole", "shop")
    content = folder.read_version(folder.read_release()).content
    assert content != old.content
    return root, int(finished.stdout), content


@pytest.mark.parametrize("draw", range(KILLS))
def test_a_killed_build_leaves_the_old_graph_and_is_resumed(prepared, tmp_path, draw):
    root, steps, content = prepared
    home = tmp_path / "home"
    shutil.copytree(root / "old", home)
    # One draw from each part of the build, the loading of the graph among them.
    at = random.Random(draw).randint(1 + draw * steps // KILLS, (draw + 1) * steps // KILLS)
    killed = run(root, home, at)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    live = IndexFolder.of(home, "shop").live()[0]
    assert kinds_found(home) == (OLD if live == "r1" else NEW)

    report = build(read_spec(root / "shop.toml"), home)
    assert report.status == ("published" if live == "r1" else "unchanged")
    assert report.content == content
    assert verify_release(home, "shop").documents == 24
    assert kinds_found(home) == NEW
    assert len(snapshots(home)) == 2
    left = {path.name for path in (home / "graphs" / "shop").iterdir()} - snapshots(home)
    assert left <= {".lock", ".lock.pid"}
