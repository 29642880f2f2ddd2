"""GET /v1/indexes and /v1/indexes/{name}."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response

from clew.api.engine import IndexState
from clew.api.runtime import PROBLEMS, Runtime
from clew.api.schemas import FieldResult, GraphState, IndexDetail, IndexList, IndexSummary
from clew.search.graph_reports import store_problem
from clew.search.graph_retriever import GraphRetriever


def summary(state: IndexState) -> IndexSummary:
    """Return the state of an index, for the list of indexes and the health routes."""
    searcher = state.searcher
    return IndexSummary(
        name=state.name,
        status=state.status,
        release=searcher.release.id if searcher else None,
        version=searcher.version.id if searcher else None,
        documents=searcher.version.documents if searcher else None,
        passages=searcher.version.passages if searcher else None,
        problem=state.failure.error.message if state.failure else None,
        graph=graph_state(searcher.graph_retriever) if searcher and searcher.graph_retriever else None,
        override=dict(searcher.release.override) or None if searcher else None,
    )


def graph_state(graph_retriever: GraphRetriever) -> GraphState:
    """Return the last known state of an index's graph, without contacting its store."""
    problem = store_problem(graph_retriever)
    return GraphState(
        name=graph_retriever.spec.name,
        snapshot=graph_retriever.snapshot.id,
        store=graph_retriever.spec.store,
        entities=graph_retriever.snapshot.counts.entities,
        edges=graph_retriever.snapshot.counts.edges,
        answers=not problem,
        problem=problem or None,
    )


def router(runtime: Runtime) -> APIRouter:
    """Return the index routes for a runtime."""
    routes = APIRouter(prefix="/v1", tags=["indexes"], responses=PROBLEMS)

    @routes.get("/indexes", response_model=IndexList, summary="List the indexes")
    async def indexes() -> Response:
        """Return all indexes of this server, with the release that each serves."""
        return await runtime.answer(lambda: IndexList(indexes=[summary(state) for state in runtime.engine.states()]))

    @routes.get("/indexes/{name}", response_model=IndexDetail, summary="Show an index")
    async def index(name: Annotated[str, Path(description="Name of the index.")]) -> Response:
        """Return one index: release, version, counts, measured recall and relevance, declared fields and graph."""

        def work() -> IndexDetail:
            with runtime.engine.lease(name) as searcher:
                # An index that was just removed is no longer listed, but its lease is still valid.
                failure = next((state.failure for state in runtime.engine.states() if state.name == name), None)
                version = searcher.version
                return IndexDetail(
                    **summary(IndexState(name, searcher, failure)).model_dump(),
                    created=version.created,
                    content=version.content,
                    shards=len(version.shards),
                    sources=list(searcher.sources),
                    encoder=dict(version.encoder),
                    reranker=dict(searcher.release.reranker),
                    recall=dict(version.recall),
                    relevance=dict(version.relevance),
                    fields={
                        field: FieldResult(type=spec.type, weight=spec.search_weight, facet=spec.facet)
                        for field, spec in searcher.fields.items()
                    },
                )

        return await runtime.answer(work)

    return routes
