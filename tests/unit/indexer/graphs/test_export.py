"""A graph written out and loaded again is the same graph."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.core.errors import CorruptError, NotFoundError, StoreError
from clew.indexer.graphs.export import export
from clew.indexer.graphs.load import load
from clew.kg.snapshot_writer import write_snapshot
from clew.kg.types import Edge, Entity

FORMS = ["jsonl", "csv", "parquet"]
CREATED = "2025-01-01T00:00:00Z"
ENTITIES = [
    Entity(
        "a", "t", "Alpha", ("one; two", "[x]"), {"zh": "甲"}, 'd "quoted"\r\n,line', {"level": 1, "deep": {"x": [None]}}
    ),
    Entity("b"),
    Entity(" c ", properties={"id": 1, "name": None, "properties": {"x": 1}, "empty": None}),
    Entity("😀", name="\u202eright", aliases=("single",)),
]
EDGES = [Edge("a", "is a", "b"), Edge("b", "r;s", "b")]


def again(tmp_path, entities, edges, form):
    """(snapshot id, id of what was exported and loaded again)"""
    first = write_snapshot(tmp_path / "home", "g", entities, edges, created=CREATED)
    report = export(tmp_path / "home", "g", tmp_path / "out", form)
    assert (report.id, report.entities, report.links) == (first.id, len(entities), len(edges))
    return first.id, load(tmp_path / "home", "copy", report.nodes, report.edges).id


@pytest.mark.parametrize("form", FORMS)
def test_the_copy_is_the_same_snapshot(tmp_path, form):
    first, copy = again(tmp_path, ENTITIES, EDGES, form)
    assert first == copy
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [f"edges.{form}", f"nodes.{form}"]


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)
WORDS = TEXTS.filter(str.strip)


@pytest.mark.parametrize("form", FORMS)
def test_whatever_can_be_loaded_comes_back(tmp_path_factory, form):
    values = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9) | TEXTS
    entities = st.lists(
        st.builds(
            Entity,
            WORDS,
            TEXTS,
            TEXTS,
            st.lists(WORDS, max_size=2, unique=True).map(tuple),
            st.dictionaries(WORDS, WORDS, max_size=2),
            TEXTS,
            st.dictionaries(TEXTS, values | st.lists(values, max_size=2), max_size=3),
        ),
        min_size=1,
        max_size=4,
        unique_by=lambda entity: entity.id,
    )

    @settings(max_examples=40, deadline=None)
    @given(entities)
    def check(found):
        first, copy = again(tmp_path_factory.mktemp("export"), found, [Edge(found[0].id, "r", found[-1].id)], form)
        assert first == copy

    check()


def test_json_lines_are_plain_to_read(tmp_path):
    again(tmp_path, ENTITIES, EDGES, "jsonl")
    lines = [json.loads(line) for line in (tmp_path / "out" / "nodes.jsonl").read_text("utf-8").splitlines()]
    assert lines[2] == {"id": "b"}
    assert lines[1] == {
        "id": "a", "type": "t", "name": "Alpha", "aliases": ["one; two", "[x]"], "names": {"zh": "甲"},
        "description": 'd "quoted"\r\n,line', "level": 1, "deep": {"x": [None]},
    }  # fmt: skip
    assert lines[0]["properties"] == {"id": 1, "name": None, "properties": {"x": 1}, "empty": None}


def test_an_older_snapshot_can_be_written(tmp_path):
    old = write_snapshot(tmp_path / "home", "g", ENTITIES, [], created=CREATED)
    write_snapshot(tmp_path / "home", "g", ENTITIES, EDGES, created="2026-01-01T00:00:00Z")
    assert export(tmp_path / "home", "g", tmp_path / "out").links == 2
    assert export(tmp_path / "home", "g", tmp_path / "out", id=old.id).links == 0


def test_what_cannot_be_written_is_named(tmp_path):
    with pytest.raises(NotFoundError, match="no graph 'g'"):
        export(tmp_path / "home", "g", tmp_path / "out")
    folder = write_snapshot(tmp_path / "home", "g", ENTITIES, EDGES, created=CREATED).folder
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="file cannot be written"):
        export(tmp_path / "home", "g", tmp_path / "file")
    (folder / "edges.npy").write_bytes(b"")
    with pytest.raises(CorruptError, match=r"edges\.npy"):
        export(tmp_path / "home", "g", tmp_path / "out")
