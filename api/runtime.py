"""What every route needs: the engine, the settings, the metrics and the threads that searches run in."""

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
    404: {"model": Problem, "description": "No such index or document; the hint names the nearest."},
    413: {"model": Problem, "description": "The body is too long."},
    422: {"model": Problem, "description": "The request cannot be answered as asked; `parameter` is at fault."},
    503: {"model": Problem, "description": "The index cannot be opened, or no stage could answer."},
}


@dataclass(slots=True)
class Runtime:
    """The parts of one running app. watcher: the task that looks for new releases, once the app has started."""

    engine: Engine
    settings: Settings
    metrics: Metrics
    threads: anyio.CapacityLimiter
    started: float = field(default_factory=time.monotonic)
    watcher: asyncio.Task[None] | None = None

    @property
    def watcher_stopped(self) -> bool:
        """Whether a bug ended the look-out for new releases; what is open serves on."""
        return self.watcher is not None and self.watcher.done()

    async def run(self, work: Callable[[], T]) -> T:
        """Run blocking work in one of the search threads, so that the event loop stays free."""
        asked = time.perf_counter()

        def timed() -> T:
            self.metrics.queue_seconds.observe(time.perf_counter() - asked)
            return work()

        return await anyio.to_thread.run_sync(timed, limiter=self.threads)

    async def answer(self, work: Callable[[], BaseModel], status: int = 200) -> Response:
        """The JSON of what the work returns; serialised in its thread too."""
        body = await self.run(lambda: work().model_dump_json().encode())
        return Response(body, status, media_type="application/json")
