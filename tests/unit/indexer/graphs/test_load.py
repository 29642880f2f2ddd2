"""Loading: every bad row named or left out and counted, the rest kept as a snapshot, all or nothing."""

import gzip
import json
import multiprocessing

import pytest

from clew.core.errors import ClewError, DataError, LockedError, NotFoundError, UsageError
from clew.core.files import sha256_file
from clew.core.lock import writing
from clew.indexer.graphs.load import load
from clew.indexer.graphs.read import read_edges, read_nodes
from clew.kg.snapshot import Snapshot, find_snapshot, graph_names
from clew.kg.spec import Neo4jSpec
from clew.kg.types import Edge, Entity

NODES = [{"id": "a", "name": "Alpha", "level": 1}, {"id": "b", "type": "t"}, {"id": "c", "type": "t"}]
EDGES = [
    {"source": "a", "relation": "r", "target": "b"},
    {"source": "b", "relation": "q", "target": "a", "w": 1},
    {"source": "a", "relation": "r", "target": "b"},
]


@pytest.fixture
def place(tmp_path):
    """Writes the two files, loads them."""

    class Place:
        home = tmp_path / "home"
        nodes, edges = tmp_path / "nodes.jsonl", tmp_path / "edges.jsonl"
        root = home / "graphs" / "g"

        def write(self, nodes=NODES, edges=EDGES):
            for path, rows in ((self.nodes, nodes), (self.edges, edges)):
                lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
                path.write_bytes(b"\n".join(lines))

        def load(self, **options):
            return load(self.home, "g", str(self.nodes), str(self.edges), **options)

    made = Place()
    made.write()
    return made


def contents(home, name="g"):
    found = Snapshot.open(find_snapshot(home, name))
    return list(found.all_entities()), list(found.all_edges())


def test_a_graph_is_loaded_and_reported(place):
    report = place.load(licence="CC0-1.0")
    assert contents(place.home) == (
        [Entity("a", name="Alpha", properties={"level": 1}), Entity("b", "t"), Entity("c", "t")],
        [Edge("a", "r", "b"), Edge("b", "q", "a")],
    )
    assert (report.graph, report.status, report.entities, report.edges) == ("g", "loaded", 3, 2)
    assert (report.relations, report.types) == ({"q": 1, "r": 1}, {"": 1, "t": 2})
    assert (report.rejected, report.rejects, report.repeated, report.label) == (0, "", 1, "")
    manifest = Snapshot.open(find_snapshot(place.home, "g")).manifest
    assert (manifest.id, manifest.licence) == (report.id, "CC0-1.0")
    assert manifest.lineage == {str(path): sha256_file(path) for path in (place.nodes, place.edges)}


def test_loading_again_changes_nothing(place):
    first, again = place.load(), place.load()
    assert (first.status, again.status, again.id) == ("loaded", "unchanged", first.id)
    place.write(NODES[::-1], EDGES[::-1])
    assert place.load().id == first.id


@pytest.mark.parametrize(
    ("nodes", "edges", "message"),
    [
        ([*NODES, {"id": "a"}], EDGES, r"nodes\.jsonl:4: id 'a' was seen before, at .*nodes\.jsonl:1"),
        ([NODES[0], {"name": "x"}], EDGES, r"nodes\.jsonl:2: the row has no 'id'"),
        ([NODES[0], b"{"], EDGES, r"nodes\.jsonl:2: invalid JSON"),
        ([NODES[0], b'{"id": "\xff"}'], EDGES, r"nodes\.jsonl:2: not UTF-8"),
        ([{"id": "a", "name": "x" * 10_001}], EDGES, r"nodes\.jsonl:1: field 'name' has 10,001 characters"),
        (NODES, [*EDGES, {"source": "x", "relation": "r", "target": "a"}], r"edges\.jsonl:4: source 'x' is not a node"),
        (NODES, [*EDGES, {"source": "a", "relation": "r", "target": "x"}], r"edges\.jsonl:4: target 'x' is not a node"),
        (NODES, [{"source": "a", "relation": "", "target": "b"}], r"edges\.jsonl:1: the relation is ''"),
        (NODES, [{"source": "a", "target": "b"}], r"edges\.jsonl:1: the relation is missing"),
    ],
)
def test_the_first_bad_row_stops_the_load_and_is_named(place, nodes, edges, message):
    place.load()
    before = find_snapshot(place.home, "g")
    place.write(nodes, edges)
    with pytest.raises(DataError, match=message) as error:
        place.load()
    assert "--skip-bad" in error.value.hint
    assert find_snapshot(place.home, "g") == before
    assert {path.name for path in place.root.iterdir() if path.is_dir()} == {before.name}


def test_bad_rows_are_skipped_counted_and_listed(place):
    place.write(
        [*NODES, {"id": "a"}, b"[]", {"id": ""}],
        [*EDGES, {"source": "a", "relation": "r", "target": "x"}, {"source": "a", "target": "b"}],
    )
    report = place.load(skip_bad=True)
    assert (report.entities, report.edges, report.rejected, report.repeated) == (3, 2, 5, 1)
    rows = [json.loads(line) for line in (place.root / "rejects.jsonl").read_text().splitlines()]
    assert report.rejects == str(place.root / "rejects.jsonl")
    assert [row["origin"].rpartition("/")[2] for row in rows] == [
        "nodes.jsonl:4", "nodes.jsonl:5", "nodes.jsonl:6", "edges.jsonl:4", "edges.jsonl:5",
    ]  # fmt: skip
    assert "seen before" in rows[0]["reason"]
    place.write()
    report = place.load()
    assert report.rejects == ""
    assert not (place.root / "rejects.jsonl").exists()


def test_a_graph_without_nodes_is_none(place):
    place.write([], [])
    with pytest.raises(DataError, match=r"nodes\.jsonl has no valid node: 0 rows rejected"):
        place.load()
    place.write([b"{", {"id": ""}], [])
    with pytest.raises(DataError, match="2 rows rejected"):
        place.load(skip_bad=True)
    assert graph_names(place.home) == []


def test_a_graph_without_edges_is_one(place):
    place.write(NODES, [])
    assert place.load().edges == 0


def test_names_and_paths_that_cannot_be_make_nothing(place, tmp_path):
    (tmp_path / "notes.txt").touch()
    for error, message, words in (
        (NotFoundError, "nowhere.jsonl does not exist", ("g", f"{tmp_path}/nowhere.jsonl", str(place.edges))),
        (NotFoundError, "nothing-", ("g", str(place.nodes), f"{tmp_path}/nothing-*.csv")),
        (UsageError, "is not a file of nodes or edges", ("g", f"{tmp_path}/notes.txt", str(place.edges))),
        (UsageError, "is not a file of nodes or edges", ("g", str(tmp_path), str(place.edges))),
        (UsageError, "is not a file of nodes or edges", ("g", "", str(place.edges))),
        (NotFoundError, "no graph '../g'", ("../g", str(place.nodes), str(place.edges))),
    ):
        with pytest.raises(error, match=message):
            load(place.home, *words)
    assert not place.home.exists()


def test_a_broken_archive_is_named(place, tmp_path):
    data = gzip.compress(b'{"id": "a"}\n' * 1000)
    (tmp_path / "cut.jsonl.gz").write_bytes(data[:-12])
    with pytest.raises(DataError, match=r"cut\.jsonl\.gz"):
        load(place.home, "g", f"{tmp_path}/cut.jsonl.gz", str(place.edges), skip_bad=True)
    assert graph_names(place.home) == []


def test_many_files_and_forms_make_one_graph(place, tmp_path):
    import pyarrow as pa
    import zstandard
    from pyarrow import parquet

    first, second = (json.dumps(row).encode() for row in NODES[:2])
    (tmp_path / "n-1.jsonl.gz").write_bytes(gzip.compress(first))
    (tmp_path / "n-2.jsonl.zst").write_bytes(zstandard.compress(second))
    (tmp_path / "n-3.jsonl").write_text(json.dumps(NODES[2]))
    rows = [{key: row[key] for key in ("source", "relation", "target")} for row in EDGES]
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "e.parquet")
    report = load(place.home, "many", f"{tmp_path}/n-*", f"{tmp_path}/e.parquet")
    assert report.id == place.load().id
    assert len(Snapshot.open(find_snapshot(place.home, "many")).manifest.lineage) == 4


def test_csv_of_neo4j_admin(place, tmp_path):
    (tmp_path / "n.csv").write_text(":ID,name,level:int,:LABEL\na,Alpha,1,\nb,,,t\nc,,,t\n")
    (tmp_path / "e.tsv").write_text(":START_ID\t:TYPE\t:END_ID\na\tr\tb\nb\tq\ta\n")
    assert load(place.home, "csv", f"{tmp_path}/n.csv", f"{tmp_path}/e.tsv").id == place.load().id
    (tmp_path / "n.csv").write_text(":ID,level:int\na,1\nb,high\n")
    with pytest.raises(DataError, match=r"n\.csv:3: column 'level:int' is 'high', expected int"):
        load(place.home, "csv", f"{tmp_path}/n.csv", f"{tmp_path}/e.tsv")


def test_readers_say_where_each_row_stands(place):
    assert [origin.rpartition("/")[2] for _, origin in read_nodes(str(place.nodes))] == [
        f"nodes.jsonl:{line}" for line in (1, 2, 3)
    ]
    assert next(read_edges(str(place.edges)))[0] == Edge("a", "r", "b")


def test_a_second_writer_is_refused(place):
    with writing(place.root), pytest.raises(LockedError, match="'g'"):
        place.load()


def test_neo4j_gets_the_snapshot_under_its_label(place, monkeypatch):
    written = []

    class Server:
        def __init__(self, spec, label):
            self.spec, self.label = spec, label

        def write(self, entities, edges):
            written.append((self.spec.uri, self.label, list(entities), list(edges)))

        def close(self):
            written.append("closed")

    monkeypatch.setattr("clew.indexer.graphs.load.STORES", {"neo4j": Server})
    report = place.load(neo4j=Neo4jSpec("bolt://127.0.0.1:1"))
    assert report.label == f"Clew_{report.id}"
    assert written == [("bolt://127.0.0.1:1", report.label, *contents(place.home)), "closed"]


def _load(home, nodes, edges, name):
    try:
        return load(home, name, nodes, edges).id
    except ClewError as error:
        return error.code


def test_loads_of_several_processes_do_not_mix(place):
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        words = [(place.home, str(place.nodes), str(place.edges), "g")] * 6
        found = set(pool.starmap(_load, words))
    assert found - {"locked"} == {find_snapshot(place.home, "g").name}
    contents(place.home)
