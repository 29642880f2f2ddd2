"""Response schemas of POST /v1/answer; they mirror the classes of clew.search.types field by field."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from clew.api.schemas import Answer, Degradation, GraphUse, RerankUse


class AnswerSentence(Answer):
    """The sentence of a document that answers the question best."""

    id: str = Field(description="Id of the document.", examples=["P-0042"])
    rank: int = Field(description="Rank among the answers; 1 is the best.")
    text: str = Field(description="The sentence.")
    title: str = Field(description="Title of the document; empty if it has none.")
    field: str = Field(description="Field that contains the sentence.", examples=["text"])
    start: int = Field(description="Start of the sentence, in characters of the document's body.")
    end: int = Field(description="End of the sentence (exclusive), in characters of the document's body.")
    passage: tuple[int, int] = Field(
        description="Start and end (exclusive) of the sentence's passage, in characters of the document's body."
    )
    score: float = Field(
        description="Log-odds if scored_by is rerank, else the sum of the weights of the query's terms in the sentence."
    )
    scored_by: Literal["rerank", "terms"] = Field(
        description="How the sentence was chosen: rerank (by the cross-encoder) or terms (by the query's terms)."
    )
    probability: float | None = Field(
        description="Probability that the sentence answers the question, 0 to 1; null if no cross-encoder scored it."
    )
    document_probability: float | None = Field(
        description="Probability that the document is relevant, 0 to 1; null if it was not reranked."
    )
    more: list[tuple[int, int]] = Field(
        description="Start and end (exclusive) of the document's other passages that were considered, best first."
    )


class AnswerResult(Answer):
    """The answers to one question."""

    query: str = Field(description="The question that was searched for, after normalisation.")
    answers: list[AnswerSentence] = Field(description="Answers, best first, at most one per document.")
    nothing_good: bool = Field(
        description="Whether the documents found probably do not answer: no answer reaches min_probability, and "
        "answers is then empty, or without min_probability none reaches the default floor, and answers has them."
    )
    considered: int = Field(description="Number of documents that match the query and the filters.")
    sentences: int = Field(description="Number of sentences that the cross-encoder scored.")
    release: str = Field(description="Release that answered the request.")
    index: str = Field(description="Index that answered the request.")
    timings_ms: dict[str, float] = Field(
        description="Time of each stage in milliseconds, by name.", examples=[{"answer": 31.2, "total": 64.1}]
    )
    degraded: list[Degradation] = Field(description="Stages that were skipped; normally empty.")
    notes: list[str] = Field(
        description="Remarks about the request, such as how the query was interpreted or that no answer is good enough."
    )
    coverage: float = Field(description="Share of the shards that answered, 0 to 1; normally 1.")
    graph: GraphUse | None = Field(
        description="How the graph was used; null if the index has no graph or the request did not use it."
    )
    rerank: RerankUse | None = Field(
        description="How the documents were reranked; null if there was nothing to rerank."
    )
    request_id: str = Field(default="", description="Id of this request, as in the X-Request-ID header.")
