"""Files that are opened as they lie, and what is said of those that are damaged."""

import marisa_trie
import numpy as np
import pytest

from clew.core.errors import CorruptError, NotFoundError
from clew.core.mapped import open_array, open_trie


@pytest.mark.parametrize(("open_file", "name"), [(open_trie, "a.marisa"), (open_array, "a.npy")])
def test_a_file_that_is_gone_is_named(tmp_path, open_file, name):
    with pytest.raises(NotFoundError, match=name):
        open_file(tmp_path / name)


@pytest.mark.parametrize("values", [np.arange(5), np.zeros((0,), [("a", "<i4")]), np.zeros((3, 0), np.float32)])
def test_an_array_comes_back_and_cannot_be_written(tmp_path, values):
    np.save(tmp_path / "a.npy", values)
    found = open_array(tmp_path / "a.npy")
    assert found.dtype == values.dtype
    assert (found == values).all()
    assert not found.flags.writeable
    if values.size:
        assert isinstance(found.base, np.memmap)


def test_a_pickle_is_no_array(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], object), allow_pickle=True)
    with pytest.raises(CorruptError, match=r"a\.npy is not a valid array file"):
        open_array(tmp_path / "a.npy")


@pytest.mark.parametrize("keep", [0, 5, 60, 127])
def test_a_cut_array_is_named(tmp_path, keep):
    np.save(tmp_path / "a.npy", np.arange(100))
    (tmp_path / "a.npy").write_bytes((tmp_path / "a.npy").read_bytes()[:keep])
    with pytest.raises(CorruptError, match=r"a\.npy"):
        open_array(tmp_path / "a.npy")


@pytest.mark.parametrize("words", [[], ["sofa", "sofa bed"]])
def test_a_trie_comes_back(tmp_path, words):
    (tmp_path / "a.marisa").write_bytes(marisa_trie.Trie(words).tobytes())
    assert sorted(open_trie(tmp_path / "a.marisa").keys()) == words


@pytest.mark.parametrize("keep", [0, 3, 40, 200])
def test_a_cut_trie_is_named(tmp_path, keep):
    whole = marisa_trie.Trie([f"word {n}" for n in range(500)]).tobytes()
    (tmp_path / "a.marisa").write_bytes(whole[:keep])
    with pytest.raises(CorruptError, match=r"a\.marisa"):
        open_trie(tmp_path / "a.marisa")
