"""Response schemas; they mirror the classes of clew.search.types field by field."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Json = dict[str, Any]


class Answer(BaseModel):
    """Base of the response schemas; it can be made from the dataclasses of clew.search.types."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


class Contribution(Answer):
    """One part of a stage's score."""

    stage: str = Field(description="Name of the stage.")
    what: str = Field(description="What this part of the score comes from.", examples=["term 'headphon'"])
    value: float = Field(description="Value of this part; the parts of a stage add up to the stage's score.")
    detail: Json = Field(description="The numbers that the value is computed from.")


class StageScore(Answer):
    """A document's score and rank in one stage."""

    stage: str = Field(description="Name of the stage: bm25, dense, fusion, rerank, …", examples=["bm25"])
    score: float | None = Field(description="The document's score in this stage; null if it has none.")
    rank: int | None = Field(
        description="The document's rank in this stage, 1 is the best; null if it is not one of the stage's candidates."
    )
    parts: list[Contribution] = Field(description="The parts of the score; they add up to it.")


class Highlight(Answer):
    """A snippet and the query's terms in it."""

    field: str = Field(description="Field that contains the snippet.")
    snippet: str = Field(description="Text of the snippet.")
    spans: list[tuple[int, int]] = Field(
        description="Start and end (exclusive) of each match, in characters of the snippet."
    )
    start: int = Field(description="Start of the snippet in its field, in characters.")


class Variant(Answer):
    """One variant of a document, such as a size of a product."""

    id: str = Field(description="The variant's own id, such as its SKU; empty if it has none.", examples=["P-0042-M"])
    fields: Json = Field(description="Values of the fields in which variants may differ.")


class MatchedVariant(Variant):
    """The variant of a document that matches a search best."""

    index: int = Field(description="Number of the variant among the document's variants, from 0.")
    of: int = Field(description="Number of variants of the document.")


class Hit(Answer):
    """One document found."""

    id: str = Field(description="Id of the document.", examples=["P-0042"])
    rank: int = Field(description="Rank in the complete ranking, from 1 (the best); it includes skipped documents.")
    score: float = Field(description="Score of the last stage that scored the document; log-odds if that is rerank.")
    scored_by: str = Field(description="Stage that the score is from.", examples=["fusion"])
    fields: Json = Field(description="The document's fields that the profile shows.")
    highlights: list[Highlight] = Field(description="Snippets with the query's terms marked.")
    passage: tuple[int, int] | None = Field(
        description="Start and end (exclusive) of the best passage, in characters of the document's body; null if none."
    )
    why: list[StageScore] = Field(
        description="Explanation of the score, one entry per stage; empty unless explain was requested."
    )
    probability: float | None = Field(
        description="Probability that the document is relevant, 0 to 1; null if it was not reranked."
    )
    variant: MatchedVariant | None = Field(
        description="The variant that passes the filters and has most query terms; null in an index without variants."
    )
    sort_values: Json = Field(description="The values that the document is sorted by, by field; null if missing.")


class Group(Answer):
    """The documents that have one value of the field that a search groups by."""

    value: str | float | bool | None = Field(
        description="The value; null for a document without one, which is a group of its own.", examples=["Sony"]
    )
    count: int = Field(description="Number of documents that match and have the value.")
    hits: list[Hit] = Field(description="The first of these documents, ranked within the group.")


class FacetValue(Answer):
    """One value of a facet."""

    value: str = Field(description="Value, path or range.", examples=["Sony"])
    count: int = Field(description="Number of documents with this value.")


class Degradation(Answer):
    """A stage of the search that was skipped."""

    stage: str = Field(description="Name of the stage.")
    reason: str = Field(description="Why it was skipped.")


class LinkedEntity(Answer):
    """An entity that a text names."""

    id: str = Field(description="Id of the entity.", examples=["colour:navy"])
    name: str = Field(description="Name of the entity.", examples=["navy"])
    type: str = Field(description="Type of the entity; empty if the graph has none.", examples=["colour"])
    start: int = Field(description="Start of the mention, in characters of the text after normalisation.")
    end: int = Field(description="End of the mention (exclusive), in characters of the text after normalisation.")
    text: str = Field(description="The words of the mention.", examples=["dark blue"])
    probability: float = Field(description="Probability that the words mean this entity, 0 to 1.")


class GraphUse(Answer):
    """How the graph was used in a search."""

    used: bool = Field(description="Whether the graph took part in the ranking.")
    reason: str = Field(
        description="Why the graph was used or not used.", examples=["the query names no entity of the graph"]
    )
    entities: list[LinkedEntity] = Field(description="Entities that the query names, in the order of the query.")
    reached: int = Field(description="Number of entities that the walk from these entities reached.")
    outmatched: int = Field(
        description="Number of candidates that the graph leads to and that do not count, "
        "because others hold more of the query."
    )
    probability: float | None = Field(
        description="The gate's probability that the graph helps this query, 0 to 1; null if the gate did not decide."
    )
    parts: list[Contribution] = Field(description="Parts of the gate's log-odds; empty unless explain was requested.")


class RerankUse(Answer):
    """How documents were reranked in a search."""

    model: str = Field(description="Name of the cross-encoder.", examples=["default"])
    reranked: int = Field(description="Number of documents that the cross-encoder scored.")
    of: int = Field(description="Number of documents that were to be scored.")
    dropped: int = Field(description="Number of documents that were dropped because of min_probability.")
    unjudged: int = Field(description="Number of returned hits that the cross-encoder did not score.")
    stopped: Literal["all", "budget", "early_stop", "unread", "unavailable"] = Field(
        description="Why reranking ended: all (every document was scored), budget (no time for all, so none is "
        "reranked; see degraded), early_stop (the other documents are hardly expected to be relevant), unread (the "
        "cross-encoder does not read the query's language; see notes) or unavailable (it could not run; see degraded)."
    )


class GraphState(Answer):
    """The graph of an index and the state of its store."""

    name: str = Field(description="Name of the graph.", examples=["shop"])
    snapshot: str = Field(description="Id of the graph's snapshot that the index was built with.")
    store: str = Field(description="Store that queries use: networkx or neo4j.", examples=["networkx"])
    entities: int = Field(description="Number of entities in the snapshot.")
    edges: int = Field(description="Number of edges in the snapshot.")
    answers: bool = Field(
        description="Whether the store answers, as far as earlier searches found; this request does not contact it."
    )
    problem: str | None = Field(description="Why the store does not answer; null if it does.")


class Total(Answer):
    """How many documents match a search."""

    value: int = Field(description="Number of documents that match; facets count these, and pages list them.")
    relation: Literal["eq", "gte"] = Field(description="eq: exactly so many match; gte: so many, or more.")


class SearchResult(Answer):
    """The response to one search."""

    query: str = Field(description="The query that was searched for, after normalisation.")
    hits: list[Hit] = Field(description="Documents found, best first.")
    total: Total = Field(description="How many documents match the query and the filters.")
    considered: int = Field(description="Number of documents that match, with those that min_probability dropped.")
    release: str = Field(description="Release that answered the request.")
    index: str = Field(description="Index that answered the request.")
    facets: dict[str, list[FacetValue]] = Field(description="Values of each facet field, most frequent first.")
    timings_ms: dict[str, float] = Field(
        description="Time of each stage in milliseconds, by name.", examples=[{"bm25": 0.8, "total": 4.1}]
    )
    degraded: list[Degradation] = Field(description="Stages that were skipped; normally empty.")
    notes: list[str] = Field(description="Remarks about the request, such as how the query was interpreted.")
    coverage: float = Field(description="Share of the shards that answered, 0 to 1; normally 1.")
    graph: GraphUse | None = Field(
        description="How the graph was used; null if the index has no graph or the request did not use it."
    )
    rerank: RerankUse | None = Field(description="How documents were reranked; null if there was nothing to rerank.")
    search_after: str | None = Field(
        description="What the request for the next page gives as its search_after; null if this is the last page."
    )
    groups: list[Group] = Field(description="With group_by, the group of each hit, in the same order; else empty.")
    total_groups: int | None = Field(
        description="With group_by, how many groups all pages have; total counts documents. Null without group_by."
    )
    request_id: str = Field(default="", description="Id of this request, as in the X-Request-ID header.")


class WhyNotResult(Answer):
    """Why a document is not among the hits."""

    id: str = Field(description="Id of the document.")
    found: bool = Field(description="Whether the document is among the hits.")
    lost_at: str | None = Field(description="First stage that dropped the document; null if it is among the hits.")
    reason: str = Field(description="Explanation in words.")
    stages: list[StageScore] = Field(description="The document's score and rank in each stage.")
    notes: list[str] = Field(default=[], description="Remarks about the request.")
    request_id: str = Field(default="", description="Id of this request, as in the X-Request-ID header.")


class DocumentResult(Answer):
    """One document as it was indexed."""

    id: str = Field(description="Id of the document.")
    index: str = Field(description="Index that contains the document.")
    release: str = Field(description="Release that the document was read from.")
    fields: Json = Field(description="All stored fields with their values; of a field of variants all distinct values.")
    variants: list[Variant] = Field(description="The document's variants; empty in an index without variants.")


class FieldResult(Answer):
    """One declared field of an index."""

    type: str = Field(description="Type of the field: text, keyword, number, bool, date, list or geo.")
    weight: float = Field(description="Weight of the field's terms in BM25; 0 if the field is not searched.")
    facet: bool | str | list[float] = Field(
        description="Whether the field is a facet: true, false, hierarchy (values are paths), or the borders of ranges."
    )


class IndexSummary(Answer):
    """One index of the server."""

    name: str = Field(description="Name of the index.")
    status: Literal["opening", "serving", "failed"] = Field(
        description="serving (it can be searched), opening (it is not open yet) or failed (it cannot be opened)."
    )
    release: str | None = Field(description="Release that is served; null if none is open.")
    version: str | None = Field(description="Version of that release; null if none is open.")
    documents: int | None = Field(description="Number of documents; null if no release is open.")
    passages: int | None = Field(description="Number of passages; null if no release is open.")
    problem: str | None = Field(description="Why the newest release cannot be opened; null if it can.")
    graph: GraphState | None = Field(description="The graph of the index; null if it has none.")
    override: Json | None = Field(
        description="Override of the quality gate that the release was published with: reason, until, when, against "
        "(the better release) and overrode (the failures); null if there was none."
    )


class IndexDetail(IndexSummary):
    """One index, with details of its live version."""

    created: str = Field(description="Time at which the version was built (ISO 8601).")
    content: str = Field(description="sha256 of the version's deterministic content.")
    shards: int = Field(description="Number of shards.")
    sources: list[str] = Field(description="Candidate sources of the index.", examples=[["bm25", "dense"]])
    encoder: Json = Field(
        description="The bi-encoder: name, fingerprint, runtime and dim; empty if the index has no vectors."
    )
    reranker: Json = Field(
        description="The cross-encoder: name, fingerprint and runtime; empty if the index has no reranker."
    )
    recall: dict[str, float] = Field(
        description="Measured recall of the vector index against exact search, by measure, 0 to 1."
    )
    relevance: dict[str, float] = Field(
        description="Relevance measures on the judged queries of the spec, 0 to 1; empty if there are none."
    )
    fields: dict[str, FieldResult] = Field(description="Declared fields, by name.")


class IndexList(Answer):
    """The indexes of this server."""

    indexes: list[IndexSummary] = Field(description="One entry per index, sorted by name.")


class Health(Answer):
    """The state of the server."""

    status: Literal["ok", "degraded", "failing"] = Field(
        description="ok, degraded (an index or its newest release cannot be opened, a graph's store does not answer, "
        "or the server no longer checks for new releases) or failing (no index can be searched)."
    )
    version: str = Field(description="Version of Clew.")
    uptime_seconds: float = Field(description="Seconds since the server started.")
    indexes: list[IndexSummary] = Field(description="The state of each index, sorted by name.")


class Alive(Answer):
    """The response of a running process."""

    status: Literal["ok"] = Field(default="ok", description="Always ok.")


class Fault(Answer):
    """One of several faults of a request."""

    parameter: str = Field(description="Parameter at fault.")
    detail: str = Field(description="What is wrong with the parameter.")


class Problem(Answer):
    """A problem as RFC 9457 describes it, with a stable `code` and a `hint`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:clew:problem:query",
                    "title": "The request cannot be answered as asked",
                    "status": 422,
                    "detail": "k is 0: input should be greater than or equal to 1",
                    "code": "query",
                    "parameter": "k",
                    "request_id": "0b9f6e4c2f1d4d0c8a4f6a2f3e5d7c9b",
                }
            ]
        }
    )

    type: str = Field(description="URI that identifies the kind of problem.")
    title: str = Field(description="Kind of problem in words.")
    status: int = Field(description="HTTP status.")
    detail: str = Field(description="What is wrong with this request, including the value at fault.")
    code: str = Field(description="Stable code of the kind of problem, for programs.", examples=["query", "not_found"])
    hint: str | None = Field(default=None, description="What to do about the problem.")
    parameter: str | None = Field(default=None, description="Parameter at fault, if there is one.")
    errors: list[Fault] | None = Field(default=None, description="All faults, if there are several.")
    request_id: str | None = Field(default=None, description="Id of this request, as in the X-Request-ID header.")
