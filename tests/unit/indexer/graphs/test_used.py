"""The snapshot that a version of an index names: found, checked, described, and brought from another home."""

import hashlib
import json
import shutil
from contextlib import ExitStack

import pytest

from clew.core.artifacts import is_in_use
from clew.core.errors import CorruptError, DataError, LockedError, NotFoundError, StoreError
from clew.core.lock import writing
from clew.indexer.graphs.load import load
from clew.indexer.graphs.used import (
    check_graph,
    check_imported,
    described,
    install_snapshot,
    is_intact,
    lock_snapshot,
    snapshot_of,
)
from clew.kg.manifest import checksum_of
from tests.builders import write_rows

NODES = [{"id": "a", "type": "brand", "name": "Sony"}, {"id": "b", "name": "Radio"}]
EDGES = [{"source": "b", "relation": "has_brand", "target": "a"}]


def rewrite(folder, **values):
    """Change keys of a manifest, and its checksum."""
    path = folder / "manifest.json"
    table = json.loads(path.read_bytes()) | values
    table.pop("checksum", None)
    path.write_text(json.dumps(table | {"checksum": checksum_of(table)}))


@pytest.fixture
def home(tmp_path):
    write_rows(tmp_path, nodes=NODES, edges=EDGES)
    load(tmp_path / "home", "g", str(tmp_path / "nodes.jsonl"), str(tmp_path / "edges.jsonl"))
    return tmp_path / "home"


@pytest.fixture
def folder(home):
    (manifest,) = home.glob("graphs/g/*/manifest.json")
    return manifest.parent


@pytest.fixture
def spec(folder):
    return {"graph": {"name": "g", "snapshot": folder.name, "store": "neo4j"}}


@pytest.fixture
def staged(folder, tmp_path):
    """A copy of the snapshot as an import lays it out."""
    return shutil.copytree(folder, tmp_path / "staged" / folder.name)


@pytest.fixture
def held():
    with ExitStack() as stack:
        yield stack


def test_no_graph_is_no_snapshot(home):
    for spec in ({}, {"graph": None}):
        assert (snapshot_of(home, spec), described(home, spec), check_graph(home, spec)) == (None, None, None)
        with lock_snapshot(home, spec):
            pass


@pytest.mark.parametrize(("name", "snapshot"), [("../g", "0" * 16), ("g", "../../x"), ("g", ""), ("g", "A" * 16)])
def test_what_is_no_name_leads_nowhere(home, name, snapshot):
    with pytest.raises((CorruptError, NotFoundError)):
        snapshot_of(home, {"graph": {"name": name, "snapshot": snapshot}})


def test_a_whole_snapshot_is_checked_and_described(home, folder, spec):
    assert check_graph(home, spec).id == folder.name
    found = described(home, spec)
    assert (found.name, found.snapshot, found.store) == ("g", folder.name, "neo4j")
    assert (found.entities, found.edges) == (2, 1)


def test_a_file_that_was_changed_or_lost_is_named(home, folder, spec):
    (folder / "nodes.arrow").write_bytes(b"changed")
    with pytest.raises(CorruptError, match=r"graph 'g': .*nodes\.arrow was changed") as error:
        check_graph(home, spec)
    assert "`clew graph load g`" in error.value.hint
    (folder / "manifest.json").unlink()
    with pytest.raises(NotFoundError, match=r"graph 'g': .*manifest\.json is missing") as error:
        check_graph(home, spec)
    assert "`clew graph load g`" in error.value.hint
    assert described(home, spec).entities is None
    assert not is_intact(folder)


def test_a_held_snapshot_is_held(home, folder, spec):
    with lock_snapshot(home, spec):
        assert is_in_use(folder)
    assert not is_in_use(folder)


def test_a_new_snapshot_is_placed(folder, spec, staged, tmp_path):
    there = tmp_path / "there"
    check_imported(staged, tmp_path / "a.tar", spec)
    with ExitStack() as held:
        assert install_snapshot(staged, there, spec, held) == there / "graphs" / "g" / folder.name
        assert is_in_use(there / "graphs" / "g" / folder.name)
    assert not is_in_use(there / "graphs" / "g" / folder.name)
    assert check_graph(there, spec).id == folder.name


def test_an_equal_one_stays_and_a_damaged_one_is_mended(home, folder, spec, staged, held):
    kept = (folder / "nodes.arrow").stat().st_ino
    assert install_snapshot(staged, home, spec, held) is None
    assert (folder / "nodes.arrow").stat().st_ino == kept
    (folder / "nodes.arrow").write_bytes(b"damaged")
    assert install_snapshot(staged, home, spec, held) is None
    assert is_intact(folder)


def test_other_files_under_the_same_snapshot_are_not_replaced(home, folder, spec, staged, held):
    # A derived file of another make, the manifest in agreement with it.
    table = json.loads((folder / "manifest.json").read_bytes())
    derived = table["derived"][0]
    (folder / derived).write_bytes(b"of another Clew")
    table["files"][derived] = hashlib.sha256(b"of another Clew").hexdigest()
    rewrite(folder, **table)
    with pytest.raises(StoreError, match="graph 'g' already has other files in the snapshot"):
        install_snapshot(staged, home, spec, held)
    assert (folder / derived).read_bytes() == b"of another Clew"


def test_nobody_else_may_be_writing_the_graph(home, folder, spec, staged, held):
    with writing(folder.parent), pytest.raises(LockedError, match="graph 'g' is being written"):
        install_snapshot(staged, home, spec, held)


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        (lambda f: (f / "edges.npy").unlink(), CorruptError, r"a\.tar: graph: .*edges\.npy is missing"),
        (lambda f: (f / "manifest.json").unlink(), CorruptError, r"a\.tar: graph: .*manifest\.json is missing"),
        (lambda f: (f / "more").touch(), DataError, r"a\.tar contains 'graph/more'"),
        (lambda f: rewrite(f, name="h"), CorruptError, "belongs to another graph, 'h'"),
    ],
)
def test_what_was_brought_is_checked(spec, staged, tmp_path, change, error, says):
    change(staged)
    with pytest.raises(error, match=says):
        check_imported(staged, tmp_path / "a.tar", spec)
