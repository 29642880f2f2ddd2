"""A graph goes live, and back, only inside a release: build, rebuild, roll back, damage, kill, travel, sweep."""

import io
import json
import random
import re
import shutil
import tarfile
from contextlib import ExitStack
from dataclasses import replace

import numpy as np
import pytest

from clew.core.artifacts import SHARED_LOCK_FILE
from clew.core.errors import (
    ClewError,
    CorruptError,
    DataError,
    LockedError,
    MismatchError,
    NotFoundError,
    SpecError,
)
from clew.core.lock import writing
from clew.core.progress import Silent
from clew.indexer.build import build
from clew.indexer.graphs import attach, load
from clew.indexer.graphs.gc import gc as gc_graph
from clew.indexer.graphs.used import described, lock_snapshot
from clew.indexer.releases import publish, transfer
from clew.indexer.releases.gc import gc
from clew.indexer.releases.transfer import export, import_
from clew.indexer.releases.verify import verify_release
from clew.indexer.spec import spec_of
from clew.kg.snapshot import find_snapshot, list_snapshots
from clew.search.assemble import open_index
from clew.search.types import SearchRequest
from clew.search.versions import IndexFolder
from tests.builders import write_lines

WORDS = "oak walnut steel brass warm quiet cordless travel blue matt".split()
KINDS = {"sofas": "Sofas", "sleepers": "Sleeper Sofas", "lamps": "Lamps", "tables": "Tables", "recliners": "Recliners"}
LADDER = [("c:sleepers", "subcategory_of", "c:sofas")]
MORE = [*LADDER, ("c:recliners", "subcategory_of", "c:sofas")]
# A ladder that no longer leads from the couch to anything.
LESS = [("c:unnamed", "subcategory_of", "c:sofas")]
GRAPH = {
    "nodes": "nodes.jsonl",
    "edges": "edges.jsonl",
    "link": {"threshold": 0.01},
    "expand": {"relations": {"subcategory_of": "in"}},
}
SPEC = {
    "name": "shop",
    "dense": {"model": "hashing-16"},
    "source": {"path": "shop.jsonl"},
    "fields": {"title": {"type": "text"}, "text": {"type": "text"}},
    "graph": GRAPH,
}


def write_graph(root, ladder):
    """Categories with the couch among their names, and documents' own nodes joined to them."""
    nodes = [{"id": f"c:{key}", "type": "category", "name": name} for key, name in KINDS.items()]
    nodes[0]["aliases"] = ["couch"]
    nodes.append({"id": "c:unnamed", "type": "category"})
    nodes += [{"id": f"p:{number}", "type": "product", "name": f"item {number}"} for number in range(24)]
    kinds = list(KINDS)
    joined = [(f"p:{number}", "in_category", f"c:{kinds[number % len(kinds)]}") for number in range(24)]
    write_lines(root / "nodes.jsonl", nodes)
    edges = [dict(zip(("source", "relation", "target"), edge, strict=True)) for edge in [*ladder, *joined]]
    write_lines(root / "edges.jsonl", edges)


def write_catalogue(root, count=24):
    rng = random.Random(5)
    rows = [
        {"id": str(number), "title": " ".join(rng.choices(WORDS, k=2)), "text": " ".join(rng.choices(WORDS, k=6))}
        for number in range(count)
    ]
    write_lines(root / "shop.jsonl", rows)


def spec(root, **tables):
    return spec_of({**SPEC, **tables}, "shop.toml", root)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A home with one release, to be copied by tests that change it."""
    root = tmp_path_factory.mktemp("graph")
    write_catalogue(root)
    write_graph(root, LADDER)
    return root, build(spec(root), root / "home")


@pytest.fixture
def root(built, tmp_path):
    target = tmp_path / "copy"
    shutil.copytree(built[0], target)
    return target


@pytest.fixture
def two(root):
    """A home with two releases; in the second's graph Recliners are Sofas as well."""
    write_graph(root, MORE)
    assert build(spec(root), root / "home").release == "r2"
    return root


def kinds_found(home, release=None):
    """Categories that the query leads to through the graph, and its hits."""
    searcher = open_index(home, "shop", release)
    try:
        response = searcher.search(SearchRequest(query="couch", k=24, sources=("graph",), graph="on", explain=True))
        parts = [part for hit in response.hits for stage in hit.why if stage.stage == "graph" for part in stage.parts]
        return {part.detail["entity"] for part in parts}, [(hit.id, hit.score) for hit in response.hits]
    finally:
        searcher.close()


def snapshots(home, name="shop"):
    return [manifest.id for manifest in list_snapshots(home, name)]


def version(home, release=None):
    folder = IndexFolder.of(home, "shop")
    return folder.read_version(folder.read_release(release))


def used(home, release=None):
    return version(home, release).spec["graph"]["snapshot"]


OLD, NEW = {"c:sofas", "c:sleepers"}, {"c:sofas", "c:sleepers", "c:recliners"}

# ---------------------------------------------------------------- building


def test_a_build_takes_the_graph_with_it(built):
    root, report = built
    home = root / "home"
    assert (report.status, report.release) == ("published", "r1")
    assert set(report.seconds) == {"read", "cut", "encode", "entities", "index", "verify", "publish"}
    # Every passage once, the five named categories, and both relations.
    assert report.encoded + report.reused == report.passages + 5 + 2
    assert snapshots(home) == [used(home)]
    found, hits = kinds_found(home)
    assert found == OLD
    # Those of sofas (0, 5, 10, …) and of sleepers (1, 6, 11, …), and no others.
    assert sorted(int(name) for name, _ in hits) == [n for n in range(24) if n % 5 in {0, 1}]


class Counted(Silent):
    """Notes each step's total and how far it went."""

    def __init__(self):
        self.steps = {}

    def start(self, step, total=0):
        self.now = step
        self.steps[step] = [total, 0]

    def advance(self, count):
        self.steps[self.now][1] += count


def test_each_step_of_encoding_ends_at_its_own_total(built, tmp_path):
    progress = Counted()
    report = build(spec(built[0]), tmp_path, progress=progress)
    assert progress.steps["encode"] == [report.passages, report.passages]
    # The unnamed category has no vector, but is counted; products have a type of their own and are documents.
    assert progress.steps["entities"] == [6 + 2, 6 + 2]


def test_without_vectors_there_is_no_step_for_them(built, tmp_path):
    report = build(spec(built[0], dense=False), tmp_path)
    assert "entities" not in report.seconds
    assert kinds_found(tmp_path)[0] == OLD


def test_the_same_inputs_again_change_nothing(root):
    home = root / "home"
    report = build(spec(root), home)
    assert (report.status, report.release, report.encoded) == ("unchanged", "r1", 0)
    assert len(snapshots(home)) == 1
    # Files that say the same from elsewhere are the same graph.
    (root / "nodes.jsonl").rename(root / "entities.jsonl")
    again = build(spec(root, graph={**GRAPH, "nodes": "entities.jsonl"}), home)
    assert (again.status, len(snapshots(home))) == ("unchanged", 1)


def test_changed_edges_are_a_new_snapshot_in_a_new_release(two):
    home = two / "home"
    assert used(home, "r1") != used(home, "r2")
    assert set(snapshots(home)) == {used(home, "r1"), used(home, "r2")}
    assert (kinds_found(home)[0], kinds_found(home, "r1")[0]) == (NEW, OLD)
    # Not a passage changed, but what the graph says of them: another content.
    one, other = version(home, "r1"), version(home, "r2")
    assert (one.shards == other.shards, one.content == other.content) == (True, False)


def test_a_rollback_brings_the_old_graph_back(two):
    home = two / "home"
    before = kinds_found(home, "r1")
    publish.rollback(home, "shop")
    assert kinds_found(home) == before
    assert len(snapshots(home)) == 2
    publish.activate(home, "shop", "r2")
    assert kinds_found(home)[0] == NEW


def test_a_loaded_graph_goes_live_with_the_next_build_only(root):
    home = root / "home"
    write_graph(root, MORE)
    load.load(home, "shop", str(root / "nodes.jsonl"), str(root / "edges.jsonl"))
    assert kinds_found(home)[0] == OLD
    named = {**GRAPH, "name": "shop"}
    del named["nodes"], named["edges"]
    assert build(spec(root, graph=named), home).release == "r2"
    assert kinds_found(home)[0] == NEW
    # A spec may name an older snapshot.
    build(spec(root, graph={**named, "snapshot": used(home, "r1")}), home)
    assert kinds_found(home)[0] == OLD


@pytest.mark.parametrize("shards", [3, 8])
def test_shards_do_not_change_the_answer(built, tmp_path, shards):
    build(spec(built[0], build={"shards": shards}), tmp_path)
    one, many = open_index(built[0] / "home", "shop"), open_index(tmp_path, "shop")
    try:
        for query in ("couch", "sleeper sofas in oak", "warm lamps", "quiet blue"):
            for sources in (None, ("graph",), ("bm25", "graph")):
                ids, scores = one.rank(query, 24, sources=sources, graph="on")
                same_ids, same = many.rank(query, 24, sources=sources, graph="on")
                assert ids == same_ids
                np.testing.assert_allclose(scores, same, rtol=0, atol=1e-9)
    finally:
        one.close()
        many.close()


def test_a_second_writer_of_the_graph_is_told_that_it_is_one(root):
    write_graph(root, MORE)
    with (
        writing(root / "home" / "graphs" / "shop"),
        pytest.raises(LockedError, match="graph 'shop' is being written by another process"),
    ):
        build(spec(root), root / "home")
    assert IndexFolder.of(root / "home", "shop").live()[0] == "r1"


# ---------------------------------------------------------------- damage


def graph_files(home):
    folder = find_snapshot(home, "shop")
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != SHARED_LOCK_FILE)


OPENERS = {
    "open": lambda home: open_index(home, "shop").close(),
    "verify": lambda home: verify_release(home, "shop"),
    "activate": lambda home: publish.activate(home, "shop", "r1"),
    "export": lambda home: export(home, "shop", home / "shop.tar"),
}


@pytest.mark.parametrize("opener", OPENERS)
def test_a_damaged_or_missing_file_of_the_graph_is_named(root, opener):
    home = root / "home"
    for path in graph_files(home):
        data = path.read_bytes()
        path.write_bytes(data[:-3] + bytes([data[-3] ^ 1]) + data[-2:])
        with pytest.raises(ClewError, match=rf"{path.parent.name}/{path.name}") as changed:
            OPENERS[opener](home)
        path.unlink()
        with pytest.raises((CorruptError, NotFoundError)) as missing:
            OPENERS[opener](home)
        # The manifest is what tells a snapshot from nothing at all.
        assert path.name in missing.value.message or "no graph 'shop'" in missing.value.message
        if opener != "open":
            assert "`clew graph load" in changed.value.hint
            assert "`clew graph load shop`" in missing.value.hint
        path.write_bytes(data)
    OPENERS[opener](home)


def test_a_missing_snapshot_is_named_and_building_brings_it_back(two):
    home = two / "home"
    shutil.rmtree(home / "graphs" / "shop" / used(home))
    with pytest.raises(NotFoundError, match=f"graph 'shop' has no snapshot '{used(home)}'"):
        open_index(home, "shop")
    with pytest.raises(NotFoundError, match=rf"{used(home)}/manifest\.json is missing"):
        verify_release(home, "shop")
    assert described(home, version(home).spec).entities is None
    assert build(spec(two), home).status == "unchanged"
    assert kinds_found(home)[0] == NEW


def test_a_damaged_snapshot_is_made_anew_from_its_files(root):
    home = root / "home"
    nodes = find_snapshot(home, "shop") / "nodes.arrow"
    whole = nodes.read_bytes()
    nodes.write_bytes(b"damaged")
    assert build(spec(root), home).status == "unchanged"
    assert nodes.read_bytes() == whole


def test_verify_counts_the_graphs_files(built, tmp_path):
    home = built[0] / "home"
    plain = build(spec(built[0], graph=None), tmp_path)
    graphless = verify_release(tmp_path, "shop").files
    beside = {path for path in version(home).files if path.startswith("graph/")}
    of_shards = {"entities.npy", "offsets.npy", "passages.npy", "steps.npy", "weights.npy", "graph.json"}
    assert plain.status == "published"
    assert verify_release(home, "shop").files == graphless + len(graph_files(home)) + len(beside) + len(of_shards)


def test_the_graph_of_a_version_is_described(built):
    home = built[0] / "home"
    found = described(home, version(home).spec)
    assert (found.name, found.snapshot, found.store) == ("shop", used(home), "networkx")
    assert (found.entities, found.edges) == (30, 25)
    assert described(home, {"graph": None}) is None


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("graph", "error", "says"),
    [
        ({**GRAPH, "edges": "none.jsonl"}, NotFoundError, "none.jsonl"),
        ({"name": "shpo"}, NotFoundError, "no graph 'shpo' .* did you mean 'shop'"),
        ({"name": "shop", "snapshot": "0" * 16}, NotFoundError, "no snapshot '0000000000000000'"),
        ({"name": "../shop"}, NotFoundError, r"no graph '\.\./shop'"),
        ({"nodes": "nodes.jsonl"}, SpecError, "nodes and edges must be set together"),
        ({**GRAPH, "snapshot": "0" * 16}, SpecError, "gives both the snapshot '0000000000000000' and files"),
        ({**GRAPH, "nodes": "shop.toml"}, ClewError, r"shop\.toml"),
        ({**GRAPH, "nods": "x"}, SpecError, r"\[graph\].*'nods'.* did you mean 'nodes'"),
        ({**GRAPH, "link": {"treshold": 0.5}}, SpecError, r"\[graph\] link.*'treshold'.* did you mean 'threshold'"),
        ({**GRAPH, "link": {"threshold": 1.5}}, SpecError, r"\[graph\] link.*threshold is 1\.5, expected 0 to 1"),
        ({**GRAPH, "expand": {"hopps": 1}}, SpecError, r"\[graph\] expand.*'hopps'.* did you mean 'hops'"),
        ({**GRAPH, "expand": {"hops": 9}}, SpecError, r"\[graph\] expand.*hops is 9, expected 1 to 3"),
        (
            {**GRAPH, "expand": {"relations": {"r": {"wieght": 1}}}},
            SpecError,
            r"expand\.relations\.r.*'wieght'.* did you mean 'weight'",
        ),
        (
            {**GRAPH, "expand": {"relations": {"r": {"weight": 11}}}},
            SpecError,
            r"expand\.relations\.r.*weight is 11.*, expected 0 to 10",
        ),
        ({**GRAPH, "expand": {"relations": {"r": "up"}}}, SpecError, r"expand.*'up'"),
        ({**GRAPH, "terms": 51}, SpecError, r"\[graph\].*terms is 51, expected 0 to 50"),
        ({**GRAPH, "use": []}, SpecError, "use is empty"),
        ({**GRAPH, "documents": "product"}, SpecError, "documents is 'product'"),
        ({**GRAPH, "store": "neo4j"}, SpecError, r"needs a table \[graph\.neo4j\]"),
        ({**GRAPH, "store": "arango"}, SpecError, "store is 'arango'|'arango'"),
    ],
)
def test_a_bad_graph_is_named_and_nothing_is_published(root, graph, error, says):
    home = root / "home"
    pointer = IndexFolder.of(home, "shop").pointer.read_bytes()
    with pytest.raises(error) as raised:
        build(spec(root, graph=graph), home)
    assert re.search(says, f"{raised.value.message} {raised.value.hint}"), raised.value
    assert IndexFolder.of(home, "shop").pointer.read_bytes() == pointer
    assert kinds_found(home)[0] == OLD
    assert len(snapshots(home)) == 1


@pytest.mark.parametrize(
    ("file", "row", "says"),
    [
        ("nodes", {"id": ""}, r"nodes\.jsonl:31: field 'id' is ''"),
        ("nodes", {"id": "c:sofas"}, r"nodes\.jsonl:31: id 'c:sofas' was seen before, at .*nodes\.jsonl:1"),
        ("edges", {"source": "c:sofas", "relation": "r", "target": "c:none"}, r"edges\.jsonl:26: target 'c:none'"),
        ("edges", {"source": "c:sofas", "target": "c:lamps"}, r"edges\.jsonl:26: the relation is missing"),
    ],
)
def test_a_bad_row_of_the_graph_stops_the_build_with_its_place(root, file, row, says):
    with (root / f"{file}.jsonl").open("a") as sink:
        sink.write(json.dumps(row) + "\n")
    with pytest.raises(DataError, match=says):
        build(spec(root), root / "home")
    assert kinds_found(root / "home")[0] == OLD
    assert len(snapshots(root / "home")) == 1


# ---------------------------------------------------------------- from one home to another


def test_a_release_travels_with_its_graph(two, tmp_path):
    home, there = two / "home", tmp_path / "there"
    export(home, "shop", tmp_path / "shop.tar.zst", "r1")
    got = import_(there, tmp_path / "shop.tar.zst")
    assert (got.release, got.live) == ("r1", True)
    assert snapshots(there) == [used(home, "r1")]
    assert kinds_found(there) == kinds_found(home, "r1")
    assert verify_release(there, "shop").documents == 24
    # What is there already stays, under another name of the index as well.
    manifest = find_snapshot(there, "shop") / "manifest.json"
    kept = manifest.stat().st_ino
    import_(there, tmp_path / "shop.tar.zst", "copy")
    assert manifest.stat().st_ino == kept
    export(home, "shop", tmp_path / "new.tar.zst")
    import_(there, tmp_path / "new.tar.zst", activate=False)
    assert kinds_found(there)[0] == OLD
    assert set(snapshots(there)) == set(snapshots(home))


def test_the_same_release_with_a_graph_gives_the_same_file(built, tmp_path):
    for name in ("a.tar", "b.tar"):
        export(built[0] / "home", "shop", tmp_path / name)
        open_index(built[0] / "home", "shop").close()
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()


def repack(source, target, change):
    """Copy an export member by member; change(name, data) gives the name and data to write, or None."""
    with tarfile.open(source) as old, tarfile.open(target, "w") as new:
        for member in old:
            found = change(member.name, old.extractfile(member).read())
            if found is not None:
                info = tarfile.TarInfo(found[0])
                info.size = len(found[1])
                new.addfile(info, io.BytesIO(found[1]))


def flip(part):
    return lambda name, data: (name, data[:-1] + bytes([data[-1] ^ 1]) if name == part else data)


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        (flip("graph/nodes.arrow"), CorruptError, "nodes.arrow was changed"),
        (lambda n, d: None if n == "graph/edges.npy" else (n, d), CorruptError, "edges.npy is missing"),
        (lambda n, d: None if n.startswith("graph/") else (n, d), CorruptError, "manifest.json is missing"),
        (
            lambda n, d: (n, d.replace(b'"name": "shop"', b'"name": "shed"') if n == "graph/manifest.json" else d),
            CorruptError,
            "its checksum differs",
        ),
        (lambda n, d: (n.replace("graph/edges.npy", "graph/../x"), d), DataError, "graph/../x"),
    ],
)
def test_a_changed_graph_in_an_export_is_refused_and_nothing_is_left(built, tmp_path, change, error, says):
    export(built[0] / "home", "shop", tmp_path / "a.tar")
    repack(tmp_path / "a.tar", tmp_path / "b.tar", change)
    with pytest.raises(error) as raised:
        import_(tmp_path / "home", tmp_path / "b.tar")
    assert says in raised.value.message
    assert not list((tmp_path / "home").rglob("*.arrow"))
    assert not IndexFolder.of(tmp_path / "home", "shop").pointer.exists()


def test_files_beside_the_graphs_own_are_refused(built, tmp_path):
    export(built[0] / "home", "shop", tmp_path / "a.tar")
    with tarfile.open(tmp_path / "a.tar", "a") as tar:
        tar.addfile(tarfile.TarInfo("graph/more"), io.BytesIO())
    with pytest.raises(DataError, match="'graph/more', which its manifest does not list"):
        import_(tmp_path / "home", tmp_path / "a.tar")


def test_a_graph_whose_index_cannot_be_opened_is_taken_away_again(built, tmp_path, monkeypatch):
    from clew.models.hashing import HashingEncoder

    export(built[0] / "home", "shop", tmp_path / "shop.tar")
    original = HashingEncoder.__init__

    def other(self, dim):
        original(self, dim)
        self.fingerprint = "another"

    monkeypatch.setattr(HashingEncoder, "__init__", other)
    with pytest.raises(MismatchError):
        import_(tmp_path / "home", tmp_path / "shop.tar")
    assert not list((tmp_path / "home").rglob("*.arrow"))


@pytest.mark.parametrize("ended", [False, True])
def test_a_graph_that_another_import_uses_by_then_stays(built, tmp_path, monkeypatch, ended):
    export(built[0] / "home", "shop", tmp_path / "shop.tar")
    home, original = tmp_path / "home", transfer.check_searcher
    with ExitStack() as held:

        def check(searcher, version):
            monkeypatch.setattr(transfer, "check_searcher", original)
            if ended:
                import_(home, tmp_path / "shop.tar", "copy")
            else:
                held.enter_context(lock_snapshot(home, version.spec))
            raise MismatchError("the release cannot be opened")

        monkeypatch.setattr(transfer, "check_searcher", check)
        with pytest.raises(MismatchError):
            import_(home, tmp_path / "shop.tar")
        assert snapshots(home) == [used(built[0] / "home")]
    if ended:
        assert verify_release(home, "copy").documents == 24


# ---------------------------------------------------------------- gc


def test_sweeping_keeps_what_any_version_names(two):
    home = two / "home"
    write_graph(two, LESS)
    load.load(home, "shop", str(two / "nodes.jsonl"), str(two / "edges.jsonl"))
    report = gc_graph(home, "shop")
    assert (report.snapshots, report.used) == ((), (used(home, "r2"), used(home, "r1")))
    for number in (3, 4):
        build(spec(two, fusion={"weights": {"graph": number}}), home)
    assert gc(home, "shop", keep=1).releases == ("r1", "r2")
    assert len(snapshots(home)) == 3  # an index's gc leaves graphs alone
    # The two releases that are left have the newest graph.
    assert len(gc_graph(home, "shop").snapshots) == 2
    assert snapshots(home) == [used(home)]
    assert kinds_found(home)[0] == {"c:sofas"}


def test_a_build_holds_its_graph_until_its_version_is_there(root, monkeypatch):
    """A graph that is swept while a build that needs it runs stays."""
    home = root / "home"
    write_graph(root, MORE)
    swept = []
    original = attach.GraphVectors.encode

    def encode(self, encoding):
        taken = self.spec.search.graph.snapshot
        # A newer one, so that this is not the newest.
        write_graph(root, [])
        load.load(home, "shop", str(root / "nodes.jsonl"), str(root / "edges.jsonl"))
        swept.append((taken, gc_graph(home, "shop")))
        original(self, encoding)

    monkeypatch.setattr(attach.GraphVectors, "encode", encode)
    build(spec(root), home)
    [(taken, report)] = swept
    assert (report.snapshots, report.held) == ((), (taken,))
    assert (used(home), kinds_found(home)[0]) == (taken, NEW)


# ---------------------------------------------------------------- resuming


def test_finished_vectors_are_not_computed_again(root, monkeypatch):
    """A build that breaks off after its step is done goes on behind it."""
    from clew.indexer import build as road

    home = root / "home"
    write_graph(root, MORE)

    def broken(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(road, "save_statistics", broken)
        with pytest.raises(KeyboardInterrupt):
            build(spec(root), home)
    with monkeypatch.context() as patch:
        patch.setattr(attach.GraphVectors, "encode", broken)
        assert build(spec(root), home).status == "published"
    once, again = version(home), replace(version(home), id="")
    assert once.files == again.files
    assert "graph/entity_vectors.npy" in once.files
    whole = build(spec(root), root / "elsewhere")
    assert whole.content == once.content
