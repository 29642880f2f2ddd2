"""GET /v1/documents."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from clew.api.requests import DocumentParameters
from clew.api.runtime import PROBLEMS, Runtime
from clew.api.schemas import DocumentResult, Variant
from clew.core.errors import NotFoundError


def router(runtime: Runtime) -> APIRouter:
    """Return the document route for a runtime."""
    routes = APIRouter(prefix="/v1", tags=["documents"], responses=PROBLEMS)

    @routes.get("/documents", response_model=DocumentResult, summary="Read a document")
    async def document(parameters: Annotated[DocumentParameters, Query()]) -> Response:
        """Return a document by id, as it was indexed. The id is a query parameter and may contain slashes."""

        def work() -> DocumentResult:
            with runtime.engine.lease(parameters.index) as searcher:
                found = searcher.store.find(parameters.id)
                if found is None:
                    raise NotFoundError(
                        f"index {searcher.release.index!r} has no document {parameters.id!r}",
                        "use an id that a search returns; ids are case-sensitive",
                    )
                return DocumentResult(
                    id=searcher.store.id(found),
                    index=searcher.release.index,
                    release=searcher.release.id,
                    fields=dict(searcher.store.fields_of(found)),
                    variants=[
                        Variant.model_validate(variant)
                        for variant in (searcher.store.variants.of(found) if searcher.store.variants else ())
                    ],
                )

        return await runtime.answer(work)

    return routes
