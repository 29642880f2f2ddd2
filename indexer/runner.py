"""Where the tasks of a build run. Anything that satisfies `Runner` will do: this process, others, other machines."""

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
    """One piece of work.

    call: a function of a module; it, its arguments and its result can be pickled. key: what the one who made the
    task knows it by; it stays in this process.
    """

    name: str
    call: Callable[..., Any]
    arguments: tuple[Any, ...] = ()
    key: Any = None


class Runner(Protocol):
    """Runs tasks."""

    def run(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, Any]]:
        """Each task with its result, as they finish (in any order); tasks are taken from the iterable as needed.

        A ClewError of a task is raised here as it is.
        """
        ...

    def close(self) -> None:
        """Release processes."""
        ...


class InProcess:
    """Runs tasks one after the other, here; the libraries' own threads use the cores."""

    def run(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, Any]]:
        """See Runner."""
        for task in tasks:
            yield task, task.call(*task.arguments)

    def close(self) -> None:
        """Nothing to release."""


class LocalProcesses:
    """Runs tasks in spawned processes of this machine."""

    def __init__(self, workers: int, threads: int) -> None:
        """workers: processes (at least 1); threads: of each."""
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
                # A little more than the workers hold, so that none waits for the next task to be made.
                for task in islice(waiting, self._workers * 2 - len(running)):
                    running[self._pool.submit(task.call, *task.arguments)] = task
                if not running:
                    return
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    task = running.pop(future)
                    yield task, _result(future, task)
        except BrokenProcessPool:
            raise _died(next(iter(running.values()), None)) from None
        finally:
            for future in running:
                future.cancel()

    def close(self) -> None:
        """End the processes."""
        self._pool.shutdown(wait=True, cancel_futures=True)


def local_runner(workers: int, threads: int) -> Runner:
    """The runner for a number of processes (0 or 1: this one). threads: of each (0: cores / workers)."""
    from clew.core.threads import available, configure

    if workers <= 1:
        configure(threads or None)
        return InProcess()
    return LocalProcesses(workers, threads or max(1, available() // workers))


def _result(future: Future[Any], task: Task) -> Any:
    try:
        return future.result()
    except BrokenProcessPool:
        raise _died(task) from None


def _died(task: Task | None) -> ClewError:
    during = f" during {task.name!r}" if task else ""
    return ClewError(
        f"a worker process died{during}, most likely killed for want of memory",
        "run the same command again, finished work is kept; fewer [build] workers need less memory",
    )


def _prepare(threads: int) -> None:
    """Set up a worker: its threads, and its end when the build that started it is killed."""
    from clew.core.threads import configure

    configure(threads)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
