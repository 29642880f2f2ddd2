"""Create the HTTP app from its parts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
from fastapi import FastAPI

from clew.api import errors
from clew.api.engine import Engine
from clew.api.limits import BodyLimit
from clew.api.observe import Metrics, Observed
from clew.api.routes import docs, documents, graph, health, indexes, search
from clew.api.runtime import Runtime
from clew.api.settings import Settings
from clew.core.version import __version__

log = logging.getLogger("clew.api")

DESCRIPTION = """Semantic search with explanations: BM25 and BERT vectors, fused, explained and measured.

Every error is a problem document (RFC 9457) with a stable `code` and a `hint`. Every response has the header
`X-Request-ID` (the client's value, if it sent one); responses to searches also have `Server-Timing`."""


def create_app(engine: Engine, settings: Settings) -> FastAPI:
    """Return the HTTP app of an engine. The app refreshes the engine while it runs and closes it when it stops."""
    runtime = Runtime(engine, settings, Metrics(engine), anyio.CapacityLimiter(settings.searches))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:  # noqa: ARG001 - the signature is FastAPI's
        watcher = runtime.watcher = asyncio.create_task(_watch(runtime), name="clew-releases")
        watcher.add_done_callback(_report)
        try:
            yield
        finally:
            watcher.cancel()
            await asyncio.wait([watcher])
            engine.close()

    app = FastAPI(
        title="Clew",
        version=__version__,
        description=DESCRIPTION,
        lifespan=lifespan,
        # FastAPI's own pages load scripts from other hosts; routes/docs.py serves /docs from local files instead.
        docs_url=None,
        redoc_url=None,
    )
    for routes in (search, indexes, documents, graph, health, docs):
        app.include_router(routes.router(runtime))
    errors.install(app)
    app.add_middleware(BodyLimit, limit=settings.max_body_bytes)
    app.add_middleware(Observed, metrics=runtime.metrics)
    _declare_problems(app)
    return app


async def _watch(runtime: Runtime) -> None:
    """Open the indexes of the home, then check for new releases as long as the app runs."""
    one = anyio.CapacityLimiter(1)
    while True:
        # Run in a separate thread, so that opening a large release does not occupy a search thread.
        await anyio.to_thread.run_sync(runtime.engine.refresh, limiter=one)
        await asyncio.sleep(runtime.settings.poll_seconds)


def _report(watcher: asyncio.Task[None]) -> None:
    """Log the bug that ended the watcher, so that it can be found out why no new release goes live."""
    if not watcher.cancelled() and (bug := watcher.exception()) is not None:
        log.critical("checking for new releases has stopped; the open releases continue to serve", exc_info=bug)


def _declare_problems(app: FastAPI) -> None:
    """Declare in the OpenAPI document that errors have the media type application/problem+json."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            for path in plain()["paths"].values():
                for operation in path.values():
                    for response in operation["responses"].values():
                        content = response.get("content", {})
                        schema = content.get("application/json", {}).get("schema", {})
                        if schema.get("$ref", "").endswith("/Problem"):
                            content[errors.MEDIA_TYPE] = content.pop("application/json")
        assert app.openapi_schema is not None  # noqa: S101 - plain() sets it
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
