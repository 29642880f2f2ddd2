from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from clew.core.errors import CorruptError, FormatError
from clew.core.types import Vectors
from clew.models.cached import CachedEncoder, EmbeddingCache, cache_key
from clew.models.hashing import HashingEncoder


class Counting(HashingEncoder):
    """Remembers what it was asked to compute."""

    def __init__(self) -> None:
        super().__init__(16)
        self.computed: list[str] = []

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        self.computed += texts
        return super().encode_passages(texts)


def keys(*numbers: int) -> list[str]:
    return [f"{number:064x}" for number in numbers]


def test_what_was_put_comes_back_bit_for_bit(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path / "sub" / "cache.sqlite")
    vectors = np.random.default_rng(0).normal(size=(1200, 5)).astype(np.float32)
    cache.put(keys(*range(1200)), vectors)
    cache.close()
    again = EmbeddingCache(tmp_path / "sub" / "cache.sqlite")
    found = again.get(keys(*range(1100, 1300)))
    assert sorted(found) == keys(*range(1100, 1200))
    assert all(np.array_equal(found[key], vectors[int(key, 16)]) for key in found)
    assert len(again) == 1200


def test_vectors_of_several_widths_live_side_by_side(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path / "c")
    cache.put(keys(1), np.ones((1, 3), np.float32))
    cache.put(keys(2), np.ones((1, 7), np.float32))
    assert {key: vector.shape for key, vector in cache.get(keys(1, 2)).items()} == {
        keys(1)[0]: (3,),
        keys(2)[0]: (7,),
    }


def test_a_key_keeps_its_first_vector(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path / "c")
    cache.put(keys(1), np.zeros((1, 2), np.float32))
    cache.put(keys(1), np.ones((1, 2), np.float32))
    assert cache.get(keys(1))[keys(1)[0]].tolist() == [0, 0]


def test_keys_tell_encoder_role_and_text_apart() -> None:
    small, large = HashingEncoder(16), HashingEncoder(32)
    made = {cache_key(e, role, text) for e in (small, large) for role in ("query", "passage") for text in ("a", "b")}
    assert len(made) == 8


def test_a_vector_of_another_form_of_eight_bits_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, small = HashingEncoder(16), HashingEncoder(16)
    small.runtime = "onnxruntime-int8"
    before = [cache_key(encoder, "query", "a") for encoder in (whole, small)]
    monkeypatch.setattr("clew.models.cached.INT8_FORM", 99)
    after = [cache_key(encoder, "query", "a") for encoder in (whole, small)]
    assert (after[0] == before[0], after[1] == before[1]) == (True, False)


@pytest.mark.parametrize(
    "content", [b"this is no database, but it is long enough to look at" * 40, b"SQLite format 3\0" + b"\xff" * 5000]
)
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "cache.sqlite"
    path.write_bytes(content)
    with pytest.raises(CorruptError, match=r"cache\.sqlite") as caught:
        EmbeddingCache(path).get(keys(1))
    assert "delete" in caught.value.hint


def test_another_format_is_named(tmp_path: Path) -> None:
    import sqlite3

    with sqlite3.connect(tmp_path / "c") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(FormatError, match="99"):
        EmbeddingCache(tmp_path / "c")


def _write(path: Path, first: int) -> int:
    cache = EmbeddingCache(path)
    for number in range(first, first + 20):
        cache.put(keys(number), np.full((1, 4), number, np.float32))
    found = len(cache.get(keys(*range(first, first + 20))))
    cache.close()
    return found


def test_processes_and_threads_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / "c"
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as processes:
        found = list(processes.map(_write, [path, path], [0, 1000]))
    with ThreadPoolExecutor(4) as threads:
        found += threads.map(_write, [path] * 4, [2000, 3000, 4000, 5000])
    assert found == [20] * 6
    assert len(EmbeddingCache(path)) == 120


def test_a_kill_leaves_whole_transactions(tmp_path: Path) -> None:
    path = tmp_path / "c"
    code = f"""
import numpy as np
from pathlib import Path
from clew.models.cached import EmbeddingCache
cache = EmbeddingCache(Path({str(path)!r}))
for batch in range(1000000):
    cache.put([f"{{batch * 100 + n:064x}}" for n in range(100)], np.full((100, 64), batch, np.float32))
    print(batch, flush=True)
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    while int(process.stdout.readline()) < 5:
        time.sleep(0)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    cache = EmbeddingCache(path)
    assert len(cache) >= 600
    assert len(cache) % 100 == 0
    assert cache.get(keys(555))[keys(555)[0]].tolist() == [5.0] * 64


def test_each_text_is_computed_once(tmp_path: Path) -> None:
    inner = Counting()
    encoder = CachedEncoder(inner, EmbeddingCache(tmp_path / "c"))
    first = encoder.encode_passages(["a", "b", "a"])
    second = CachedEncoder(inner, EmbeddingCache(tmp_path / "c")).encode_passages(["b", "c", "a"])
    assert inner.computed == ["a", "b", "c"]
    assert np.array_equal(first, HashingEncoder(16).encode_passages(["a", "b", "a"]))
    assert np.array_equal(second, HashingEncoder(16).encode_passages(["b", "c", "a"]))


def test_repeated_queries_stay_in_memory_up_to_the_limit() -> None:
    inner = Counting()
    encoder = CachedEncoder(inner, memory=2)
    for query in ("a", "b", "a", "c", "a", "b"):
        assert np.array_equal(encoder.encode_queries([query]), HashingEncoder(16).encode_queries([query]))
    # c pushes out b, which was used longest ago.
    assert inner.computed == ["a", "b", "c", "b"]


def test_more_queries_at_once_than_memory_holds() -> None:
    encoder = CachedEncoder(HashingEncoder(16), memory=1)
    assert np.array_equal(encoder.encode_queries(["a", "b", "a"]), HashingEncoder(16).encode_queries(["a", "b", "a"]))
    assert encoder.encode_queries([]).shape == (0, 16)


def test_it_is_the_encoder_inside_in_all_else() -> None:
    inner = HashingEncoder(16)
    encoder = CachedEncoder(inner)
    assert (encoder.dim, encoder.fingerprint, encoder.runtime, encoder.max_length) == (
        inner.dim,
        inner.fingerprint,
        inner.runtime,
        inner.max_length,
    )
    assert encoder.unknown_shares([""]) == [1]
