"""JSON lines and BEIR corpora."""

import gzip
import json

import pytest

from clew.core.errors import DataError
from clew.indexer.sources.forms import SourceSpec
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
        (b'{"id": Infinity}', "Infinity is not a JSON number"),
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
