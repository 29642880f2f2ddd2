"""The one place that says how many threads the numeric libraries use."""

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

    threads: at least 1; None: the environment variable CLEW_THREADS, else the processors this process may use.
    Libraries that are loaded later read it from the environment, and so do worker processes; those loaded already are
    told. Returns the number. Raises UsageError for a number below 1.
    """
    global _configured  # noqa: PLW0603 - thread counts belong to the process, not to an object
    number = _asked() or available() if threads is None else threads
    if number < 1:
        raise UsageError(f"threads is {number}, expected at least 1", "leave it out to use every processor")
    for variable in _LIBRARY_VARIABLES:
        # numba reads its variable again at every compilation and refuses a change once its pool runs.
        if variable != "NUMBA_NUM_THREADS" or "numba" not in sys.modules:
            os.environ[variable] = str(number)
    _tell_loaded(number)
    _configured = number
    return number


def count() -> int:
    """The number last configured; configures the default where nobody has."""
    return configure() if _configured is None else _configured


def in_workers(work: Callable[[Item], Result], items: Sequence[Item], lanes: int) -> Iterator[Result]:
    """work(item) of each item in order; raises what work raises.

    At most `lanes` at once, over all calls with this count, which take turns; where there is one item or one lane, the
    caller works. For work that lets other threads run, as numeric libraries do. It must not call this function.
    """
    return map(work, items) if lanes == 1 or len(items) < 2 else _ahead(work, items, lanes)


def _ahead(work: Callable[[Item], Result], items: Sequence[Item], lanes: int) -> Iterator[Result]:
    # Only as many wait as keep the lanes busy: a short call beside a long one is not behind all of it.
    waiting: deque[Future[Result]] = deque()
    try:
        for item in items:
            waiting.append(_pool(lanes).submit(work, item))
            if len(waiting) > 2 * lanes:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for left in waiting:
            left.cancel()


def _pool(lanes: int) -> ThreadPoolExecutor:
    with _pools_lock:
        if lanes not in _pools:
            _pools[lanes] = ThreadPoolExecutor(lanes, thread_name_prefix="clew-lane")
        return _pools[lanes]


def available() -> int:
    """Processors this process may use: its affinity mask, cut by the quota of its control group (at least 1)."""
    usable, quota = _in_mask(), cgroup_quota(Path("/sys/fs/cgroup"))
    return usable if quota is None else max(1, min(usable, math.ceil(quota)))


def _in_mask() -> int:
    # macOS and Windows have no affinity mask.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cgroup_quota(root: Path) -> float | None:
    """Processors' worth of time a container may use, None where it is not limited (control groups v2, then v1)."""
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


def _asked() -> int | None:
    """The number in CLEW_THREADS."""
    value = os.environ.get(VARIABLE, "").strip()
    if not value:
        return None
    if not value.isdecimal() or int(value) < 1:
        raise UsageError(f"{VARIABLE} is {value!r}, expected a whole number of at least 1", f"unset {VARIABLE}")
    return int(value)


def _tell_loaded(number: int) -> None:
    """Set the thread count of the libraries that this process has loaded."""
    # OpenMP (FAISS) and BLAS (numpy) start with one thread for each processor: finding them takes 20 ms.
    if number != _in_mask() or _configured is not None:
        from threadpoolctl import threadpool_limits

        threadpool_limits(number)
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_num_threads(number)
    if (numba := sys.modules.get("numba")) is not None:
        # numba cannot go above the size its pool was made with.
        numba.set_num_threads(min(number, numba.config.NUMBA_NUM_THREADS))
