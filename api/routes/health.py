"""GET /livez, /readyz, /healthz and /metrics."""

from __future__ import annotations

import time

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from clew.api.routes.indexes import summary
from clew.api.runtime import Runtime
from clew.api.schemas import Alive, Health
from clew.core.version import __version__


def router(runtime: Runtime) -> APIRouter:
    """Return the health routes for a runtime."""
    routes = APIRouter(tags=["health"])

    def health() -> Health:
        states = runtime.engine.states()
        serving = [state for state in states if state.status == "serving"]
        shown = [summary(state) for state in states]
        troubled = (
            any(state.failure for state in states)
            or any(index.graph and not index.graph.answers for index in shown)
            or runtime.watcher_stopped
        )
        return Health(
            status="failing" if not serving else "degraded" if troubled else "ok",
            version=__version__,
            uptime_seconds=time.monotonic() - runtime.started,
            indexes=shown,
        )

    @routes.get("/livez", response_model=Alive, summary="Check that the process is alive")
    async def alive() -> Alive:
        """Return 200 as long as the process can answer requests."""
        return Alive()

    @routes.get(
        "/readyz", response_model=Health, summary="Check that the server is ready", responses={503: {"model": Health}}
    )
    async def ready() -> Response:
        """Return 200 if the server has tried to open every index and at least one can be searched, else 503."""
        now = health()
        waiting = any(index.status == "opening" for index in now.indexes)
        status = 503 if now.status == "failing" or waiting else 200
        return Response(now.model_dump_json(), status, media_type="application/json")

    @routes.get(
        "/healthz", response_model=Health, summary="Show the state of the server", responses={503: {"model": Health}}
    )
    async def healthy() -> Response:
        """Return the state of every index: why a newer release cannot be opened, and whether its graph's store answers.

        The status is 503 if no index can be searched.
        """
        now = health()
        return Response(now.model_dump_json(), 503 if now.status == "failing" else 200, media_type="application/json")

    @routes.get("/metrics", summary="Metrics for Prometheus", response_class=Response,
                responses={200: {"content": {"text/plain": {}}}})  # fmt: skip
    async def metrics() -> Response:
        """Return counters and histograms in the Prometheus text format; times are in seconds."""
        return Response(generate_latest(runtime.metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return routes
