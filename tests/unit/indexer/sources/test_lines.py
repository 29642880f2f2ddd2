"""JSON lines and BEIR corpora."""

import gzip
import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clew.core.errors import DataError
from clew.indexer.sources.forms import SourceSpec
from clew.indexer.sources.lines import records_path
from clew.indexer.sources.read import read
from clew.indexer.sources.record import Fault, Record


def test_objects_with_their_lines(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"id": "1"}\r\n\n{"id": "2", "n": {"a": [1]}}')
    assert list(read(SourceSpec(str(path)), "jsonl")) == [
        Record({"id": "1"}, f"{path}:1"),
        Record({"id": "2", "n": {"a": [1]}}, f"{path}:3"),
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"id": ', "invalid JSON: Expecting value at column 7"),
        (b'{"id": "\xe4"}', "not UTF-8 text"),
        (b"17", "the line is 17, not an object"),
        (b"[" * 100_000, "invalid JSON"),
    ],
)
def test_a_broken_line_is_a_fault_and_the_next_is_read(tmp_path, line, reason):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"id": "1"}\n' + line + b'\n{"id": "3"}\n')
    first, fault, last = read(SourceSpec(str(path)), "jsonl")
    assert isinstance(fault, Fault)
    assert fault.origin == f"{path}:2"
    assert reason in fault.reason
    assert (first.values["id"], last.values["id"]) == ("1", "3")


def test_beir_metadata_are_fields(tmp_path):
    documents = [{"_id": "1", "title": "a", "text": "b", "metadata": {"brand": "c", "text": "not this"}}, {"_id": "2"}]
    with gzip.open(tmp_path / "corpus.jsonl.gz", "wt") as file:
        file.writelines(json.dumps(document) + "\n" for document in documents)
    first, second = read(SourceSpec(str(tmp_path)), "beir")
    assert (first.values["brand"], first.values["text"], second.values["_id"]) == ("c", "b", "2")
    assert first.origin == f"{tmp_path}/corpus.jsonl.gz:1"


def test_documents_of_elasticsearch_have_the_fields_of_their_source(tmp_path):
    path = tmp_path / "dump.json"
    path.write_text('{"_index": "p", "_id": "7", "_source": {"title": "Lamp", "_id": "x"}}\n' * 2)
    first, _ = read(SourceSpec(str(path)), "json")
    assert (first.values["_id"], first.values["title"]) == ("7", "Lamp")
    path.write_text(json.dumps({"took": 3, "hits": {"hits": [{"_id": "7", "_source": {"title": "Lamp"}}]}}))
    (only,) = read(SourceSpec(str(path)), "json")
    assert (only.values["_id"], only.values["title"]) == ("7", "Lamp")


def test_a_bulk_file_gives_documents_the_ids_of_their_actions(tmp_path):
    path = tmp_path / "bulk.ndjson"
    lines = ['{"index": {"_index": "p", "_id": "7"}}', '{"title": "Lamp"}', '{"create": {}}', '{"index": {"_id": "8"}}']
    path.write_text("\n".join([*lines, '{"index": {"a": 1}}']) + "\n")
    assert [(found.values, found.origin) for found in read(SourceSpec(str(path)), "jsonl")] == [
        ({"_id": "7", "title": "Lamp"}, f"{path}:2"),
        ({"index": {"_id": "8"}}, f"{path}:4"),
        ({"index": {"a": 1}}, f"{path}:5"),
    ]


def test_a_damaged_line_of_a_bulk_file_costs_its_own_record_only(tmp_path):
    path = tmp_path / "bulk.ndjson"
    path.write_text('{"index": {"_id": "1"}}\n{"title": \n{"index": {"_id": "2"}}\n{"title": "two"}\n')
    _, second = read(SourceSpec(str(path), on_error="skip-value"), "jsonl")
    assert second.values == {"_id": "2", "title": "two"}


def test_a_file_cut_short_stops_with_its_name(tmp_path):
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"id": "1"}\n' * 1000)[:-8])
    with pytest.raises(DataError, match=r"a\.jsonl\.gz cannot be decompressed"):
        list(read(SourceSpec(str(path)), "jsonl"))


def test_any_fsspec_url(tmp_path):
    import fsspec

    with fsspec.open("memory://shop/a.jsonl", "wb") as file:
        file.write(b'{"id": "1"}\n')
    assert [record.values for record in read(SourceSpec("memory://shop/*.jsonl"), "jsonl")] == [{"id": "1"}]


def found(path, text, form="json", written="utf-8", **options):
    path.write_bytes(text.encode(written))
    return [(row.values, int(row.origin.rsplit(":", 1)[1])) for row in read(SourceSpec(str(path), **options), form)]


ONE, TWO = {"id": "1", "title": "a"}, {"id": "2", "n": {"x": [{"y": 1}]}}
LINES = f"{json.dumps(ONE)}\n{json.dumps(TWO)}\n"


@pytest.mark.parametrize("form", ["json", "jsonl"])
@pytest.mark.parametrize(
    "text",
    [
        LINES,
        LINES.replace("\n", "\r\n\n"),
        json.dumps([ONE, TWO]),
        json.dumps([ONE, TWO], indent=2),
        f"[\n{json.dumps(ONE)},\n{json.dumps(TWO)}\n]\n",
        f"{json.dumps(ONE, indent=1)}\n{json.dumps(TWO, indent=1)}",
        json.dumps({"total": 2, "products": [ONE, TWO], "facets": [{"a": 1}]}),
        json.dumps({"whatever": [ONE, TWO], "next": None, "tags": ["a"], "warnings": []}, indent=1),
        json.dumps({"took": 3, "hits": {"total": {"value": 2}, "hits": [ONE, TWO]}}),
        json.dumps({"data": {"products": {"nodes": [ONE, TWO]}}}),
    ],
)
def test_every_way_to_write_objects_is_read(tmp_path, text, form):
    assert [values for values, _ in found(tmp_path / "a.json", text, form)] == [ONE, TWO]


def test_the_line_of_each_object_in_an_array(tmp_path):
    text = '{\n"a": [1,\n2],\n"items": [\n{"id":\n"1"},\n\n{"id": "2"}]}'
    assert [line for _, line in found(tmp_path / "a.json", text)] == [5, 8]


@pytest.mark.parametrize("written", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("text", ['[{"id": "灯"}]', '{"id": "灯"}\n{"id": "2"}\n'])
def test_the_encoding_of_json_is_detected(tmp_path, written, text):
    assert found(tmp_path / "a.json", text, "json", written)[0][0] == {"id": "灯"}


def test_another_encoding_is_declared(tmp_path):
    for text in ('[{"id": "é"}]', '{"id": "é"}\n{"id": "2"}\n'):
        assert found(tmp_path / "a.json", text, "json", "cp1252", encoding="cp1252")[0][0] == {"id": "é"}


def test_an_object_with_an_id_is_a_record(tmp_path):
    record = {"id": "1", "variants": [{"sku": "a"}, {"sku": "b"}], "items": [{"sku": "c"}]}
    assert found(tmp_path / "a.json", json.dumps(record, indent=1)) == [(record, 1)]
    feed = {"id": "feed", "products": [ONE, TWO]}
    assert [values for values, _ in found(tmp_path / "b.json", json.dumps(feed))] == [ONE, TWO]


def test_the_path_of_the_array_of_records(tmp_path):
    (tmp_path / "a.json").write_text('{"total": 1, "results": [{"id": 1}]}')
    (tmp_path / "b.json").write_text('[{"id": 1}]')
    (tmp_path / "c.json").write_text('{"id": 1}\n{"id": 2}\n')
    assert [records_path(SourceSpec(str(tmp_path / name))) for name in ("a.json", "b.json", "c.json", "*.json")] == [
        "results", "", "", "",
    ]  # fmt: skip


def test_which_array_is_asked_for_where_it_is_unclear(tmp_path):
    text = json.dumps({"shoes": [ONE], "hats": [TWO]})
    with pytest.raises(DataError, match=r"a\.json has several arrays of objects: shoes, hats") as error:
        found(tmp_path / "a.json", text)
    assert 'records = "shoes"' in error.value.hint
    assert found(tmp_path / "a.json", text, records="hats") == [(TWO, 1)]
    with pytest.raises(DataError, match="no records in an array at 'ties'"):
        found(tmp_path / "a.json", text, records="ties")


@pytest.mark.parametrize("text", ['[{"id": "1"},', '[{"id": "1"', '[{"id": "1"} {"id": "2"}]'])
def test_a_damaged_json_file_is_named_with_its_line(tmp_path, text):
    (tmp_path / "a.json").write_text("\n" + text)
    with pytest.raises(DataError, match=r"a\.json:2: invalid JSON"):
        list(read(SourceSpec(str(tmp_path / "a.json")), "json"))


def test_elements_that_are_no_objects_are_faults(tmp_path):
    (tmp_path / "a.json").write_text('[{"id": "1"}, 17, null, {"id": "2"}]')
    first, number, null, last = read(SourceSpec(str(tmp_path / "a.json")), "json")
    assert (number.reason, null.reason) == ("the value is 17, not an object", "the value is None, not an object")
    assert (first.values["id"], last.values["id"]) == ("1", "2")


def test_an_array_is_not_in_memory_as_a_whole(tmp_path):
    import tracemalloc

    with gzip.open(tmp_path / "a.json.gz", "wt", compresslevel=1) as file:
        file.write('{"other": [' + ",".join(['{"a": "' + "x" * 100_000 + '"}'] * 500))
        file.write('], "products": [' + ",".join(['{"id": "' + "x" * 100_000 + '"}'] * 500) + "]}")
    tracemalloc.start()
    count = sum(1 for _ in read(SourceSpec(str(tmp_path / "a.json.gz")), "json"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (count, peak < 30_000_000) == (500, True)


_ODD = st.text(alphabet=st.sampled_from('[]{}",:1.-eE\n aé\\u\ufeff'), max_size=40)


@given(
    st.one_of(
        st.binary(max_size=60), _ODD.map(lambda text: text.encode()), _ODD.map(lambda text: text.encode("utf-16"))
    )
)
def test_any_bytes_give_rows_or_a_data_error(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("json") / "a.json"
    path.write_bytes(data)
    for form in ("json", "jsonl"):
        with suppress(DataError):
            assert all(isinstance(row, Record | Fault) for row in read(SourceSpec(str(path)), form))
