"""Stored files are checked whole: ranges, order, tries, Arrow tables, JSON."""

import marisa_trie
import numpy as np
import pyarrow as pa
import pytest

from clew.core.check import (
    check_ids,
    check_json,
    check_no_nulls,
    check_offsets,
    check_ordinals,
    check_range,
    check_rising,
    int_of,
    read_arrow,
    read_json,
    read_trie,
)
from clew.core.errors import CorruptError

SCHEMA = pa.schema([("id", pa.string()), ("n", pa.int32())])


@pytest.mark.parametrize("values", [np.array([0, -1]), np.array([3]), np.array([[1, 2**31 - 1]])])
def test_an_ordinal_beyond_the_count_is_named(tmp_path, values):
    with pytest.raises(CorruptError, match=r"a\.npy: value \d is -?\d+, expected 0 to 2"):
        check_ordinals(values, 3, tmp_path / "a.npy")
    check_ordinals(np.array([0, 2, 1]), 3, tmp_path / "a.npy")


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.1, 1.1])
def test_a_number_out_of_range_is_named(tmp_path, value):
    with pytest.raises(CorruptError, match="value 1 is"):
        check_range(np.array([0.5, value], np.float32), 0, 1, tmp_path / "a.npy")


@pytest.mark.parametrize("offsets", [[], [1, 4], [0, 3, 2, 4], [0, 3], [0, 5], [0, -1, 4]])
def test_offsets_begin_at_0_never_fall_and_end_at_the_total(tmp_path, offsets):
    with pytest.raises(CorruptError, match="offset"):
        check_offsets(np.array(offsets, np.int64), 4, tmp_path / "a.npy")
    check_offsets(np.array([0, 0, 3, 4, 4]), 4, tmp_path / "a.npy")


def test_numbers_rise_within_each_list(tmp_path):
    check_rising(np.array([3, 5, 1, 2, 0]), tmp_path / "a.npy", np.array([0, 2, 2, 4, 5]))
    for values in ([3, 3, 1, 2, 0], [5, 3, 1, 2, 0], [3, 5, 2, 1, 0]):
        with pytest.raises(CorruptError, match="not in ascending order"):
            check_rising(np.array(values), tmp_path / "a.npy", np.array([0, 2, 2, 4, 5]))


def test_a_trie_is_the_one_of_its_keys(tmp_path):
    words = sorted(f"word {n}" for n in range(200))
    path = tmp_path / "a.marisa"
    path.write_bytes(marisa_trie.Trie(words).tobytes())
    assert read_trie(path, 200) == words
    with pytest.raises(CorruptError, match="has 200 keys, expected 199"):
        read_trie(path, 199)
    # The bytes of a tail that is never read with these keys still differ.
    data = path.read_bytes()
    path.write_bytes(data + b"\0")
    with pytest.raises(CorruptError, match="not the term list that belongs to its keys"):
        read_trie(path, 200)


def write_arrow(path, table, **options):
    with (
        pa.OSFile(str(path), "wb") as sink,
        pa.ipc.new_file(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer,
    ):
        writer.write_table(table)


def test_an_arrow_file_has_the_columns_is_sound_and_uncompressed(tmp_path):
    path = tmp_path / "a.arrow"
    table = pa.table({"id": ["a" * 1000] * 100, "n": pa.array(range(100), pa.int32())}, SCHEMA)
    write_arrow(path, table)
    assert read_arrow(path, SCHEMA).equals(table)
    with pytest.raises(CorruptError, match=r"its columns are id \(string\), n \(int32\)"):
        read_arrow(path, pa.schema([("id", pa.string())]))
    write_arrow(path, table, compression="zstd")
    with pytest.raises(CorruptError, match="unpacks to more"):
        read_arrow(path, SCHEMA)


def test_text_that_is_not_utf8_is_found(tmp_path):
    path = tmp_path / "a.arrow"
    bad = pa.array([b"\xff\xfe"]).view(pa.string())
    write_arrow(path, pa.table([bad, pa.array([1], pa.int32())], SCHEMA))
    with pytest.raises(CorruptError, match=r"a\.arrow: it cannot be read"):
        read_arrow(path, SCHEMA)


def test_nulls_and_ids(tmp_path):
    with pytest.raises(CorruptError, match="column 'id' has rows without a value"):
        check_no_nulls(pa.array(["a", None]), tmp_path, "id")
    for ids in (["a", ""], ["a\0b"], ["a", "a"]):
        with pytest.raises(CorruptError, match="id"):
            check_ids(ids, tmp_path)
    with pytest.raises(CorruptError, match="not sorted"):
        check_ids(["b", "a"], tmp_path, ascending=True)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "not valid JSON"),
        ("[" * 5000 + "]" * 5000, "JSON|nested"),
        ("[" * 65 + "]" * 65, "nested more than 64 deep"),
        ('{"a": [NaN]}', "not finite"),
        ('{"a": {"b": 1e999}}', "not finite"),
    ],
)
def test_json_is_bounded(tmp_path, text, says):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(CorruptError, match=says):
        read_json(path)
    check_json({"a": [1, {"b": None}]}, path)


@pytest.mark.parametrize("value", [-1, 11, True, "3", 3.0, None, [1]])
def test_an_integer_of_a_table_has_type_and_range(tmp_path, value):
    with pytest.raises(CorruptError, match=r"n is .*, expected an integer from 0 to 10"):
        int_of({"n": value}, "n", 0, 10, tmp_path)
    assert int_of({"n": 10}, "n", 0, 10, tmp_path) == 10
