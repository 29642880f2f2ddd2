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
    """Return the search routes for a runtime."""
    routes = APIRouter(prefix="/v1", tags=["search"], responses=PROBLEMS)

    async def timed(work: Callable[[], tuple[BaseModel, Mapping[str, float]]]) -> Response:
        """Return the result of the work as JSON, serialised in the same thread, with its timings in a header."""

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
        """Return hits, facets, timings and skipped stages. With `explain`, each hit has an explanation of its score."""
        return await answered(body, request.state.request_id)

    @routes.get("/search", response_model=SearchResult, summary="Search an index from a URL")
    async def search_simple(parameters: Annotated[SearchParameters, Query()], request: Request) -> Response:
        """Search like POST, with the most common options: `/v1/search?index=shop&q=headphones&k=5`."""
        return await answered(parameters, request.state.request_id)

    @routes.post("/answer", response_model=AnswerResult, summary="Answer a question from documents")
    async def answer(body: AnswerBody, request: Request) -> Response:
        """Return the best answering sentence of each document, with its position and probability of being an answer."""

        def work() -> tuple[AnswerResult, Mapping[str, float]]:
            with runtime.engine.lease(body.index) as searcher:
                found = searcher.answer(body.request())
            runtime.metrics.searched(found)
            return _completed(AnswerResult.model_validate(found), body, request.state.request_id), found.timings_ms

        return await timed(work)

    @routes.post("/why-not", response_model=WhyNotResult, summary="Explain why a document is not among the hits")
    async def why_not(body: WhyNotBody, request: Request) -> Response:
        """Return the first stage that dropped an expected document, and the document's scores in all stages."""

        def work() -> WhyNotResult:
            with runtime.engine.lease(body.index) as searcher:
                found = searcher.why_not(body.request(), body.id)
            return _completed(WhyNotResult.model_validate(found), body, request.state.request_id)

        return await runtime.answer(work)

    return routes


def _completed(result: Result, asked: Options, request_id: str) -> Result:
    """Add to a result what only the server knows: the request's id, and notes about the request."""
    return result.model_copy(update={"request_id": request_id, "notes": [*result.notes, *asked.notes]})


def server_timing(timings_ms: Mapping[str, float]) -> str:
    """Return the value of the Server-Timing header, such as `bm25;dur=0.812, total;dur=4.107`."""
    return ", ".join(f"{re.sub(r'[^A-Za-z0-9_-]', '_', stage)};dur={ms:.3f}" for stage, ms in timings_ms.items())
