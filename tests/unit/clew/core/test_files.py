"""Sources behind fsspec, atomic writes, and a full disk told from other errors."""

import errno
import gzip
import sqlite3
import tracemalloc

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from safetensors import SafetensorError

from clew.core import files
from clew.core.errors import DataError, NotFoundError, StoreError
from clew.core.files import (
    disk_errors,
    expand,
    files_under,
    open_source,
    reading,
    sha256_file,
    shown_url,
    write_atomic,
)


def read_all(path):
    with reading(str(path)), open_source(str(path)) as file:
        return file.read()


def test_sha256_is_of_the_bytes(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256_file(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_write_atomic_replaces_and_leaves_nothing_else(tmp_path):
    target = tmp_path / "folder" / "file"
    write_atomic(target, b"old")
    write_atomic(target, b"new")
    assert target.read_bytes() == b"new"
    assert [path.name for path in target.parent.iterdir()] == ["file"]


def test_a_failed_write_keeps_the_old_bytes(tmp_path):
    target = tmp_path / "file"
    write_atomic(target, b"old")
    with pytest.raises(TypeError):
        write_atomic(target, "no bytes")
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("ending", ["", ".gz", ".zst"])
def test_compression_is_read_by_the_ending(tmp_path, ending):
    data = b"line\n" * 100_000
    packed = {"": bytes, ".gz": gzip.compress, ".zst": zstandard.compress}[ending](data)
    path = tmp_path / f"data.jsonl{ending}"
    path.write_bytes(packed)
    assert read_all(path) == data
    with open_source(path.as_uri()) as file:
        assert file.readline() == b"line\n"


@given(st.lists(st.binary(max_size=300), max_size=5))
def test_zstd_frames_in_a_row_are_one_stream(tmp_path_factory, frames):
    path = tmp_path_factory.mktemp("zstd") / "data.zst"
    path.write_bytes(b"".join(map(zstandard.compress, frames)))
    assert read_all(path) == b"".join(frames)


@pytest.mark.parametrize(("ending", "pack"), [(".gz", gzip.compress), (".zst", zstandard.compress)])
def test_a_file_cut_short_is_named(tmp_path, ending, pack):
    path = tmp_path / f"data.jsonl{ending}"
    path.write_bytes(pack(bytes(range(256)) * 5000)[:-9])
    with pytest.raises(DataError, match=r"data\.jsonl.* cannot be decompressed"):
        read_all(path)


def test_a_file_that_is_not_gzip_is_named(tmp_path):
    path = tmp_path / "data.gz"
    path.write_bytes(b"plain text")
    with pytest.raises(DataError, match=r"data\.gz cannot be decompressed: Not a gzipped file"):
        read_all(path)


def test_expand_sorts_globs_and_names_what_is_missing(tmp_path):
    for name in ("b.jsonl", "a.jsonl", "c.csv"):
        (tmp_path / name).touch()
    assert expand(f"{tmp_path}/*.jsonl") == [f"{tmp_path}/a.jsonl", f"{tmp_path}/b.jsonl"]
    assert expand(str(tmp_path)) == [str(tmp_path)]
    for missing in ("none.jsonl", "*.parquet"):
        with pytest.raises(NotFoundError, match=missing.replace("*", r"\*")):
            expand(f"{tmp_path}/{missing}")


def test_files_under_leaves_hidden_ones_out(tmp_path):
    for name in ("b/two.md", "one.md", ".git/three.md", "b/.four.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [name for name, _ in files_under(str(tmp_path))] == ["b/two.md", "one.md"]


def test_credentials_are_not_shown():
    assert shown_url("s3://key:secret@bucket/a.jsonl") == "s3://bucket/a.jsonl"
    assert shown_url("data/a@b.jsonl") == "data/a@b.jsonl"
    with pytest.raises((NotFoundError, DataError)) as error:
        expand("nosuchprotocol://key:secret@place/a.jsonl")
    assert "secret" not in error.value.message


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        OSError("4096 requested and 12 written"),
        sqlite3.OperationalError("database or disk is full"),
        RuntimeError("write error in ann.faiss: 1 != 2 (No space left on device)"),
        RuntimeError("[enforce fail at inline_container.cc:671] . unexpected pos 576 vs 534"),
        SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
    ],
)
def test_a_full_disk_names_the_path_and_the_mend(tmp_path, error):
    with pytest.raises(StoreError, match="no space left") as raised, disk_errors(tmp_path):
        raise error
    assert str(tmp_path) in raised.value.message
    assert "free some space" in raised.value.hint


@pytest.mark.parametrize(
    "error",
    [OSError(errno.EACCES, "no"), RuntimeError("bug"), sqlite3.OperationalError("locked"), SafetensorError("cut")],
)
def test_other_errors_pass(tmp_path, error):
    with pytest.raises(type(error)) as raised, disk_errors(tmp_path):
        raise error
    assert raised.value is error


def test_a_small_file_is_replaced_on_a_full_disk_with_the_space_of_its_spare(tmp_path, monkeypatch):
    target = tmp_path / "CURRENT"
    files.write_atomic_spare(target, b"r1\n")

    def full(path, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files, "write_atomic", full)
    files.write_atomic_spare(target, b"r2\n")
    assert target.read_bytes() == b"r2\n"
    with pytest.raises(OSError, match="No space"):  # the spare is used up
        files.write_atomic_spare(target, b"r3\n")
    assert target.read_bytes() == b"r2\n"


def test_zstd_is_decompressed_in_small_parts(tmp_path):
    path = tmp_path / "a.zst"
    path.write_bytes(zstandard.ZstdCompressor(level=19).compress(bytes(1 << 28)))
    tracemalloc.start()
    try:
        with files.open_source(str(path)) as file:
            assert len(file.read(10)) == 10
        assert tracemalloc.get_traced_memory()[1] < 200 << 20
    finally:
        tracemalloc.stop()
