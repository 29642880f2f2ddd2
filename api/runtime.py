"""The objects that all routes share: the engine, the settings, the metrics and the threads that searches run in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import anyio
from fastapi import Response
from pydantic import BaseModel

from clew.api.engine import Engine
from clew.api.observe import Metrics
from clew.api.schemas import Problem
from clew.api.settings import Settings

T = TypeVar("T")

# Declared with every route; the app turns their media type into application/problem+json.
PROBLEMS: dict[int | str, dict[str, Any]] = {
    404: {"model": Problem, "description": "The index, document or entity does not exist."},
    413: {"model": Problem, "description": "The body is too long."},
    422: {"model": Problem, "description": "The request is invalid; `parameter` names the parameter at fault."},
    503: {"model": Problem, "description": "The index cannot be opened, or no stage of the search could run."},
}


@dataclass(slots=True)
class Runtime:
    """The parts of one running app. watcher: the task that checks for new releases, None before the app has started."""

    engine: Engine
    settings: Settings
    metrics: Metrics
    threads: anyio.CapacityLimiter
    started: float = field(default_factory=time.monotonic)
    watcher: asyncio.Task[None] | None = None

    @property
    def watcher_stopped(self) -> bool:
        """Whether a bug ended the task that checks for new releases; the open releases continue to serve."""
        return self.watcher is not None and self.watcher.done()

    async def run(self, work: Callable[[], T]) -> T:
        """Run blocking work in a search thread, so that it does not block the event loop."""
        asked = time.perf_counter()

        def timed() -> T:
            self.metrics.queue_seconds.observe(time.perf_counter() - asked)
            return work()

        return await anyio.to_thread.run_sync(timed, limiter=self.threads)

    async def answer(self, work: Callable[[], BaseModel], status: int = 200) -> Response:
        """Return the result of the work as JSON; it is serialised in the same thread."""
        body = await self.run(lambda: work().model_dump_json().encode())
        return Response(body, status, media_type="application/json")
