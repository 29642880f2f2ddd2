"""Compressed files as streams."""

import bz2
import gzip
import io
import lzma
import zipfile

import pytest
import zstandard

from clew.core.errors import DataError
from clew.core.files import open_source, reading

DATA = bytes(range(256)) * 5000


def zipped(*names, data=DATA):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, b"" if name.endswith("/") else data)
    return out.getvalue()


def long_window(data):
    parameters = zstandard.ZstdCompressionParameters(window_log=31, enable_ldm=True)
    frame = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    return frame.compress(data) + frame.flush()


PACKED = {
    "a.CSV.GZ": gzip.compress(DATA),
    "a.Zst": long_window(DATA),
    "a.bz2": bz2.compress(DATA),
    "a.xz": lzma.compress(DATA),
    "a.ZIP": zipped("data/", "data/a.csv", "__MACOSX/a.csv", "data/.DS_Store"),
}


def read_all(path):
    with reading(str(path)), open_source(str(path)) as file:
        return file.read()


@pytest.mark.parametrize("name", PACKED)
def test_every_form_is_read_whatever_the_case_of_its_extension(tmp_path, name):
    (tmp_path / name).write_bytes(PACKED[name])
    assert read_all(tmp_path / name) == DATA


@pytest.mark.parametrize("name", PACKED)
@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-20],
        lambda data: data[:5],
        lambda data: b"plain text",
        lambda data: bytes(200) + data[200:],
    ],
)
def test_a_damaged_file_is_named(tmp_path, name, damage):
    (tmp_path / name).write_bytes(damage(PACKED[name]))
    with pytest.raises(DataError, match=name):
        read_all(tmp_path / name)


def test_several_streams_in_a_row_are_one(tmp_path):
    (tmp_path / "a.bz2").write_bytes(bz2.compress(b"a") + bz2.compress(b"b"))
    (tmp_path / "a.xz").write_bytes(lzma.compress(b"a") + b"\0" * 8 + lzma.compress(b"b") + b"\0" * 4)
    assert read_all(tmp_path / "a.bz2") == read_all(tmp_path / "a.xz") == b"ab"


@pytest.mark.parametrize("names", [(), ("a.csv", "b.csv")])
def test_an_archive_of_no_or_several_files_is_refused(tmp_path, names):
    (tmp_path / "a.zip").write_bytes(zipped(*names))
    with pytest.raises(DataError, match=rf"a\.zip contains {len(names)} files"):
        read_all(tmp_path / "a.zip")
