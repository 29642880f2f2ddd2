"""FAISS files are read field by field, and those that would be searched out of bounds are refused."""

import struct

import numpy as np
import pytest

from clew.core.errors import CorruptError
from clew.search.candidates.dense.ann import ANN_KINDS, AnnIndex
from clew.search.candidates.dense.int16 import to_int16
from clew.search.checks.faiss_file import check_hnsw, check_ivf

COUNT, DIM = 600, 16
CHECKS = {"hnsw": check_hnsw, "ivf": check_ivf}


def write(kind, folder):
    vectors = np.random.default_rng(0).normal(size=(COUNT, DIM)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    AnnIndex.make(ANN_KINDS[kind], to_int16(vectors), 0).write(folder)
    return folder / "ann.faiss"


@pytest.fixture(scope="module", params=sorted(CHECKS))
def written(request, tmp_path_factory):
    """(check, path) of a file of each kind."""
    return CHECKS[request.param], write(request.param, tmp_path_factory.mktemp(request.param))


def test_a_file_that_clew_wrote_is_sound(written):
    check, path = written
    check(path, COUNT, DIM)


@pytest.mark.parametrize(("count", "dim"), [(COUNT + 1, DIM), (COUNT, DIM + 1), (1, DIM)])
def test_it_belongs_to_its_vectors(written, count, dim):
    check, path = written
    with pytest.raises(CorruptError, match=r"ann\.faiss: it has 600 vectors of 16 numbers"):
        check(path, count, dim)


@pytest.mark.parametrize("cut", [-1, 20, 41, 200])
def test_a_cut_file_is_refused(written, tmp_path, cut):
    check, path = written
    (tmp_path / "ann.faiss").write_bytes(path.read_bytes()[:cut])
    with pytest.raises(CorruptError):
        check(tmp_path / "ann.faiss", COUNT, DIM)


def test_more_bytes_and_another_type_are_refused(written, tmp_path):
    check, path = written
    (tmp_path / "ann.faiss").write_bytes(path.read_bytes() + b"x")
    with pytest.raises(CorruptError, match="more bytes than its fields"):
        check(tmp_path / "ann.faiss", COUNT, DIM)
    (tmp_path / "ann.faiss").write_bytes(b"IxF2" + path.read_bytes()[4:])
    with pytest.raises(CorruptError, match="of the type b'IxF2'"):
        check(tmp_path / "ann.faiss", COUNT, DIM)


def links_at(data):
    """Where the links of an HNSW file begin, and where its levels do."""
    at = 37
    at += 8 + 8 * struct.unpack_from("<Q", data, at)[0]
    at += 8 + 4 * struct.unpack_from("<Q", data, at)[0]
    levels = at + 8
    at += 8 + 4 * struct.unpack_from("<Q", data, at)[0]
    at += 8 + 8 * struct.unpack_from("<Q", data, at)[0]
    return at + 8, levels


@pytest.mark.parametrize("link", [COUNT, -2, 2**31 - 1])
def test_a_link_beyond_the_vectors_is_refused(tmp_path, link):
    path = write("hnsw", tmp_path)
    data = bytearray(path.read_bytes())
    struct.pack_into("<i", data, links_at(data)[0], link)
    path.write_bytes(data)
    with pytest.raises(CorruptError, match=f"is {link}, expected -1 to 599"):
        check_hnsw(path, COUNT, DIM)


def test_a_link_of_a_level_leads_to_a_vector_of_that_level(tmp_path):
    """Otherwise the links of the next vector are read in place of links that are not there, beyond the last one."""
    path = write("hnsw", tmp_path)
    data = bytearray(path.read_bytes())
    first, at = links_at(data)
    levels = np.frombuffer(data, "<i4", COUNT, at)
    high, low = int(np.argmax(levels > 1)), int(np.argmax(levels == 1))
    widths = {1: 32, 2: 48, 3: 64}
    start = sum(widths.get(level, 0) for level in levels[:high].tolist())
    struct.pack_into("<i", data, first + 4 * (start + 32), low)
    path.write_bytes(data)
    with pytest.raises(CorruptError, match="a link of level 1 leads to a lower level"):
        check_hnsw(path, COUNT, DIM)


def test_a_level_that_has_no_room_is_refused(tmp_path):
    path = write("hnsw", tmp_path)
    data = bytearray(path.read_bytes())
    struct.pack_into("<i", data, links_at(data)[1], 3)
    path.write_bytes(data)
    with pytest.raises(CorruptError, match="not as many links as its level"):
        check_hnsw(path, COUNT, DIM)


def test_a_list_with_a_vector_beyond_or_twice_is_refused(tmp_path):
    path = write("ivf", tmp_path)
    data = path.read_bytes()
    for last in (COUNT, -1):
        path.write_bytes(data[:-8] + struct.pack("<q", last))
        with pytest.raises(CorruptError, match="expected 0 to 599"):
            check_ivf(path, COUNT, DIM)
    known = struct.unpack("<q", data[-8:])[0]
    path.write_bytes(data[:-8] + struct.pack("<q", (known + 1) % COUNT))
    with pytest.raises(CorruptError, match="in no list or in two"):
        check_ivf(path, COUNT, DIM)


def test_lists_on_disk_elsewhere_are_refused(tmp_path):
    path = write("ivf", tmp_path)
    path.write_bytes(path.read_bytes().replace(b"ilar", b"ilod"))
    with pytest.raises(CorruptError, match="its lists are of the type b'ilod'"):
        check_ivf(path, COUNT, DIM)
