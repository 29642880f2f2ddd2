from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event

import pytest

from clew.core import threads
from clew.core.errors import UsageError


@pytest.fixture(autouse=True)
def untouched(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in (*threads._LIBRARY_VARIABLES, threads.VARIABLE):
        monkeypatch.setenv(variable, os.environ.get(variable, ""))
    monkeypatch.setattr(threads, "_configured", None)
    monkeypatch.delenv(threads.VARIABLE)


def test_the_number_given_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(threads.VARIABLE, "5")
    assert threads.configure(3) == 3
    assert threads.count() == 3
    assert os.environ["OMP_NUM_THREADS"] == "3"


def test_the_environment_is_next_and_then_the_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    assert threads.configure() == threads.available()
    monkeypatch.setenv(threads.VARIABLE, "5")
    assert threads.configure() == 5


@pytest.mark.parametrize("value", ["0", "-2", "many", "1.5"])
def test_a_wrong_number_is_named(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(threads.VARIABLE, value)
    with pytest.raises(UsageError, match=value):
        threads.configure()


def test_below_one_is_refused() -> None:
    with pytest.raises(UsageError, match="0"):
        threads.configure(0)


def test_processors_are_those_this_process_may_use() -> None:
    assert 1 <= threads.available() <= (os.cpu_count() or 1)


def test_quota_of_a_control_group(tmp_path: Path) -> None:
    assert threads.cgroup_quota(tmp_path) is None
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("150000\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert threads.cgroup_quota(tmp_path) == 1.5
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("-1\n")
    assert threads.cgroup_quota(tmp_path) is None
    (tmp_path / "cpu.max").write_text("400000 100000\n")
    assert threads.cgroup_quota(tmp_path) == 4
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert threads.cgroup_quota(tmp_path) is None


def test_numba_works_when_configured_before_and_after_it_is_loaded() -> None:
    code = """
from clew.core.threads import configure
configure(2)
import numba
configure(1)
assert numba.get_num_threads() == 1, numba.get_num_threads()
@numba.njit(parallel=True)
def total(n):
    s = 0
    for i in numba.prange(n):
        s += i
    return s
assert total(10) == 45
configure(8)
assert numba.get_num_threads() == 2, numba.get_num_threads()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_libraries_that_are_loaded_are_told() -> None:
    code = """
import faiss, numpy
from threadpoolctl import threadpool_info
from clew.core.threads import configure
for number in (1, 2, 1):
    configure(number)
    found = {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] in {"blas", "openmp"}}
    assert found == {number}, (number, found)
    assert faiss.omp_get_max_threads() == number
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_work_in_workers_comes_back_in_order_and_overlaps() -> None:
    together = Barrier(2, timeout=20)

    def work(item: int) -> int:
        together.wait()
        return item * item

    assert list(threads.in_workers(work, range(6), 2)) == [0, 1, 4, 9, 16, 25]
    assert list(threads.in_workers(abs, [-3], 2)) == [3]
    assert list(threads.in_workers(abs, [-3, 2], 1)) == [3, 2]


def test_a_short_call_does_not_wait_for_all_of_a_long_one() -> None:
    began, go, short = Event(), Event(), Event()

    def work(item: int) -> int:
        began.set()
        assert go.wait(20)
        # Nearly all of the long call has to find the short one done.
        return item if item < 20 or short.wait(20) else -1

    with ThreadPoolExecutor(1) as beside:
        long = beside.submit(lambda: list(threads.in_workers(work, range(60), 2)))
        assert began.wait(20)
        go.set()
        assert list(threads.in_workers(abs, [-1, -2, -3], 2)) == [1, 2, 3]
        short.set()
        assert long.result(60) == list(range(60))


def test_what_a_worker_raises_is_raised() -> None:
    def work(item: int) -> int:
        if item == 3:
            raise ValueError(f"item {item}")
        return item

    with pytest.raises(ValueError, match="item 3"):
        list(threads.in_workers(work, range(6), 2))
    assert list(threads.in_workers(work, [1, 2], 2)) == [1, 2]
