"""JSON with a format number: every damage names the file and what to do about it."""

import json
from dataclasses import dataclass

import pytest

from clew.core.errors import CorruptError, FormatError, NotFoundError
from clew.core.tables import REBUILD, read_table, record_of


@dataclass
class Record:
    name: str
    format: int


@pytest.fixture
def path(tmp_path):
    found = tmp_path / "table.json"
    found.write_text(json.dumps({"format": 3, "name": "brand"}))
    return found


def test_a_table_of_the_known_format_is_read(path):
    table = read_table(path, 3)
    assert record_of(Record, table, path) == Record("brand", 3)


def test_another_format_names_file_both_versions_and_what_to_do(path):
    with pytest.raises(
        FormatError, match=r"table\.json has format 3, but this version of Clew reads format 4"
    ) as error:
        read_table(path, 4)
    assert "clew build" in error.value.hint == REBUILD


@pytest.mark.parametrize("content", [b"{", b"[]", b"7", b"\xff\xfe", b"", b"[" * 100_000])
def test_a_damaged_table_is_named(path, content):
    path.write_bytes(content)
    with pytest.raises(CorruptError, match=r"table\.json is not valid JSON") as error:
        read_table(path, 1, "load it again")
    assert error.value.hint == "load it again"


@pytest.mark.parametrize(("missing", "hint"), [("", "load it again"), ("list what is there", "list what is there")])
def test_a_missing_table_is_named(path, missing, hint):
    with pytest.raises(NotFoundError, match=r"other\.json is missing") as error:
        read_table(path.parent / "other.json", 1, "load it again", missing=missing)
    assert error.value.hint == hint


def test_a_table_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(CorruptError, match="cannot be read"):
        read_table(tmp_path, 1)


@pytest.mark.parametrize("change", [{"colour": "red"}, {"name": None}])
def test_a_key_that_is_missing_or_unknown_is_named(path, change):
    table = {key: value for key, value in (read_table(path, 3) | change).items() if value}
    with pytest.raises(CorruptError, match=f"table.json has a missing or unknown key: .*{next(iter(change))}"):
        record_of(Record, table, path)
