"""Bulk files of Elasticsearch: what is read is what is there at the end of the log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from clew.indexer.sources.forms import SourceSpec
from clew.indexer.sources.read import read
from clew.indexer.sources.record import Fault, Record


def found(folder: Path, **files: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the records and "file:line: reason" of the faults of some bulk files."""
    for name, lines in files.items():
        (folder / f"{name}.ndjson").write_text("".join(json.dumps(line) + "\n" for line in lines))
    reads = list(read(SourceSpec(str(folder / "*.ndjson"), on_error="skip-value"), "jsonl"))
    faults = [f"{one.origin.removeprefix(f'{folder}/')}: {one.reason}" for one in reads if isinstance(one, Fault)]
    return [dict(one.values) for one in reads if isinstance(one, Record)], faults


def index(id_: object, **values: object) -> list[dict[str, Any]]:
    return [{"index": {"_index": "p", "_id": id_}}, values]


def update(id_: object, **body: object) -> list[dict[str, Any]]:
    return [{"update": {"_id": id_, "retry_on_conflict": 3}}, body]


def delete(id_: object) -> list[dict[str, Any]]:
    return [{"delete": {"_index": "p", "_id": id_}}]


LAMP, RUG = index("1", title="Lamp", price={"amount": 5, "currency": "EUR"}), index("2", title="Rug")


def test_a_deleted_document_is_not_read(tmp_path):
    assert found(tmp_path, a=[*LAMP, *RUG, *delete("1")]) == ([{"_id": "2", "title": "Rug"}], [])


def test_a_document_is_read_with_its_updates_in_its_place(tmp_path):
    changes = [*update("1", doc={"price": {"amount": 4}, "tags": ["new"]}), *update("1", doc={"title": "Desk lamp"})]
    lamp = {"_id": "1", "title": "Desk lamp", "price": {"amount": 4, "currency": "EUR"}, "tags": ["new"]}
    assert found(tmp_path, a=[*LAMP, *RUG, *changes]) == ([lamp, {"_id": "2", "title": "Rug"}], [])


def test_an_update_adds_a_document_if_it_says_so(tmp_path):
    lines = [
        *update("3", doc={"title": "Cup"}, doc_as_upsert=True),
        *update("4", doc={"title": "no"}, upsert={"title": "Jug"}),
        *update("5", script={"source": "x"}, upsert={"title": "Pot"}),
        *update("3", doc={"price": 2}, doc_as_upsert=True),
    ]
    records = [{"_id": "3", "title": "Cup", "price": 2}, {"_id": "4", "title": "Jug"}, {"_id": "5", "title": "Pot"}]
    assert found(tmp_path, a=lines) == (records, [])


def test_a_document_that_is_added_again_after_its_deletion_is_the_new_one(tmp_path):
    again = [*delete("1"), *index(1, title="Lamp 2"), *update(1, doc={"price": 1})]
    assert found(tmp_path, a=[*LAMP, *again]) == ([{"_id": 1, "title": "Lamp 2", "price": 1}], [])
    assert found(tmp_path, a=[*LAMP, *again, *index("1", title="Lamp 3")]) == ([{"_id": "1", "title": "Lamp 3"}], [])


def test_a_log_in_several_files_is_one_log_by_their_names(tmp_path):
    assert found(tmp_path, a=[*LAMP, *RUG], b=delete("1"), c=update("2", doc={"title": "Red rug"})) == (
        [{"_id": "2", "title": "Red rug"}],
        [],
    )


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (delete("9"), "a.ndjson:3: deletes document '9', which no line before it adds"),
        (update("9", doc={}), "a.ndjson:3: updates document '9', which no line before it adds"),
        (
            update("1", script="ctx._source.n++"),
            "a.ndjson:4: updates document '1' by a script, which a build",
        ),
        (update("1", docs={}), "a.ndjson:4: updates document '1' with {'docs': {}}, expected an object in doc"),
        ([{"delete": {"_index": "p"}}], "a.ndjson:3: the action 'delete' has no _id"),
        (update(None, doc={}), "a.ndjson:3: the action 'update' has no _id"),
        (
            [{"create": {"_id": "1"}}, {"title": "b"}, *update("1", doc={})],
            "a.ndjson:3: creates document '1', which",
        ),
        ([{"update": {"_id": "1"}}], "a.ndjson:3: no line follows the action 'update'"),
    ],
)
def test_what_cannot_be_applied_is_a_fault_with_its_line_and_no_record(tmp_path, lines, says):
    records, faults = found(tmp_path, a=[*LAMP, *lines])
    assert [record["title"] for record in records] == ["Lamp"]
    (fault,) = faults
    assert fault.startswith(says)


def test_objects_of_a_usual_file_are_no_actions(tmp_path):
    lines = [{"update": {"title": "a"}}, {"delete": {}}, {"delete": "1"}, {"_id": "1", "update": {"_id": "2"}}]
    assert found(tmp_path, a=lines) == (lines, [])
