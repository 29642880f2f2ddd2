"""What goes out over the wire; the answers mirror clew.search.types field by field."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Json = dict[str, Any]


class Answer(BaseModel):
    """Base of what goes out; reads the dataclasses of clew.search.types."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


class Contribution(Answer):
    """One part of a stage's score."""

    stage: str = Field(description="Stage it belongs to.")
    what: str = Field(description="What it comes from.", examples=["term 'headphon'"])
    value: float = Field(description="What it adds; the values of a stage add up to the stage's score.")
    detail: Json = Field(description="The numbers behind it.")


class StageScore(Answer):
    """What one stage made of a document."""

    stage: str = Field(description="bm25, dense, fusion, rerank, …", examples=["bm25"])
    score: float | None = Field(description="Its score there; null: none.")
    rank: int | None = Field(description="Its rank there, 1 is best; null: not among the stage's candidates.")
    parts: list[Contribution] = Field(description="The parts of the score; they add up to it.")


class Highlight(Answer):
    """A snippet and the query's terms in it."""

    field: str = Field(description="Field that the snippet is from.")
    snippet: str = Field(description="Text of the snippet.")
    spans: list[tuple[int, int]] = Field(description="[start, end) of matches, in characters of the snippet.")
    start: int = Field(description="Where the snippet starts in its field, in characters.")


class Hit(Answer):
    """One document found."""

    id: str = Field(description="Id of the document.", examples=["P-0042"])
    rank: int = Field(description="Place in the whole answer, 1 is best.")
    score: float = Field(description="Score of the last stage that reached it; log-odds where that is rerank.")
    scored_by: str = Field(description="The stage the score is of.", examples=["fusion"])
    fields: Json = Field(description="Fields that the profile shows.")
    highlights: list[Highlight] = Field(description="Snippets with the query's terms marked.")
    passage: tuple[int, int] | None = Field(description="[start, end) of the best passage in the document's body.")
    why: list[StageScore] = Field(description="The receipt, one entry a stage; empty unless explain was asked for.")
    probability: float | None = Field(description="How likely it is relevant, 0 to 1; null: it was not reranked.")


class FacetValue(Answer):
    """One value of a facet."""

    value: str = Field(description="Value, path or range.", examples=["Sony"])
    count: int = Field(description="Documents that have it.")


class Degradation(Answer):
    """A stage that was left out."""

    stage: str = Field(description="The stage.")
    reason: str = Field(description="Why it was left out.")


class LinkedEntity(Answer):
    """An entity that a text names."""

    id: str = Field(description="Id of the entity.", examples=["colour:navy"])
    name: str = Field(description="What it is called.", examples=["navy"])
    type: str = Field(description="Its type; empty where the graph gives none.", examples=["colour"])
    start: int = Field(description="Where the words that name it start, in characters of the text as it was read.")
    end: int = Field(description="Where they end (exclusive).")
    text: str = Field(description="These words.", examples=["dark blue"])
    probability: float = Field(description="How likely it is meant, 0 to 1.")


class GraphUse(Answer):
    """What the graph did for a search."""

    used: bool = Field(description="Whether it took part in the ranking.")
    reason: str = Field(description="Why, or why not.", examples=["the query names no entity of the graph"])
    entities: list[LinkedEntity] = Field(description="Entities that the query names, by their place in it.")
    reached: int = Field(description="How many entities these lead to.")
    probability: float | None = Field(description="The gate's chance that the graph helps; null: it was not asked.")
    parts: list[Contribution] = Field(description="Parts of the gate's log-odds; empty unless explain was asked for.")


class RerankUse(Answer):
    """What reranking did for a search."""

    model: str = Field(description="The cross-encoder.", examples=["default"])
    reranked: int = Field(description="How many documents it scored.")
    of: int = Field(description="How many it was to score.")
    dropped: int = Field(description="How many were less likely than min_probability.")
    unjudged: int = Field(description="How many of the hits shown it did not score.")
    stopped: Literal["all", "budget", "settled", "unavailable"] = Field(
        description="What ended it: all were scored; its budget; hardly anything relevant is expected among the "
        "others; or it could not run, see degraded."
    )


class GraphState(Answer):
    """The graph of an index and how its store stands."""

    name: str = Field(description="Name of the graph.", examples=["shop"])
    snapshot: str = Field(description="Snapshot that the index was built with.")
    store: str = Field(description="Where queries walk: networkx or neo4j.", examples=["networkx"])
    entities: int = Field(description="Entities in the snapshot.")
    edges: int = Field(description="Edges in the snapshot.")
    answers: bool = Field(description="Whether the store answers, as far as searches have found; no server is asked.")
    problem: str | None = Field(description="Why it does not answer, where it does not.")


class SearchResult(Answer):
    """The answer to one search."""

    query: str = Field(description="The query as it was read.")
    hits: list[Hit] = Field(description="Documents found, best first.")
    considered: int = Field(description="Documents that were candidates of any source.")
    release: str = Field(description="Release that answered.")
    index: str = Field(description="Index that answered.")
    facets: dict[str, list[FacetValue]] = Field(description="Facet field → values, most frequent first.")
    timings_ms: dict[str, float] = Field(description="Stage → milliseconds.", examples=[{"bm25": 0.8, "total": 4.1}])
    degraded: list[Degradation] = Field(description="Stages that were left out; empty in the normal case.")
    notes: list[str] = Field(description="What understanding the query decided.")
    coverage: float = Field(description="Share of shards that answered; 1 in the normal case.")
    graph: GraphUse | None = Field(description="What the graph did; null: the index has none, or it was not asked.")
    rerank: RerankUse | None = Field(description="What reranking did; null: nothing was to be reranked.")
    request_id: str = Field(default="", description="Id of this request, as in the X-Request-ID header.")


class WhyNotResult(Answer):
    """Which stage lost a document."""

    id: str = Field(description="Id of the document.")
    found: bool = Field(description="Whether it is among the hits after all.")
    lost_at: str | None = Field(description="First stage that did not keep it; null where it was found.")
    reason: str = Field(description="The same in words.")
    stages: list[StageScore] = Field(description="What each stage made of it.")
    notes: list[str] = Field(default=[], description="What the client should know about its request.")
    request_id: str = Field(default="", description="Id of this request, as in the X-Request-ID header.")


class DocumentResult(Answer):
    """One document as it was indexed."""

    id: str = Field(description="Id of the document.")
    index: str = Field(description="Index it is in.")
    release: str = Field(description="Release it was read from.")
    fields: Json = Field(description="Every stored field with its value.")


class FieldResult(Answer):
    """One declared field."""

    type: str = Field(description="text, keyword, number, bool, date, list or geo.")
    weight: float = Field(description="What a term in this field counts in BM25; 0: not searched.")
    facet: bool | str | list[float] = Field(description="Whether and how its values are counted.")


class IndexSummary(Answer):
    """One index in the list."""

    name: str = Field(description="Name of the index.")
    status: Literal["opening", "serving", "failed"] = Field(description="Whether it can be searched.")
    release: str | None = Field(description="Release that serves; null while there is none.")
    version: str | None = Field(description="Version which that release names.")
    documents: int | None = Field(description="Documents in it.")
    passages: int | None = Field(description="Passages in it.")
    problem: str | None = Field(description="Why the newest release cannot be opened, where it cannot.")
    graph: GraphState | None = Field(description="Its graph; null: it has none.")
    override: Json | None = Field(
        description="reason, until, when and against which figures (overrode) it was published; null: nothing spoke "
        "against it."
    )


class IndexDetail(IndexSummary):
    """One index, with what is known of its live version."""

    created: str = Field(description="When the version was built (ISO 8601).")
    content: str = Field(description="sha256 over everything deterministic in it.")
    shards: int = Field(description="Number of shards.")
    sources: list[str] = Field(description="Candidate sources it has.", examples=[["bm25", "dense"]])
    encoder: Json = Field(description="The bi-encoder: name, fingerprint, runtime, dim; empty without a dense part.")
    reranker: Json = Field(description="The cross-encoder: name, fingerprint, runtime; empty: it reranks nothing.")
    recall: dict[str, float] = Field(description="Measured recall of the vector index against exact search.")
    relevance: dict[str, float] = Field(description="Measures on the judged queries of its spec.")
    fields: dict[str, FieldResult] = Field(description="Declared fields.")


class IndexList(Answer):
    """The indexes of this server."""

    indexes: list[IndexSummary] = Field(description="One entry per index, by name.")


class Health(Answer):
    """How the server stands."""

    status: Literal["ok", "degraded", "failing"] = Field(
        description="ok; degraded: an index or its newest release cannot be opened, or a graph's store does not "
        "answer; failing: nothing to search."
    )
    version: str = Field(description="Version of Clew.")
    uptime_seconds: float = Field(description="Seconds since the server started.")
    indexes: list[IndexSummary] = Field(description="How each index stands.")


class Alive(Answer):
    """The process runs."""

    status: Literal["ok"] = Field(default="ok", description="Always ok.")


class Fault(Answer):
    """One fault of a request with several."""

    parameter: str = Field(description="Parameter at fault.")
    detail: str = Field(description="What is wrong with it.")


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

    type: str = Field(description="URI of the kind of problem.")
    title: str = Field(description="The kind of problem in words.")
    status: int = Field(description="HTTP status.")
    detail: str = Field(description="What is wrong this time, with the value at fault.")
    code: str = Field(description="Stable short name for programs.", examples=["query", "not_found"])
    hint: str | None = Field(default=None, description="What to do about it.")
    parameter: str | None = Field(default=None, description="Parameter at fault, where one is.")
    errors: list[Fault] | None = Field(default=None, description="All faults, where there are several.")
    request_id: str | None = Field(default=None, description="Id of this request, as in the X-Request-ID header.")
