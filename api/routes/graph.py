"""POST /v1/link and GET /v1/entities."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from clew.api.graph_schemas import EntityResult, LinkResult
from clew.api.requests import EntityParameters, LinkBody
from clew.api.runtime import PROBLEMS, Runtime
from clew.core.types import Deadline
from clew.search.graph_reports import describe, link


def router(runtime: Runtime) -> APIRouter:
    """Return the graph's routes for a runtime."""
    routes = APIRouter(prefix="/v1", tags=["graph"], responses=PROBLEMS)

    @routes.post("/link", response_model=LinkResult, summary="Find the entities that a text names")
    async def linked(body: LinkBody, request: Request) -> Response:
        """Return the mentions of a text; with `trace`, also all candidates with features and why they were dropped.

        The text is linked like the query of a search. Entities are found by name, alias or translation.
        """

        def work() -> LinkResult:
            with runtime.engine.lease(body.index) as searcher:
                found = link(searcher, body.text, trace=body.trace)
                release = searcher.release
            return LinkResult.model_validate(found).model_copy(
                update={"index": release.index, "release": release.id, "request_id": request.state.request_id}
            )

        return await runtime.answer(work)

    @routes.get("/entities", response_model=EntityResult, summary="Read an entity and its neighbours")
    async def entity(parameters: Annotated[EntityParameters, Query()], request: Request) -> Response:
        """Return an entity of the index's graph by id, and its neighbours one hop away, by relation.

        If the graph's store cannot answer in time, the neighbours are those of the snapshot, and `degraded` says so.
        """

        def work() -> EntityResult:
            with runtime.engine.lease(parameters.index) as searcher:
                deadline = Deadline.after_ms(parameters.budget_ms)
                found = describe(searcher, parameters.id, limit=parameters.limit, deadline=deadline)
                release = searcher.release
            return EntityResult.model_validate(found).model_copy(
                update={"index": release.index, "release": release.id, "request_id": request.state.request_id}
            )

        return await runtime.answer(work)

    return routes
