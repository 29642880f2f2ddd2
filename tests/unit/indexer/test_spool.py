"""The spool of typed documents: what is written comes back, and a range is read without what stands before it."""

import pytest

from clew.core.types import Document
from clew.indexer.spool import DOCUMENTS, SpoolWriter, read_documents, read_ids
from clew.search.fields import FieldSpec

FIELDS = {"title": FieldSpec("text"), "place": FieldSpec("geo")}
WRITTEN = [
    Document("1", {"title": "a\nb", "place": (1.0, 2.0)}, "shop.jsonl:1"),
    Document("two\nlines", {"title": "\u2028灯"}, "shop.jsonl:2"),
    Document("3", {}, "shop.jsonl:3"),
]


@pytest.fixture
def folder(tmp_path):
    with SpoolWriter(tmp_path) as spool:
        for document in WRITTEN:
            spool.write(document)
    return tmp_path


@pytest.mark.parametrize(("first", "last"), [(0, 3), (0, 1), (1, 3), (2, 3), (3, 3), (1, 9)])
def test_any_range_comes_back(folder, first, last):
    assert list(read_documents(folder, first, last, FIELDS)) == WRITTEN[first:last]


def test_ids_come_back_in_order(folder):
    assert read_ids(folder) == ["1", "two\nlines", "3"]


def test_an_empty_spool_has_no_documents(tmp_path):
    with SpoolWriter(tmp_path):
        pass
    assert read_ids(tmp_path) == []
    assert list(read_documents(tmp_path, 0, 0, FIELDS)) == []


def test_a_range_is_read_without_the_documents_before_it(folder):
    path = folder / DOCUMENTS
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"\n" * len(lines[0]) + b"".join(lines[1:]))
    assert list(read_documents(folder, 1, 3, FIELDS)) == WRITTEN[1:]


def test_half_of_a_surrogate_pair_is_refused_and_leaves_nothing(tmp_path):
    with SpoolWriter(tmp_path) as spool:
        with pytest.raises(UnicodeEncodeError):
            spool.write(Document("1", {"title": "\ud800"}))
        spool.write(WRITTEN[1])
    assert list(read_documents(tmp_path, 0, 1, FIELDS)) == WRITTEN[1:2]
    assert read_ids(tmp_path) == ["two\nlines"]
