"""Parquet files."""

import datetime
import decimal

import pyarrow as pa
import pytest
from pyarrow import parquet

from clew.core.errors import DataError
from clew.indexer.sources.forms import SourceSpec
from clew.indexer.sources.read import read
from clew.indexer.sources.record import Fault, Record


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
