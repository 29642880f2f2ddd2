"""Hostile variants of an exported index with corrected hashes: refused in one line, or harmless once imported.

`make test` tries a seeded sample, `make soak` all of them (CLEW_HOSTILE=all).
"""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from clew.core.errors import UsageError
from clew.indexer.releases.transfer import export, import_
from clew.search.assemble import open_index
from clew.search.types import SearchRequest
from tests.builders import spec_table
from tests.hostile import Members, read_members, variants, with_hashes, write_members

SAMPLE = 12
KINDS = ("hnsw", "ivf", "rabitq")
DOCS = [
    {"id": f"d{n}", "title": f"gadget number {n}", "text": f"A kind of {word} with part {n % 7}", "price": n + 0.5,
     "tags": [word, f"t{n % 3}"], "made": f"20{n % 20 + 10}-01-01"}
    for n, word in enumerate(["lamp", "chair", "table", "radio", "sofa"] * 8)
]  # fmt: skip
NODES = [{"id": f"e{n}", "type": "thing", "name": word} for n, word in enumerate(["Lamp", "Chair", "Radio", "Gadget"])]
EDGES = [{"source": f"e{n}", "relation": "near", "target": f"e{(n + 1) % 4}"} for n in range(4)]
FIELDS = {
    "title": {"type": "text"},
    "text": {"type": "text"},
    "price": {"type": "number"},
    "tags": {"type": "list", "facet": True},
    "made": {"type": "date"},
}

# Imports each archive and searches what was imported; reports what was connected to, and errors that are not Clew's.
WORKER = """
import json, sys, traceback
from pathlib import Path

reached = []

def hook(event, arguments):
    if event in {"socket.connect", "socket.getaddrinfo"}:
        reached.append(str(arguments[-1] if event == "socket.connect" else arguments[0]))

sys.addaudithook(hook)
from clew.core.errors import ClewError
from clew.indexer.releases.transfer import import_
from clew.search.assemble import open_index
from clew.search.types import SearchRequest
from contextlib import closing

for line in sys.stdin:
    path = Path(line.strip())
    home = path.with_suffix(".home")
    reached.clear()
    try:
        import_(home, path, "got")
        with closing(open_index(home, "got")) as index:
            words = "gadget number lamp chair radio table sofa part kind near Lamp".split()
            for word in words + [str(n) for n in range(40)]:
                index.search(SearchRequest(query=word, k=50, facets=("tags",), explain=True))
            index.search(SearchRequest(query="lamp gadget", filters={"price": {"gte": 3}}, graph="on"))
        answer = "imported"
    except ClewError as error:
        answer = f"{error.code}: {error.message}"
        if "\\n" in error.message:
            answer = "more than one line: " + answer
    except BaseException:
        answer = "traceback: " + traceback.format_exc()
    sys.stdout.write(json.dumps([answer, list(reached)]) + "\\n")
    sys.stdout.flush()
"""


@pytest.fixture(scope="module")
def exported(built_home: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Members]:
    """Kind of vector index → members of the export of an index with it."""
    folder = tmp_path_factory.mktemp("exported")
    found = {}
    for kind in KINDS:
        table = spec_table(
            source={"path": "docs.jsonl", "id": "id"},
            dense={"model": "hashing-32", "kind": kind, "exact_below": 1, "recall": 0.5},
            fields=FIELDS,
            graph={"nodes": "nodes.jsonl", "edges": "edges.jsonl"},
        )
        home = built_home(table, docs=DOCS, nodes=NODES, edges=EDGES)
        export(home, "shop", folder / f"{kind}.tar")
        found[kind] = read_members(folder / f"{kind}.tar")
    return found


def chosen(exported: dict[str, Members]) -> list[tuple[str, Members]]:
    """The variants to try: all of one kind and the files that only the others have, or a seeded sample of these."""
    found = list(variants(exported["hnsw"]))
    for kind in KINDS[1:]:
        found += [
            (f"{kind} {what}", members)
            for what, members in variants(exported[kind])
            if what.startswith(("dense/ann.faiss", "dense/signs.npy", "dense/factors.npy"))
        ]
    if os.environ.get("CLEW_HOSTILE") == "all":
        return found
    return random.Random(18).sample(found, SAMPLE)


def run(paths: list[Path], tmp_path: Path) -> list[tuple[str, list[str]]]:
    """Import each archive in one other process and search what came of it; return its answers."""
    done = subprocess.run(
        [sys.executable, "-c", WORKER],
        input="".join(f"{path}\n" for path in paths),
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "SECRET": "of-the-victim"},
    )
    answers = [tuple(json.loads(line)) for line in done.stdout.splitlines()]
    assert done.returncode == 0, f"{paths[len(answers)].name} ended the process: {done.returncode} {done.stderr[-500:]}"
    return answers


@pytest.mark.slow
def test_a_hostile_variant_is_refused_or_harmless(exported: dict[str, Members], tmp_path: Path) -> None:
    tried = chosen(exported)
    before = [exported[kind] for kind in KINDS]
    paths = []
    for at, (what, members) in enumerate(tried):
        assert members not in before, f"{what} changed nothing"
        try:
            corrected = with_hashes(members)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            corrected = members  # a table that cannot be parsed has no hashes to correct
        paths.append(tmp_path / f"{at}.tar")
        write_members(paths[-1], corrected)
    answers = run(paths, tmp_path)
    wrong = [
        f"{what}: {answer} {reached}"
        for (what, _), (answer, reached) in zip(tried, answers, strict=True)
        if answer.startswith(("traceback", "more than one")) or reached
    ]
    assert not wrong, "\n".join(wrong)
    if os.environ.get("CLEW_HOSTILE") == "all":
        assert len(tried) >= 150
        lines = [f"{what}: {answer}" for (what, _), (answer, _) in zip(tried, answers, strict=True)]
        (tmp_path / "answers.txt").write_text("\n".join(lines))
        # What stays in range may open; hashes that were left as they were would refuse everything.
        assert sum("sha256 differs" in line for line in lines) < len(lines) / 10
        assert sum(line.endswith("imported") for line in lines) < len(lines) / 3


@pytest.mark.slow
def test_the_untouched_export_is_imported_by_the_same_process(exported: dict[str, Members], tmp_path: Path) -> None:
    paths = []
    for kind, members in exported.items():
        paths.append(tmp_path / f"{kind}.tar")
        write_members(paths[-1], with_hashes(members))
    assert run(paths, tmp_path) == [("imported", [])] * len(KINDS)


@pytest.mark.slow
def test_a_server_that_an_archive_names_is_not_called_and_one_that_is_given_is(
    exported: dict[str, Members], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEO4J_PASSWORD", "of-the-importer")
    got: list[bytes] = []
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(9)
        uri = f"bolt://127.0.0.1:{listener.getsockname()[1]}"
        threading.Thread(target=lambda: accept(listener, got), daemon=True).start()
        version = json.loads(exported["hnsw"]["version/version.json"])
        version["spec"]["graph"] |= {"store": "neo4j", "neo4j": {"uri": uri, "password_env": "SECRET"}}
        members = exported["hnsw"] | {"version/version.json": json.dumps(version).encode()}
        write_members(tmp_path / "a.tar", with_hashes(members))
        report = import_(tmp_path / "home", tmp_path / "a.tar")
        assert "--neo4j" in report.notes[0]
        with closing(open_index(tmp_path / "home", "shop")) as shop:
            assert shop.search(SearchRequest(query="lamp", graph="on")).hits
            assert shop.version.spec["graph"]["neo4j"] is None
        assert got == []
        import_(tmp_path / "home", tmp_path / "a.tar", "asked", neo4j=uri)
        with closing(open_index(tmp_path / "home", "asked")) as asked:
            asked.search(SearchRequest(query="lamp", graph="on"))
            assert asked.version.spec["graph"]["neo4j"]["uri"] == uri
            assert asked.version.spec["graph"]["neo4j"]["password_env"] == "NEO4J_PASSWORD"
        assert got
    with pytest.raises(UsageError, match="--neo4j"):
        import_(tmp_path / "home", tmp_path / "a.tar", neo4j="http://x")


def accept(listener: socket.socket, got: list[bytes]) -> None:
    """Note that somebody connected, and hang up."""
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        got.append(connection.recv(4))
        connection.close()
