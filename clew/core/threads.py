"""Set how many threads the numeric libraries use. No other module does so."""

from __future__ import annotations

import math
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from clew.core.errors import UsageError

VARIABLE = "CLEW_THREADS"
# Read by OpenMP (FAISS, torch), the BLAS libraries, numba and the tokenizers when they are loaded.
_LIBRARY_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "RAYON_NUM_THREADS",
)
_configured: int | None = None
_pools: dict[int, ThreadPoolExecutor] = {}
_pools_lock = threading.Lock()
Item = TypeVar("Item")
Result = TypeVar("Result")


def configure(threads: int | None = None) -> int:
    """Set the thread count of OpenMP, BLAS, numba, the tokenizers and, through `count`, of onnxruntime.

    threads: at least 1; None: the environment variable CLEW_THREADS, else the number of CPUs this process may use.
    Libraries that are loaded later read the count from the environment, as do worker processes; the count of loaded
    libraries is set directly. Returns the number. Raises UsageError for a number below 1.
    """
    global _configured  # noqa: PLW0603 - the thread count belongs to the process
    number = _threads_from_environment() or available() if threads is None else threads
    if number < 1:
        raise UsageError(f"threads is {number}, expected at least 1", "omit it to use all CPUs")
    for variable in _LIBRARY_VARIABLES:
        # numba reads its variable again at every compilation, and fails if it has changed while its thread pool runs.
        if variable != "NUMBA_NUM_THREADS" or "numba" not in sys.modules:
            os.environ[variable] = str(number)
    _limit_loaded_libraries(number)
    _configured = number
    return number


def count() -> int:
    """Return the configured number of threads; configure the default if there is none yet."""
    return configure() if _configured is None else _configured


def in_workers(work: Callable[[Item], Result], items: Sequence[Item], workers: int) -> Iterator[Result]:
    """Yield work(item) for each item in order, computed by up to `workers` threads. Raises what `work` raises.

    All calls with the same count share one pool of that many threads. With one item or one thread, the caller's thread
    does the work. `work` should release the GIL, as numeric libraries do, and must not call this function.
    """
    return map(work, items) if workers == 1 or len(items) < 2 else _ahead(work, items, workers)


def _ahead(work: Callable[[Item], Result], items: Sequence[Item], workers: int) -> Iterator[Result]:
    # Queue only as many items as keep the threads busy, so that a short call does not wait for all of a long one.
    waiting: deque[Future[Result]] = deque()
    try:
        for item in items:
            waiting.append(_pool(workers).submit(work, item))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for left in waiting:
            left.cancel()


def _pool(workers: int) -> ThreadPoolExecutor:
    with _pools_lock:
        if workers not in _pools:
            _pools[workers] = ThreadPoolExecutor(workers, thread_name_prefix="clew-worker")
        return _pools[workers]


def available() -> int:
    """Return how many CPUs this process may use: its affinity mask, limited by the quota of its cgroup (at least 1)."""
    usable, quota = _cpus_in_affinity_mask(), cgroup_quota(Path("/sys/fs/cgroup"))
    return usable if quota is None else max(1, min(usable, math.ceil(quota)))


def _cpus_in_affinity_mask() -> int:
    # macOS and Windows have no affinity mask.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cgroup_quota(root: Path) -> float | None:
    """Return how many CPUs the container may use, by its cgroup's quota (v2, then v1); None without a limit."""
    try:
        limit, period = (root / "cpu.max").read_text(encoding="ascii").split()[:2]
    except (OSError, ValueError):
        try:
            limit = (root / "cpu" / "cpu.cfs_quota_us").read_text(encoding="ascii")
            period = (root / "cpu" / "cpu.cfs_period_us").read_text(encoding="ascii")
        except (OSError, ValueError):
            return None
    try:
        quota = int(limit) / int(period)
    except (ValueError, ZeroDivisionError):  # "max": no limit
        return None
    return quota if quota > 0 else None


def _threads_from_environment() -> int | None:
    """Return the number in CLEW_THREADS, or None if it is not set."""
    value = os.environ.get(VARIABLE, "").strip()
    if not value:
        return None
    if not value.isdecimal() or int(value) < 1:
        raise UsageError(
            f"{VARIABLE} is {value!r}, expected a whole number of at least 1",
            f"correct it, or unset {VARIABLE} to use all CPUs",
        )
    return int(value)


def _limit_loaded_libraries(number: int) -> None:
    """Set the thread count of the libraries that are already loaded."""
    # OpenMP (FAISS) and BLAS (numpy) start with one thread per CPU; skip them then, because finding them takes 20 ms.
    if number != _cpus_in_affinity_mask() or _configured is not None:
        from threadpoolctl import threadpool_limits

        threadpool_limits(number)
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_num_threads(number)
    if (numba := sys.modules.get("numba")) is not None:
        # numba cannot use more threads than its pool was created with.
        numba.set_num_threads(min(number, numba.config.NUMBA_NUM_THREADS))
