import gzip
import re

import pytest

from clew.core.errors import DataError, NotFoundError
from clew.search.commands.query_file import read_queries


def texts(path):
    return {name: text for name, (text, _) in read_queries(str(path)).items()}


def test_beir_lines_are_read_in_order_with_their_places(tmp_path):
    path = tmp_path / "queries.jsonl"
    path.write_text('{"_id": "q2", "text": "zwei"}\n\n{"id": 1, "query": "eins"}\n', encoding="utf-8")
    found = read_queries(str(path))
    assert list(found) == ["q2", "1"]
    assert found["1"] == ("eins", f"{path}:3")


def test_tab_separated_and_compressed_lines(tmp_path):
    path = tmp_path / "queries.tsv.gz"
    path.write_bytes(gzip.compress("1\tla première\n2\ttext\twith a tab\r\n".encode()))
    assert texts(path) == {"1": "la première", "2": "text\twith a tab"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"_id": "q"', ":2: invalid JSON"),
        ('{"_id": ' + "[" * 100_000, ":2: invalid JSON"),
        ('{"_id": "q"}', ':2: "text" is missing, empty or not a string'),
        ('{"text": "x"}', ':2: "_id" is missing, empty, or not a string or an integer'),
        ('{"_id": true, "text": "x"}', ':2: "_id" is missing, empty, or not a string or an integer'),
        ("only words", ":2: line is neither JSON nor id, tab, text"),
        ("q\t ", ":2: line is neither JSON nor id, tab, text"),
        ("first\tagain", ":2: duplicate query id 'first'"),
    ],
)
def test_a_bad_line_is_named_with_file_and_line(tmp_path, line, message):
    path = tmp_path / "queries.tsv"
    path.write_text(f"first\tfine\n{line}\n")
    with pytest.raises(DataError, match=re.escape(f"{path}{message}")) as caught:
        read_queries(str(path))
    assert caught.value.hint


def test_files_without_queries_of_another_encoding_or_not_there(tmp_path):
    empty, latin = tmp_path / "empty.tsv", tmp_path / "latin.tsv"
    empty.write_text("\n")
    latin.write_bytes("1\tcafé\n".encode("latin-1"))
    with pytest.raises(DataError, match="contains no queries"):
        read_queries(str(empty))
    with pytest.raises(DataError, match="not UTF-8"):
        read_queries(str(latin))
    with pytest.raises(NotFoundError, match=re.escape("nothing.tsv")):
        read_queries(str(tmp_path / "nothing.tsv"))


def test_a_folder_is_no_file_of_queries(tmp_path):
    with pytest.raises(DataError, match="is a folder, expected a file"):
        read_queries(str(tmp_path))
