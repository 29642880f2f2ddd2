"""Parquet files."""

import datetime
import decimal
import gzip
import random
from contextlib import suppress

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


def rows(path, table, **options):
    parquet.write_table(table, path, **options)
    return [row.values for row in read(SourceSpec(str(path)), "parquet")]


def test_values_of_every_type_are_plain(tmp_path):
    table = pa.table(
        {
            "nan": pa.array([float("nan"), 1.5]),
            "half": pa.array([1.5, None], pa.float16()),
            "large": pa.array(["灯", None], pa.large_string()),
            "kind": pa.array(["a", "b"]).dictionary_encode(),
            "map": pa.array([[("a", 1)], None], pa.map_(pa.string(), pa.int64())),
            "nested": pa.array([{"x": [{"at": 1_700_000_000_123_456_789}]}, None],
                               pa.struct([("x", pa.list_(pa.struct([("at", pa.timestamp("ns"))])))])),
            "time": pa.array([1_000_000_001, None], pa.time64("ns")),
            "span": pa.array([1_500_000_001, None], pa.duration("ns")),
            "text": pa.array(["灯".encode(), b"\xff"]),
        }
    )  # fmt: skip
    first, second = rows(tmp_path / "a.parquet", table)
    assert first == {
        "nan": None, "half": 1.5, "large": "灯", "kind": "a", "map": {"a": 1},
        "nested": {"x": [{"at": "2023-11-14T22:13:20.123456"}]}, "time": "00:00:01", "span": 1.5, "text": "灯",
    }  # fmt: skip
    assert (second["nan"], second["text"], second["nested"]) == (1.5, b"\xff", None)


def test_int96_times_in_far_years(tmp_path):
    moments = pa.array([datetime.datetime(1500, 1, 2), datetime.datetime(2900, 1, 2)], pa.timestamp("us"))
    found = rows(tmp_path / "a.parquet", pa.table({"at": moments}), use_deprecated_int96_timestamps=True)
    assert [row["at"] for row in found] == ["1500-01-02T00:00:00", "2900-01-02T00:00:00"]


def test_a_parquet_file_that_is_compressed_as_a_whole(tmp_path):
    parquet.write_table(pa.table({"id": ["1"]}), tmp_path / "a.parquet")
    (tmp_path / "b.parquet.gz").write_bytes(gzip.compress((tmp_path / "a.parquet").read_bytes()))
    assert [row.values for row in read(SourceSpec(str(tmp_path / "b.parquet.gz")), "parquet")] == [{"id": "1"}]


def test_damaged_parquet_files_give_rows_or_a_data_error(tmp_path):
    parquet.write_table(pa.table({"id": [str(at) for at in range(100)], "n": [1.5] * 100}), tmp_path / "a.parquet")
    whole, chance = (tmp_path / "a.parquet").read_bytes(), random.Random(0)
    for _ in range(100):
        data = bytearray(whole)
        for _ in range(chance.randrange(1, 10)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        (tmp_path / "b.parquet").write_bytes(data)
        with suppress(DataError):
            list(read(SourceSpec(str(tmp_path / "b.parquet")), "parquet"))
