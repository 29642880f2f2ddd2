"""Which snapshots of a graph go, and that nothing goes while it is not known."""

from typing import ClassVar

import pytest

from clew.core.errors import CorruptError, FormatError, NotFoundError, UsageError
from clew.indexer.graphs import gc as graph_gc
from clew.indexer.graphs.gc import gc
from clew.indexer.graphs.load import load
from clew.kg.snapshot import Snapshot, find_snapshot, list_snapshots
from clew.kg.spec import Neo4jSpec
from clew.search.versions import IndexFolder, IndexVersion, dumps
from tests.builders import write_rows

SERVER = Neo4jSpec("bolt://127.0.0.1:1")


@pytest.fixture
def home(tmp_path):
    """A home with a graph of three snapshots; the newest has three entities."""
    for count in (1, 2, 3):
        add(tmp_path, "g", count)
    return tmp_path


def add(home, name, count):
    write_rows(home, nodes=[{"id": f"n{at}"} for at in range(count)], edges=[])
    return load(home, name, str(home / "nodes.jsonl"), str(home / "edges.jsonl")).id


def name_it(home, snapshot, graph="g", version="1-0", index="shop"):
    """A version of an index that names a snapshot."""
    spec = {"graph": {"name": graph, "snapshot": snapshot, "store": "networkx"} if snapshot else None}
    written = IndexVersion(version, index, "", "", (), {}, spec, {}, "", 0, 0)
    path = IndexFolder.of(home, index).version(version) / "version.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(dumps(written))
    return path


def snapshots(home, name="g"):
    """Newest first."""
    return tuple(manifest.id for manifest in list_snapshots(home, name))


class Server:
    """Notes what it is to forget, and whether it was closed."""

    forgotten: ClassVar[list[str]] = []

    def __init__(self, spec, label):
        self.label = label

    def forget(self):
        self.forgotten.append(self.label)

    def close(self):
        self.forgotten.append("closed")


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(graph_gc, "STORES", {"neo4j": Server})
    monkeypatch.setattr(Server, "forgotten", [])
    return Server


def test_all_but_the_newest_go(home):
    newest, *old = snapshots(home)
    (home / "graphs" / "g" / ".left.old").mkdir()
    (home / "graphs" / "g" / "staging").mkdir()
    dry = gc(home, "g", dry_run=True)
    assert (dry.snapshots, dry.used, dry.held, dry.labels) == (tuple(old), (), (), ())
    assert snapshots(home) == (newest, *old)
    sizes = [path.stat().st_size for name in old for path in (home / "graphs" / "g" / name).rglob("*")]
    assert gc(home, "g") == dry
    assert dry.bytes <= sum(sizes)  # which has the folders' own, too
    assert snapshots(home) == (newest,)
    assert {path.name for path in (home / "graphs" / "g").iterdir()} == {newest, ".lock"}
    assert gc(home, "g").bytes == 0


def test_keep_says_how_many_of_the_newest_stay(home):
    newest, middle, oldest = snapshots(home)
    assert gc(home, "g", 2).snapshots == (oldest,)
    assert snapshots(home) == (newest, middle)
    with pytest.raises(UsageError, match="keep is 0"):
        gc(home, "g", 0)


def test_what_any_version_of_any_index_names_stays(home):
    newest, middle, oldest = snapshots(home)
    name_it(home, oldest)
    name_it(home, newest, version="2-0")
    name_it(home, "", index="plain")
    name_it(home, middle, graph="another", index="another")
    report = gc(home, "g")
    assert (report.snapshots, report.used) == ((middle,), (newest, oldest))
    assert snapshots(home) == (newest, oldest)


@pytest.mark.parametrize(
    ("break_", "error"),
    [
        (lambda path: path.write_text("damaged"), CorruptError),
        (lambda path: path.unlink(), NotFoundError),
        (lambda path: path.write_text('{"format": 99}'), FormatError),
    ],
)
def test_nothing_goes_when_a_version_cannot_be_read(home, break_, error):
    before = snapshots(home)
    break_(name_it(home, before[2]))
    with pytest.raises(error, match=r"shop/versions/1-0/version\.json"):
        gc(home, "g")
    assert snapshots(home) == before


def test_what_is_open_stays(home):
    newest, middle, oldest = snapshots(home)
    opened = Snapshot.open(find_snapshot(home, "g", middle))
    report = gc(home, "g")
    assert (report.snapshots, report.held) == ((oldest,), (middle,))
    opened.close()
    assert gc(home, "g").snapshots == (middle,)
    assert snapshots(home) == (newest,)


def test_an_unknown_graph_is_named_and_no_folder_made(home):
    with pytest.raises(NotFoundError, match="no graph 'h'"):
        gc(home, "h")
    assert not (home / "graphs" / "h").exists()


def test_the_labels_of_what_goes_leave_the_server_too(home, server):
    _, middle, oldest = snapshots(home)
    name_it(home, middle)
    assert gc(home, "g", dry_run=True, neo4j=SERVER).labels == (f"Clew_{oldest}",)
    assert server.forgotten == []
    assert gc(home, "g", neo4j=SERVER).labels == (f"Clew_{oldest}",)
    assert server.forgotten == [f"Clew_{oldest}", "closed"]


def test_a_label_that_another_graph_has_as_well_stays(home, server):
    _, middle, oldest = snapshots(home)
    assert add(home, "same", 1) == oldest
    report = gc(home, "g", neo4j=SERVER)
    assert (report.snapshots, report.labels) == ((middle, oldest), (f"Clew_{middle}",))


def test_a_server_that_fails_leaves_the_snapshot_to_try_again_with(home, server, monkeypatch):
    def refuse(_):
        raise ConnectionError

    monkeypatch.setattr(Server, "forget", refuse)
    with pytest.raises(ConnectionError):
        gc(home, "g", neo4j=SERVER)
    assert server.forgotten == ["closed"]
    assert len(snapshots(home)) == 3
