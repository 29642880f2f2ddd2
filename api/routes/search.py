"""POST and GET /v1/search, POST /v1/answer, POST /v1/why-not."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, TypeVar

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel

from clew.api.answer_schemas import AnswerResult
from clew.api.requests import AnswerBody, Options, SearchBody, SearchParameters, WhyNotBody
from clew.api.runtime import PROBLEMS, Runtime
from clew.api.schemas import SearchResult, WhyNotResult

Result = TypeVar("Result", SearchResult, AnswerResult, WhyNotResult)


def router(runtime: Runtime) -> APIRouter:
    """The search routes over a runtime."""
    routes = APIRouter(prefix="/v1", tags=["search"], responses=PROBLEMS)

    async def timed(work: Callable[[], tuple[BaseModel, Mapping[str, float]]]) -> Response:
        """The JSON of what the work returns, serialised in its thread too, with its timings in a header."""

        def serialised() -> tuple[bytes, Mapping[str, float]]:
            shown, timings = work()
            return shown.model_dump_json().encode(), timings

        body, timings = await runtime.run(serialised)
        return Response(body, media_type="application/json", headers={"Server-Timing": server_timing(timings)})

    async def answered(asked: SearchBody | SearchParameters, request_id: str) -> Response:
        def work() -> tuple[SearchResult, Mapping[str, float]]:
            with runtime.engine.lease(asked.index) as searcher:
                found = searcher.search(asked.request())
            runtime.metrics.searched(found)
            return _completed(SearchResult.model_validate(found), asked, request_id), found.timings_ms

        return await timed(work)

    @routes.post("/search", response_model=SearchResult, summary="Search an index")
    async def search(body: SearchBody, request: Request) -> Response:
        """Hits, facets, timings per stage, and what was left out. With `explain` each hit has its receipt."""
        return await answered(body, request.state.request_id)

    @routes.get("/search", response_model=SearchResult, summary="Search an index from a URL")
    async def search_simple(parameters: Annotated[SearchParameters, Query()], request: Request) -> Response:
        """The same as POST for simple use: `/v1/search?index=shop&q=headphones&k=5`."""
        return await answered(parameters, request.state.request_id)

    @routes.post("/answer", response_model=AnswerResult, summary="Answer a question out of documents")
    async def answer(body: AnswerBody, request: Request) -> Response:
        """The sentences that answer best, one a document, with their place in its body and how likely they answer."""

        def work() -> tuple[AnswerResult, Mapping[str, float]]:
            with runtime.engine.lease(body.index) as searcher:
                found = searcher.answer(body.request())
            runtime.metrics.searched(found)
            return _completed(AnswerResult.model_validate(found), body, request.state.request_id), found.timings_ms

        return await timed(work)

    @routes.post("/why-not", response_model=WhyNotResult, summary="Which stage lost a document")
    async def why_not(body: WhyNotBody, request: Request) -> Response:
        """For a document that was expected among the hits: the first stage that did not keep it, and its scores."""

        def work() -> WhyNotResult:
            with runtime.engine.lease(body.index) as searcher:
                found = searcher.why_not(body.request(), body.id)
            return _completed(WhyNotResult.model_validate(found), body, request.state.request_id)

        return await runtime.answer(work)

    return routes


def _completed(result: Result, asked: Options, request_id: str) -> Result:
    """Add what only the server knows to a result: the id of the request, and notes about it."""
    return result.model_copy(update={"request_id": request_id, "notes": [*result.notes, *asked.notes]})


def server_timing(timings_ms: Mapping[str, float]) -> str:
    """The Server-Timing header: `bm25;dur=0.812, total;dur=4.107`."""
    return ", ".join(f"{re.sub(r'[^A-Za-z0-9_-]', '_', stage)};dur={ms:.3f}" for stage, ms in timings_ms.items())
