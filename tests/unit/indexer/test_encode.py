"""Encoding: each distinct text once, in batches a killed build composes again."""

import functools
import operator

import numpy as np
import pytest

from clew.core.errors import StoreError
from clew.core.progress import Silent
from clew.indexer import encode
from clew.indexer.encode import Encoding, encode_texts
from clew.indexer.runner import InProcess
from clew.models.cached import EmbeddingCache
from clew.models.hashing import HashingEncoder


class Recording(InProcess):
    """Notes the batches, and stops after some of them as a kill would."""

    def __init__(self, stop_after=None):
        self.batches = []
        self.stop_after = stop_after

    def run(self, tasks):
        for task, result in super().run(tasks):
            if len(self.batches) == self.stop_after:
                raise KeyboardInterrupt
            self.batches.append(list(task.arguments[2]))
            yield task, result


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(encode, "CHUNK", 4)


def run(home, texts, runner):
    cache = EmbeddingCache(home / "cache.sqlite")
    try:
        encoding = Encoding("hashing-16", home, cache, runner, Silent())
        encoding.run(texts, home / "vectors.npy")
    finally:
        cache.close()
    return encoding


TEXTS = [f"text {number % 7}" for number in range(19)]


def test_vectors_are_those_of_the_texts_in_order(tmp_path):
    run(tmp_path, TEXTS, InProcess())
    found = np.load(tmp_path / "vectors.npy")
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, HashingEncoder(16).encode_passages(TEXTS))


def test_each_distinct_text_is_encoded_once(tmp_path):
    runner = Recording()
    encoding = run(tmp_path, TEXTS, runner)
    assert sorted(functools.reduce(operator.iadd, runner.batches, [])) == sorted(set(TEXTS))
    assert (encoding.encoded, encoding.reused) == (7, 12)


def test_nothing_is_encoded_twice_over_builds(tmp_path):
    run(tmp_path, TEXTS, InProcess())
    runner = Recording()
    run(tmp_path, [*TEXTS, "new"], runner)
    assert runner.batches == [["new"]]


@pytest.mark.parametrize("stop_after", [0, 1])
def test_a_killed_build_composes_the_same_batches(tmp_path, stop_after):
    whole, first, second = Recording(), Recording(stop_after), Recording()
    (tmp_path / "a").mkdir()
    run(tmp_path / "a", TEXTS, whole)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, TEXTS, first)
    run(tmp_path, TEXTS, second)
    assert first.batches + second.batches == whole.batches
    assert np.array_equal(np.load(tmp_path / "a" / "vectors.npy"), np.load(tmp_path / "vectors.npy"))


def test_no_texts_are_no_vectors(tmp_path):
    run(tmp_path, [], InProcess())
    assert np.load(tmp_path / "vectors.npy").shape == (0, 16)


def test_a_task_needs_only_names(tmp_path):
    assert encode_texts("hashing-16", tmp_path, ["a", "b"]).shape == (2, 16)


def test_a_cache_that_cannot_be_written_is_not_passed_over(tmp_path, monkeypatch):
    def full(*_):
        raise StoreError("no space left to write")

    monkeypatch.setattr(EmbeddingCache, "put", full)
    with pytest.raises(StoreError, match="no space"):
        run(tmp_path, TEXTS, InProcess())
