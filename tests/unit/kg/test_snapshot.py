"""Snapshots: named by their content, whole or not at all, mapped, and found by name."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.core.artifacts import is_in_use
from clew.core.errors import CorruptError, DataError, FormatError, NotFoundError
from clew.kg import snapshot_writer
from clew.kg.manifest import checksum_of, fingerprint_of
from clew.kg.snapshot import NodeFile, Snapshot, find_snapshot, graph_names, list_snapshots
from clew.kg.snapshot_writer import write_snapshot
from clew.kg.types import Edge, Entity

CREATED = "2025-01-01T00:00:00Z"
ENTITIES = [
    Entity("b", "brand", "Bravo", ("B", "Br"), {"zh": "乙", "fr": "bé"}, "second", {"year": 2, "tags": ["x", None]}),
    Entity("😀", "face"),
    Entity("a", "brand", "Alpha"),
    Entity("\uff5e"),
]
EDGES = [Edge("b", "likes", "a"), Edge("a", "likes", "a"), Edge("a", "has", "😀"), Edge("b", "likes", "a")]


def write(home: Path, entities=ENTITIES, edges=EDGES, name="g", created=CREATED, **options) -> Snapshot:
    return write_snapshot(home, name, entities, edges, created=created, **options)


def files(folder: Path) -> dict[str, bytes]:
    """Path → bytes of every file that the manifest names."""
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if name not in {"manifest.json", ".open"}}


# ---------------------------------------------------------------- what is in it


def test_everything_comes_back_in_order(tmp_path):
    found = write(tmp_path)
    assert list(found.all_entities()) == [ENTITIES[2], ENTITIES[0], ENTITIES[3], ENTITIES[1]]
    assert list(found.all_edges()) == [Edge("a", "has", "😀"), Edge("a", "likes", "a"), Edge("b", "likes", "a")]
    assert found.relations == ("has", "likes")
    assert found.edges.tolist() == [[0, 0, 1], [0, 1, 1], [3, 0, 0]]
    assert found.edges.dtype == found.degrees.dtype == np.int32
    assert found.degrees.tolist() == [4, 1, 0, 1]
    assert [found.row(name) for name in ("a", "b", "\uff5e", "😀", "", "ab", "c", "\U0010ffff", "\ud800", "a\0")] == [
        0, 1, 2, 3, *[None] * 6
    ]  # fmt: skip
    assert found.ids(np.array([3, 0, 3])) == ["😀", "a", "😀"]
    assert found.entities(["b", "none", "b"]) == [ENTITIES[0], None, ENTITIES[0]]


def test_the_manifest_says_what_there_is(tmp_path):
    found = write(tmp_path, lineage={"nodes.jsonl": "1f"}, licence="CC0-1.0")
    manifest = json.loads((found.folder / "manifest.json").read_text())
    assert found.folder == tmp_path / "graphs" / "g" / manifest["id"]
    assert manifest["fingerprint"].startswith(manifest["id"])
    assert manifest["counts"] == {
        "entities": 4,
        "edges": 3,
        "relations": {"has": 1, "likes": 2},
        "types": {"": 1, "brand": 2, "face": 1},
    }
    assert (manifest["created"], manifest["licence"], manifest["lineage"]) == (
        CREATED,
        "CC0-1.0",
        {"nodes.jsonl": "1f"},
    )
    assert sorted(manifest["files"]) == sorted(files(found.folder))


def test_big_things_are_mapped_not_read(tmp_path):
    found = write(tmp_path)
    assert isinstance(found.edges.base, np.memmap) or isinstance(found.edges, np.memmap)
    assert isinstance(found.degrees.base, np.memmap) or isinstance(found.degrees, np.memmap)


def test_nothing_at_all_is_a_graph_too(tmp_path):
    found = write(tmp_path, [], [])
    assert (list(found.all_entities()), list(found.all_edges()), found.row("a")) == ([], [], None)
    assert (found.edges.shape, found.degrees.shape, found.relations) == ((3, 0), (0,), ())


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_graph_comes_back(tmp_path_factory, data):
    texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    ids = data.draw(st.lists(texts.filter(lambda text: text and "\0" not in text), max_size=12, unique=True))
    json_values = st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**60), 2**60)
        | st.floats(allow_nan=False, allow_infinity=False)
        | texts,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
        max_leaves=5,
    )
    entities = [
        Entity(
            name,
            data.draw(texts),
            data.draw(texts),
            tuple(data.draw(st.lists(texts, max_size=3))),
            data.draw(st.dictionaries(texts, texts, max_size=3)),
            data.draw(texts),
            data.draw(st.dictionaries(texts, json_values, max_size=3)),
        )
        for name in ids
    ]
    end = st.sampled_from(ids or [""])
    edges = data.draw(st.lists(st.builds(Edge, end, texts, end), max_size=20 if ids else 0))
    found = write(tmp_path_factory.mktemp("home"), entities, edges)
    assert list(found.all_entities()) == sorted(entities, key=lambda entity: entity.id)
    assert list(found.all_edges()) == sorted(set(edges))
    assert found.entities(ids) == entities
    found.close()


def test_batches_do_not_show(tmp_path, monkeypatch):
    """Entities are found and ordered the same whatever the record batches, whose borders are fixed by the content."""
    monkeypatch.setattr(snapshot_writer, "BATCH_ENTITIES", 7)
    entities = [Entity(f"e{n:03}", name=f"name {n}", description="d" * n) for n in range(60)]
    found = write(tmp_path, reversed(entities), [Edge("e000", "r", "e059")])
    assert len(found._nodes._batches) > 5
    assert list(found.all_entities()) == entities
    assert found.entities([f"e{n:03}" for n in range(60)]) == entities
    assert [found.row(entity.id) for entity in entities] == list(range(60))
    assert write(tmp_path, entities, [Edge("e000", "r", "e059")], "other").id == found.id


# ---------------------------------------------------------------- its name


def test_the_same_graph_has_the_same_files_and_id(tmp_path):
    one = write(tmp_path)
    entities = [replace(entity, names=dict(reversed(entity.names.items()))) for entity in ENTITIES[::-1]]
    other = write(tmp_path / "else", entities, EDGES[::-1], "other", "2031-01-01T00:00:00Z", licence="another")
    assert one.id == other.id
    assert files(one.folder) == files(other.folder)


@pytest.mark.parametrize(
    ("entities", "edges"),
    [
        (ENTITIES[:3], EDGES[:1]),
        (ENTITIES, EDGES[:2]),
        ([*ENTITIES[:3], Entity("\uff5e", description="d")], EDGES),
        (ENTITIES, [*EDGES[:3], Edge("a", "likes", "b")]),
        (ENTITIES, [Edge(e.source, e.relation.upper(), e.target) for e in EDGES]),
    ],
)
def test_another_graph_has_another_id(tmp_path, entities, edges):
    assert write(tmp_path).id != write(tmp_path, entities, edges).id


def test_an_equal_one_is_kept_and_becomes_the_newest(tmp_path):
    first = write(tmp_path, licence="old")
    write(tmp_path, ENTITIES, [], created="2025-06-01T00:00:00Z")
    inode = (first.folder / "nodes.arrow").stat().st_ino
    again = write(tmp_path, created="2025-07-01T00:00:00Z", licence="new")
    assert again.folder == first.folder
    assert (again.folder / "nodes.arrow").stat().st_ino == inode
    assert again.manifest.licence == "new"
    assert find_snapshot(tmp_path, "g") == first.folder
    assert len(list_snapshots(tmp_path, "g")) == 2


def test_a_broken_one_is_replaced(tmp_path):
    first = write(tmp_path)
    (first.folder / "nodes.arrow").write_bytes(b"broken")
    assert next(write(tmp_path).all_entities()).id == "a"
    Snapshot.open(first.folder)


def test_derived_files_are_hashed_but_do_not_name_the_snapshot(tmp_path, monkeypatch):
    plain = write(tmp_path / "plain")
    seen = []

    def derive(entities, degrees, folder):
        seen.append(([entity.id for entity in entities], degrees.tolist(), degrees.dtype))
        (folder / "names.txt").write_text("derived")

    monkeypatch.setattr(snapshot_writer, "DERIVED", (derive,))
    found = write(tmp_path)
    assert seen == [(["a", "b", "\uff5e", "😀"], [4, 1, 0, 1], np.int64)]
    assert found.id == plain.id
    assert found.manifest.derived == ("names.txt",)
    assert set(found.manifest.files) == {"nodes.arrow", "edges.npy", "relations.json", "degrees.npy", "names.txt"}
    (found.folder / "names.txt").write_text("changed")
    with pytest.raises(CorruptError, match=r"names\.txt was changed"):
        Snapshot.open(found.folder)


def test_a_snapshot_gets_derived_files_that_it_lacks(tmp_path, monkeypatch):
    write(tmp_path)
    monkeypatch.setattr(snapshot_writer, "DERIVED", (lambda entities, degrees, folder: (folder / "new").touch(),))
    assert (write(tmp_path).folder / "new").exists()


# ---------------------------------------------------------------- what cannot be


@pytest.mark.parametrize(
    ("entities", "edges", "message"),
    [
        ([Entity("a"), Entity("b"), Entity("a")], [], "id 'a' is used by more than one entity"),
        ([Entity("a")], [Edge("a", "r", "x")], "refers to 'x', which is not an entity"),
        ([Entity("a")], [Edge("x", "r", "a")], "refers to 'x', which is not an entity"),
        ([Entity("a"), Entity("")], [], "entity '' cannot be stored: the id is empty or contains NUL"),
        ([Entity("a"), Entity("b\0")], [], "cannot be stored: the id is empty or contains NUL"),
        ([Entity("a"), Entity("b", name="\ud800")], [], "entity 'b' cannot be stored"),
        ([Entity("a"), Entity("b", properties={"x": float("nan")})], [], "entity 'b' cannot be stored"),
        ([Entity("a"), Entity("b", properties={"x": object()})], [], "entity 'b' cannot be stored"),
        ([Entity("a"), Entity("b", name=3)], [], "entity 'b' cannot be stored"),
    ],
)
def test_what_cannot_be_kept_is_named_and_leaves_nothing(tmp_path, entities, edges, message):
    with pytest.raises(DataError, match=message):
        write(tmp_path, entities, edges)
    assert list((tmp_path / "graphs" / "g").iterdir()) == []


def test_a_source_that_breaks_off_leaves_what_was_there(tmp_path):
    first = write(tmp_path)

    def broken() -> Iterator[Edge]:
        yield EDGES[0]
        raise KeyError("source")

    with pytest.raises(KeyError):
        write(tmp_path, ENTITIES, broken())
    assert [path.name for path in (tmp_path / "graphs" / "g").iterdir()] == [first.id]
    assert find_snapshot(tmp_path, "g") == first.folder


def test_staging_of_a_killed_writer_is_swept(tmp_path):
    left = tmp_path / "graphs" / "g" / "staging" / "nodes.arrow"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    write(tmp_path)
    assert not left.parent.exists()


@pytest.mark.parametrize("file", ["nodes.arrow", "edges.npy", "relations.json", "degrees.npy"])
def test_a_changed_or_missing_file_is_named(tmp_path, file):
    path = write(tmp_path).folder / file
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(CorruptError, match=file) as error:
        Snapshot.open(path.parent)
    assert "clew graph load" in error.value.hint
    path.write_bytes(b"")
    with pytest.raises(CorruptError):
        Snapshot.open(path.parent, verify=False)
    path.unlink()
    for verify in (True, False):
        with pytest.raises(CorruptError, match=file if verify else None):
            Snapshot.open(path.parent, verify=verify)


def changed(folder: Path, **values) -> None:
    path = folder / "manifest.json"
    table = json.loads(path.read_text()) | values
    del table["checksum"]
    path.write_text(json.dumps(table | {"checksum": checksum_of(table)}))


@pytest.mark.parametrize(("old", "new"), [('"entities": 4', '"entities": 7'), ('"licence": ""', '"licence": "CC0"')])
def test_a_manifest_is_covered_by_its_own_checksum(tmp_path, old, new):
    found = write(tmp_path)
    path = found.folder / "manifest.json"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(CorruptError, match=r"manifest\.json was changed after it was written"):
        Snapshot.open(found.folder)


def test_a_manifest_of_an_earlier_version_has_no_checksum(tmp_path):
    found = write(tmp_path)
    path = found.folder / "manifest.json"
    table = json.loads(path.read_text())
    del table["checksum"]
    path.write_text(json.dumps(table))
    assert Snapshot.open(found.folder).counts == found.counts


@pytest.mark.parametrize(("key", "value"), [("files", ["a"]), ("lineage", 3), ("name", None), ("derived", [1])])
def test_a_value_of_another_type_in_a_manifest_is_named(tmp_path, key, value):
    found = write(tmp_path)
    changed(found.folder, **{key: value})
    with pytest.raises(CorruptError, match=rf"manifest\.json: {key}"):
        Snapshot.open(found.folder)


def test_a_manifest_cannot_vouch_for_other_files(tmp_path):
    found = write(tmp_path)
    other = write(tmp_path, ENTITIES, [])
    shutil.copy(other.folder / "edges.npy", found.folder)
    swapped = dict(found.manifest.files) | {"edges.npy": other.manifest.files["edges.npy"]}
    changed(found.folder, files=swapped)
    with pytest.raises(CorruptError, match="does not list the files"):
        Snapshot.open(found.folder)
    changed(found.folder, fingerprint=fingerprint_of(swapped))
    with pytest.raises(CorruptError, match="does not list the files"):
        Snapshot.open(found.folder)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("{", CorruptError, "is not valid JSON"),
        ("[]", CorruptError, "is not valid JSON"),
        ('{"format": 2}', FormatError, "format 2, but this version of Clew reads format 1"),
        ('{"format": 1}', CorruptError, "has a missing or unknown key"),
        ('{"format": 1, "counts": {}, "derived": []}', CorruptError, "has a missing or unknown key"),
    ],
)
def test_a_manifest_that_is_none_is_named(tmp_path, text, error, message):
    found = write(tmp_path)
    (found.folder / "manifest.json").write_text(text)
    with pytest.raises(error, match=rf"manifest\.json .*{message}"):
        Snapshot.open(found.folder)


def test_an_open_snapshot_is_held(tmp_path):
    found = write(tmp_path)
    assert is_in_use(found.folder)
    found.close()
    found.close()
    assert not is_in_use(found.folder)


# ---------------------------------------------------------------- finding


def test_snapshots_are_listed_newest_first_and_found_by_id(tmp_path):
    made = [
        write(tmp_path, ENTITIES, EDGES[:n], created=f"2025-01-0{day}T00:00:00Z") for n, day in ((0, 2), (1, 3), (2, 1))
    ]
    assert [manifest.id for manifest in list_snapshots(tmp_path, "g")] == [made[1].id, made[0].id, made[2].id]
    assert find_snapshot(tmp_path, "g") == made[1].folder
    assert find_snapshot(tmp_path, "g", made[2].id) == made[2].folder
    with pytest.raises(NotFoundError, match="graph 'g' has no snapshot '0000'") as error:
        find_snapshot(tmp_path, "g", "0000")
    assert made[0].id in error.value.hint


def test_two_of_the_same_second_are_told_apart(tmp_path):
    for edges in (EDGES[:1], EDGES[:2], EDGES[:1], []):
        last = write(tmp_path, ENTITIES, edges)
        assert find_snapshot(tmp_path, "g") == last.folder


@pytest.mark.parametrize("name", ["nome", "../g", "", "G", "a/b", "x" * 200])
def test_a_graph_that_is_not_there_is_named_with_the_nearest(tmp_path, name):
    write(tmp_path, name="name")
    assert graph_names(tmp_path) == ["name"]
    for call in (lambda: find_snapshot(tmp_path, name), lambda: list_snapshots(tmp_path, name)):
        with pytest.raises(NotFoundError, match="no graph ") as error:
            call()
        assert "name" in error.value.hint


def test_other_folders_are_no_graphs(tmp_path):
    for place in ("graphs/g/staging", "graphs/Gross/0123456789abcdef", "graphs/g/0123"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "manifest.json").write_text("{}")
    assert graph_names(tmp_path) == []


def test_a_name_that_cannot_be_is_refused_before_anything_is_made(tmp_path):
    with pytest.raises(NotFoundError):
        write(tmp_path, name="../../up")
    assert list(tmp_path.iterdir()) == []


def test_a_node_file_says_how_many_it_has(tmp_path):
    assert len(NodeFile(write(tmp_path).folder / "nodes.arrow")) == 4
