"""CSV and Parquet."""

import datetime
import decimal

import pyarrow as pa
import pytest
from pyarrow import parquet

from clew.core.errors import DataError
from clew.indexer.sources.forms import SourceSpec
from clew.indexer.sources.read import read
from clew.indexer.sources.record import Fault, Record


def rows(path, **options):
    return list(read(SourceSpec(str(path), **options), "csv"))


def test_csv_rows_with_their_lines(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes('\ufeffid,title,price\r\n1,"a, ""b""\nc",\r\n\r\n2,灯,3.5\r\n'.encode())
    assert rows(path) == [
        Record({"id": "1", "title": 'a, "b"\nc'}, f"{path}:3"),
        Record({"id": "2", "title": "灯", "price": "3.5"}, f"{path}:5"),
    ]


def test_tabs_and_other_delimiters(tmp_path):
    (tmp_path / "a.tsv").write_text("id\ttitle\n1\ta,b\n")
    (tmp_path / "a.csv").write_text("id;title\n1;a,b\n")
    assert rows(tmp_path / "a.tsv")[0].values == {"id": "1", "title": "a,b"}
    assert rows(tmp_path / "a.csv", delimiter=";")[0].values == {"id": "1", "title": "a,b"}


def test_a_row_of_another_width_is_a_fault(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("id,title\n1,a,b\n2\n3,c\n")
    wide, narrow, good = rows(path)
    assert isinstance(wide, Fault)
    assert (wide.origin, wide.reason) == (f"{path}:2", "3 columns, but the header has 2")
    assert narrow.reason == "1 columns, but the header has 2"
    assert good.values["id"] == "3"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'id,title\n1,"a\n', r"a\.csv:\d: invalid CSV"),
        (b"id,t\xff\n1,a\n", r"a\.csv:1: not UTF-8"),
        (b"id,id\n1,2\n", r"a\.csv:1: column 'id' occurs twice"),
    ],
)
def test_a_broken_file_is_named(tmp_path, data, message):
    (tmp_path / "a.csv").write_bytes(data)
    with pytest.raises(DataError, match=message):
        rows(tmp_path / "a.csv")


def test_a_row_that_is_not_utf8_is_a_fault_with_its_own_line(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("id,title\n1,灯\n2,".encode() + b"caf\xe9\n3,c\n")
    first, bad, last = rows(path)
    assert (bad.origin, bad.reason) == (f"{path}:3", "not UTF-8 text")
    assert (first.values["title"], last.values["title"]) == ("灯", "c")


def test_blank_lines_before_the_header_are_passed_over(tmp_path):
    (tmp_path / "a.csv").write_text("\n\nid,title\n1,a\n")
    assert rows(tmp_path / "a.csv") == [Record({"id": "1", "title": "a"}, f"{tmp_path}/a.csv:4")]


def test_a_cell_may_be_long(tmp_path):
    (tmp_path / "a.csv").write_text("id,text\n1," + "word " * 100_000)
    assert len(rows(tmp_path / "a.csv")[0].values["text"]) == 500_000


def test_an_empty_csv_has_no_rows(tmp_path):
    (tmp_path / "a.csv").touch()
    assert rows(tmp_path / "a.csv") == []


def test_parquet_rows_as_plain_values(tmp_path):
    table = pa.table(
        {
            "id": ["1", "2"],
            "price": [decimal.Decimal("19.90"), None],
            "released": [datetime.date(2024, 5, 1), None],
            "tags": [["a", "b"], []],
            "size": [{"cm": 3}, None],
        }
    )
    parquet.write_table(table, tmp_path / "a.parquet")
    first, second = read(SourceSpec(str(tmp_path / "a.parquet")), "parquet")
    assert first == Record(
        {"id": "1", "price": 19.9, "released": "2024-05-01", "tags": ["a", "b"], "size": {"cm": 3}},
        f"{tmp_path}/a.parquet:1",
    )
    assert second.values["price"] is None
    assert second.origin.endswith(":2")


def test_a_broken_parquet_file_is_named(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(DataError, match=r"a\.parquet is damaged"):
        list(read(SourceSpec(str(tmp_path / "a.parquet")), "parquet"))


def test_moments_of_nanoseconds_are_cut_to_microseconds(tmp_path):
    moments = pa.array([1_700_000_000_123_456_789], pa.timestamp("ns", "UTC"))
    parquet.write_table(pa.table({"id": ["1"], "seen": moments}), tmp_path / "a.parquet")
    (row,) = read(SourceSpec(str(tmp_path / "a.parquet")), "parquet")
    assert row.values["seen"] == "2023-11-14T22:13:20.123456+00:00"


def test_a_parquet_value_that_python_cannot_hold_is_a_fault_of_its_row(tmp_path):
    days = pa.array([1, 2**30, 2], pa.date32())
    parquet.write_table(pa.table({"id": ["1", "2", "3"], "day": days}), tmp_path / "a.parquet")
    first, bad, last = read(SourceSpec(str(tmp_path / "a.parquet")), "parquet")
    assert isinstance(bad, Fault)
    assert (bad.origin, bad.reason[:21]) == (f"{tmp_path}/a.parquet:2", "a value cannot be rea")
    assert (first.values["day"], last.values["day"]) == ("1970-01-02", "1970-01-03")
