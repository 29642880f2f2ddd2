"""An event loop in its own thread, so that synchronous callers can use an asynchronous driver with a time limit."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from typing import Any, TypeVar

from clew.core.errors import StageUnavailable

T = TypeVar("T")


class LoopThread:
    """Runs coroutines for other threads. The thread starts with the first call and ends with `close`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._closed = False

    def call(self, work: Callable[[], Coroutine[Any, Any, T]], seconds: float | None = None) -> T:
        """Run `work()` on the loop; return what it returns, raise what it raises.

        Raises TimeoutError after `seconds` and cancels the work, but does not wait for the cancellation. Raises
        StageUnavailable if the thread is closed, also while the caller waits.
        """
        future = self.start(work)
        try:
            return future.result(seconds)
        except CancelledError:
            raise StageUnavailable("the graph store was closed") from None
        except BaseException:
            # The time is over or the caller was interrupted: nobody waits for the answer any more.
            future.cancel()
            raise

    def start(self, work: Callable[[], Coroutine[Any, Any, T]]) -> Future[T]:
        """Start some work without waiting for it. Raises StageUnavailable if the thread is closed."""
        with self._lock:
            # Under the lock, so that submitted work always either runs or is cancelled by `close`.
            loop = self._running()
            return asyncio.run_coroutine_threadsafe(work(), loop)

    def close(self, last: Callable[[], Coroutine[Any, Any, None]], seconds: float) -> None:
        """Cancel all running work, give `last` some seconds to clean up, and end the thread. May be called twice."""
        with self._lock:
            thread, loop, self._closed = self._thread, self._loop, True
            self._thread = None
        if thread is None or loop is None:
            return
        ending = asyncio.run_coroutine_threadsafe(_end(last, seconds), loop)
        try:
            ending.result(3 * seconds + 1)
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    def _running(self) -> asyncio.AbstractEventLoop:
        if self._closed:
            raise StageUnavailable("the graph store was closed")
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._loop.run_forever, name=self._name, daemon=True)
            self._thread.start()
        return self._loop


async def _end(last: Callable[[], Coroutine[Any, Any, None]], seconds: float) -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    if others:
        await asyncio.wait(others, timeout=seconds)
    for tidying in (last(), asyncio.get_running_loop().shutdown_default_executor()):
        try:
            await asyncio.wait_for(tidying, seconds)
        except TimeoutError:
            continue
