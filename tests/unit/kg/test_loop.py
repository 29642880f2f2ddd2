"""Synchronous callers and the loop behind them: they leave on time, whatever the work does."""

import asyncio
import threading
import time

import pytest

from clew.core.errors import StageUnavailable
from clew.kg.loop import LoopThread


async def nothing():
    pass


@pytest.fixture
def loop():
    loop = LoopThread("clew-test-loop")
    yield loop
    loop.close(nothing, 0.2)
    assert "clew-test-loop" not in {thread.name for thread in threading.enumerate()}


def test_starts_no_thread_before_it_is_asked():
    loop = LoopThread("clew-test-idle")
    assert "clew-test-idle" not in {thread.name for thread in threading.enumerate()}
    loop.close(nothing, 0.1)


def test_returns_and_raises_what_the_work_does(loop):
    async def right():
        return 17

    async def wrong():
        raise KeyError("x")

    assert loop.call(right, 5) == 17
    with pytest.raises(KeyError, match="x"):
        loop.call(wrong, 5)


def test_a_late_answer_is_cancelled_behind_the_caller(loop):
    ended = threading.Event()

    async def slow():
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    with pytest.raises(TimeoutError):
        loop.call(slow, 0.05)
    assert ended.wait(5)


def test_leaves_work_that_does_not_heed_its_cancellation(loop):
    release = threading.Event()

    async def stubborn():
        release.wait(10)

    start = time.monotonic()
    with pytest.raises(TimeoutError):
        loop.call(stubborn, 0.05)
    assert time.monotonic() - start < 5
    release.set()


def test_who_waits_when_it_closes_is_told_and_so_is_who_comes_later(loop):
    told = []
    started = threading.Event()

    async def endless():
        started.set()
        await asyncio.sleep(60)

    def wait():
        with pytest.raises(StageUnavailable, match="closed"):
            loop.call(endless)
        told.append(True)

    waiter = threading.Thread(target=wait)
    waiter.start()
    assert started.wait(5)
    loop.close(nothing, 0.2)
    waiter.join(5)
    assert told == [True]
    with pytest.raises(StageUnavailable, match="closed"):
        loop.call(nothing)


def test_closes_though_what_tidies_up_hangs():
    loop = LoopThread("clew-test-hang")
    loop.call(nothing)

    async def hang():
        await asyncio.sleep(60)

    loop.close(hang, 0.1)
    loop.close(hang, 0.1)
    assert "clew-test-hang" not in {thread.name for thread in threading.enumerate()}
