"""Run the tasks of a build: in this process, in other processes, or anywhere else that implements `Runner`."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

from clew.core.errors import ClewError


@dataclass(frozen=True, slots=True)
class Task:
    """A function call to run.

    call: a module-level function; it, its arguments and its result must be picklable. key: identifies the task for the
    caller; it is not sent to another process.
    """

    name: str
    call: Callable[..., Any]
    arguments: tuple[Any, ...] = ()
    key: Any = None


class Runner(Protocol):
    """A way to run tasks."""

    def run(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, Any]]:
        """Yield each task with its result when it finishes (in any order); take tasks from the iterable as needed.

        A ClewError of a task is raised here unchanged.
        """
        ...

    def close(self) -> None:
        """Release the processes."""
        ...


class InProcess:
    """A runner in this process, one task after the other; the libraries' own threads use the cores."""

    def run(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, Any]]:
        """See Runner."""
        for task in tasks:
            yield task, task.call(*task.arguments)

    def close(self) -> None:
        """Do nothing, because there is no process to release."""


class LocalProcesses:
    """A runner in spawned processes on this machine."""

    def __init__(self, workers: int, threads: int) -> None:
        """workers: number of processes (at least 1); threads: number of threads of each."""
        self._workers = workers
        self._pool = ProcessPoolExecutor(
            workers, multiprocessing.get_context("spawn"), initializer=_prepare, initargs=(threads,)
        )

    def run(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, Any]]:
        """See Runner. Raises ClewError when a process dies."""
        waiting = iter(tasks)
        running: dict[Future[Any], Task] = {}
        try:
            while True:
                # Submit twice as many tasks as there are workers, so that no worker waits for the next one.
                for task in islice(waiting, self._workers * 2 - len(running)):
                    running[self._pool.submit(task.call, *task.arguments)] = task
                if not running:
                    return
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    task = running.pop(future)
                    yield task, _result(future, task)
        except BrokenProcessPool:
            raise _worker_died(next(iter(running.values()), None)) from None
        finally:
            for future in running:
                future.cancel()

    def close(self) -> None:
        """End the processes."""
        self._pool.shutdown(wait=True, cancel_futures=True)


def local_runner(workers: int, threads: int) -> Runner:
    """Return the runner for a number of processes (0 or 1: this one). threads: of each (0: cores / workers)."""
    from clew.core.threads import available, configure

    if workers <= 1:
        configure(threads or None)
        return InProcess()
    return LocalProcesses(workers, threads or max(1, available() // workers))


def _result(future: Future[Any], task: Task) -> Any:
    try:
        return future.result()
    except BrokenProcessPool:
        raise _worker_died(task) from None


def _worker_died(task: Task | None) -> ClewError:
    during = f" during {task.name!r}" if task else ""
    return ClewError(
        f"a worker process died{during}, most likely because the machine ran out of memory",
        "run the same command again: it reuses finished work; set fewer [build] workers to use less memory",
    )


def _prepare(threads: int) -> None:
    """Set up a worker: set its number of threads, and let it exit when the build that started it is killed."""
    from clew.core.threads import configure

    configure(threads)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
