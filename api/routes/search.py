"""POST and GET /v1/search, POST /v1/why-not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.requests import SearchBody, SearchParameters, WhyNotBody
from api.runtime import PROBLEMS, Runtime
from api.schemas import SearchResult, WhyNotResult
from search.types import SearchRequest


def router(runtime: Runtime) -> APIRouter:
    """The search routes over a runtime."""
    routes = APIRouter(prefix="/v1", tags=["search"], responses=PROBLEMS)

    async def answered(index: str | None, wanted: SearchRequest, request_id: str) -> Response:
        def work() -> tuple[bytes, Mapping[str, float]]:
            with runtime.engine.lease(index) as searcher:
                found = searcher.search(wanted)
            runtime.metrics.searched(found)
            shown = SearchResult.model_validate(found).model_copy(update={"request_id": request_id})
            return shown.model_dump_json().encode(), found.timings_ms

        body, timings = await runtime.run(work)
        return Response(body, media_type="application/json", headers={"Server-Timing": server_timing(timings)})

    @routes.post("/search", response_model=SearchResult, summary="Search an index")
    async def search(body: SearchBody, request: Request) -> Response:
        """Hits, facets, timings per stage, and what was left out. With `explain` each hit has its receipt."""
        return await answered(body.index, body.request(), request.state.request_id)

    @routes.get("/search", response_model=SearchResult, summary="Search an index from a URL")
    async def search_simple(parameters: Annotated[SearchParameters, Query()], request: Request) -> Response:
        """The same as POST for simple use: `/v1/search?index=shop&q=headphones&k=5`."""
        return await answered(parameters.index, parameters.request(), request.state.request_id)

    @routes.post("/why-not", response_model=WhyNotResult, summary="Which stage lost a document")
    async def why_not(body: WhyNotBody, request: Request) -> Response:
        """For a document that was expected among the hits: the first stage that did not keep it, and its scores."""

        def work() -> WhyNotResult:
            with runtime.engine.lease(body.index) as searcher:
                found = searcher.why_not(body.request(), body.id)
            return WhyNotResult.model_validate(found).model_copy(update={"request_id": request.state.request_id})

        return await runtime.answer(work)

    return routes


def server_timing(timings_ms: Mapping[str, float]) -> str:
    """The Server-Timing header: `bm25;dur=0.812, total;dur=4.107`."""
    return ", ".join(f"{re.sub(r'[^A-Za-z0-9_-]', '_', stage)};dur={ms:.3f}" for stage, ms in timings_ms.items())
