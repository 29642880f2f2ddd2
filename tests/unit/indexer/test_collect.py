"""Reading a whole source: duplicates, empty texts, rejects, and what is said about them."""

import json

import pytest

from clew.core.errors import DataError
from clew.core.progress import Silent
from clew.indexer.collect import Collected, collect
from clew.indexer.sources.forms import SourceSpec
from clew.indexer.spool import read_documents
from clew.search.fields import FieldSpec

FIELDS = {"title": FieldSpec("text"), "price": FieldSpec("number"), "place": FieldSpec("geo")}


@pytest.fixture
def run(tmp_path):
    def run(*lines, fields=FIELDS, **options):
        path = tmp_path / "shop.jsonl"
        path.write_bytes(
            b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines)
        )
        source = SourceSpec(str(path), **options)
        return collect(source, "jsonl", fields, tmp_path / "read", tmp_path / "rejects.jsonl", Silent())

    run.folder = tmp_path
    return run


def test_documents_come_back_typed_and_in_order(run):
    found = run(
        {"id": 1, "title": "a\nb", "place": [1, 2]},
        {"id": "2", "title": "\u2028灯", "price": "3"},
        {"id": "3", "title": "c"},
    )
    assert found.documents == 3
    documents = list(read_documents(run.folder / "read", 1, 3, FIELDS))
    assert [document.id for document in documents] == ["2", "3"]
    assert documents[0].fields == {"title": "\u2028灯", "price": 3.0}
    assert documents[0].origin == f"{run.folder}/shop.jsonl:2"
    assert next(read_documents(run.folder / "read", 0, 1, FIELDS)).fields["place"] == (1.0, 2.0)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"id": "2", "title": ', "shop.jsonl:2: invalid JSON"),
        (b'{"id": "2", "title": "\xff"}', "shop.jsonl:2: not UTF-8 text"),
        (b'["2"]', "shop.jsonl:2: the line is ['2'], not an object"),
        (b'{"id": "2", "price": Infinity}', "shop.jsonl:2: field 'price' is inf, expected number"),
        ({"title": "b"}, "shop.jsonl:2: the record has no field 'id', which should hold its id"),
        ({"id": "2", "title": "b", "price": "cheap"}, "shop.jsonl:2: field 'price' is 'cheap', expected number"),
        ({"id": "2", "title": "\ud800"}, "shop.jsonl:2: field 'title' is '\\ud800', expected text"),
    ],
)
def test_the_first_bad_record_stops_with_file_and_line(run, line, message):
    with pytest.raises(DataError) as error:
        run({"id": "1", "title": "a"}, line, on_error="stop")
    assert message in error.value.message


def test_a_duplicate_id_names_both_places(run):
    with pytest.raises(DataError) as error:
        run({"id": "1", "title": "a"}, {"id": "2", "title": "b"}, {"id": "1", "title": "c"}, on_error="stop")
    assert f"{run.folder}/shop.jsonl:3: id '1' was seen before, at {run.folder}/shop.jsonl:1" in error.value.message


def test_bad_records_can_be_skipped_and_are_listed(run):
    found = run({"id": "1", "title": "a"}, b"{", {"id": "1", "title": "b"}, {"id": "4", "title": "d"}, on_error="skip")
    assert (found.documents, found.rejected) == (2, 2)
    listed = [json.loads(line) for line in (run.folder / "rejects.jsonl").read_text().splitlines()]
    assert [entry["origin"].rsplit(":")[-1] for entry in listed] == ["2", "3"]
    assert "rejects.jsonl" in " ".join(found.notices)


def test_a_document_without_text_is_left_out_and_said(run):
    found = run({"id": "1", "title": "a"}, {"id": "2", "title": " ", "price": 3}, {"id": "3"})
    assert (found.documents, found.empty, found.rejected) == (1, 2, 0)
    notice = next(notice for notice in found.notices if "left out" in notice)
    assert "2 documents were left out because they have no text in any searched field (title)" in notice
    assert "shop.jsonl:2 (id '2')" in notice


def test_an_earlier_rejects_file_goes(run):
    run({"id": "1", "title": "a"}, b"{", on_error="skip")
    run({"id": "1", "title": "a"})
    assert not (run.folder / "rejects.jsonl").exists()


def test_an_empty_source_is_named(run):
    with pytest.raises(DataError, match=r"shop\.jsonl is empty"):
        run()


def test_a_source_of_nothing_usable_says_why(run):
    with pytest.raises(DataError, match="1 records were rejected, 1 have no text in title"):
        run({"id": "1"}, b"{", on_error="skip")


def test_a_field_nobody_fills_is_said_with_the_nearest(run):
    found = run({"id": "1", "titel": "a", "text": "b"}, fields={"title": FieldSpec("text"), "text": FieldSpec("text")})
    assert any(
        "field 'title' has no value in any document; did you mean 'titel'?" in notice for notice in found.notices
    )


def test_the_result_survives_its_marker(run):
    found = run({"id": "1", "title": "a"})
    assert Collected(**json.loads(json.dumps(found.as_table()))).documents == found.documents


def test_a_bad_value_is_left_out_and_listed_with_field_and_value(run):
    found = run({"id": "1", "title": "hub", "price": "4 + 2"}, {"id": "2", "title": "cable", "price": "3"})
    assert (found.documents, found.rejected, found.bad_values) == (2, 0, 1)
    (listed,) = [json.loads(line) for line in (run.folder / "rejects.jsonl").read_text().splitlines()]
    assert (listed["line"], listed["field"], listed["value"]) == (1, "price", "4 + 2")
    assert any("1 values could not be used and were left out (price 1)" in notice for notice in found.notices)


def test_nan_as_many_programs_write_it_is_no_value(run):
    found = run(b'{"id": "1", "title": "a", "price": NaN}')
    assert (found.documents, found.bad_values) == (1, 0)


def test_a_bad_value_can_cost_its_record(run):
    found = run({"id": "1", "title": "hub", "price": "x"}, {"id": "2", "title": "b"}, on_error="skip-record")
    assert (found.documents, found.rejected, found.bad_values) == (1, 1, 0)


def test_a_bad_id_costs_the_record_whatever_happens_to_values(run):
    found = run({"title": "hub"}, {"id": "2", "title": "b"})
    assert (found.documents, found.rejected) == (1, 1)


def test_too_many_bad_records_publish_nothing(run):
    good = [{"id": str(number), "title": "a"} for number in range(1_000)]
    bad = [{"title": "a"}] * 20
    with pytest.raises(DataError, match=r"20 of 1,020 records .* more than max_errors allows \(1\.00%\)"):
        run(*good, *bad)
    assert run(*good, *bad, max_errors=0.02).rejected == 20
    assert run(*good, *bad[:10]).rejected == 10
    with pytest.raises(DataError, match="59 of 60 records"):
        run(good[0], *[{"title": "a"}] * 59)
