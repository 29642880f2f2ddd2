"""What goes out of POST /v1/answer; the answers mirror clew.search.types field by field."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from clew.api.schemas import Answer, Degradation, GraphUse, RerankUse


class AnswerSentence(Answer):
    """The sentence of a document that answers best."""

    id: str = Field(description="Id of the document.", examples=["P-0042"])
    rank: int = Field(description="Place in the answer, 1 is best.")
    text: str = Field(description="The sentence.")
    title: str = Field(description="Title of the document; empty where it has none.")
    field: str = Field(description="Field that the sentence is from.", examples=["text"])
    start: int = Field(description="Where it starts, in characters of the document's body.")
    end: int = Field(description="Where it ends (exclusive).")
    passage: tuple[int, int] = Field(description="[start, end) of its passage in the document's body.")
    score: float = Field(description="Log-odds where scored_by is rerank, else the weight of the query's terms in it.")
    scored_by: Literal["rerank", "terms"] = Field(description="What chose it: the cross-encoder, or the query's terms.")
    probability: float | None = Field(description="How likely it answers, 0 to 1; null: no cross-encoder read it.")
    document_probability: float | None = Field(
        description="How likely its document is relevant, 0 to 1; null: it was not reranked."
    )
    more: list[tuple[int, int]] = Field(
        description="[start, end) of the document's other passages that were looked at, best first."
    )


class AnswerResult(Answer):
    """The answers to one question."""

    query: str = Field(description="The question as it was read.")
    answers: list[AnswerSentence] = Field(description="Answers, best first, at most one a document.")
    nothing_good: bool = Field(description="Whether no answer reaches min_probability; answers are empty then.")
    considered: int = Field(description="Documents that were candidates of any source.")
    sentences: int = Field(description="How many sentences the cross-encoder read.")
    release: str = Field(description="Release that answered.")
    index: str = Field(description="Index that answered.")
    timings_ms: dict[str, float] = Field(
        description="Stage → milliseconds.", examples=[{"answer": 31.2, "total": 64.1}]
    )
    degraded: list[Degradation] = Field(description="Stages that were left out; empty in the normal case.")
    notes: list[str] = Field(description="What understanding the query decided, and whether nothing is good.")
    coverage: float = Field(description="Share of shards that answered; 1 in the normal case.")
    graph: GraphUse | None = Field(description="What the graph did; null: the index has none, or it was not asked.")
    rerank: RerankUse | None = Field(description="What reranking documents did; null: nothing was to be reranked.")
    request_id: str = Field(default="", description="Id of this request, as in the X-Request-ID header.")
