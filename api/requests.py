"""What comes in over the wire. An unknown key is an error that offers the nearest known one."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from clew.core.errors import nearest
from clew.search.types import (
    MAX_ANSWERS,
    MAX_K,
    MAX_QUERY_CHARACTERS,
    MAX_WINDOW,
    AnswerRequest,
    Expand,
    SearchRequest,
)


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("holds only white space")
    return text


Query = Annotated[
    str,
    Field(min_length=1, max_length=MAX_QUERY_CHARACTERS, description="What to search for, in plain words."),
    AfterValidator(_not_blank),
]
Index = Annotated[
    str | None,
    Field(min_length=1, max_length=200, description="Name of the index; may be left out where there is one."),
]
Count = Annotated[int, Field(ge=1, le=MAX_K, description="Documents wanted.")]
Offset = Annotated[
    int, Field(ge=0, le=MAX_WINDOW, description=f"Documents to skip; offset + k at most {MAX_WINDOW:,}.")
]
Profile = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="How hits are shown: product or qa.")]
Expansion = Annotated[
    Expand,
    Field(description="Whether the graph is used: auto lets the gate decide, on and off do not ask it."),
]
Budget = Annotated[float | None, Field(gt=0)]
Rerank = Annotated[
    bool | None,
    Field(description="Whether the first candidates are read again by a cross-encoder; null: as the index says."),
]
Probability = Annotated[
    float | None,
    Field(ge=0, le=1, description="Reranked documents less likely to be relevant than this (0 to 1) are dropped."),
]
AnswerTime = Annotated[
    Budget, Field(description="Wanted answer time in milliseconds; stages that do not fit are left out and named.")
]
Filters = Annotated[
    dict[str, Any] | None,
    Field(description='Field → value, values, or operators such as {"gte": 10}; joined by must, should, must_not.'),
]
Names = Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=100)]
Sources = Annotated[Names | None, Field(min_length=1, description="Candidate sources to use; null: all of the index.")]
Fusion = Annotated[str | None, Field(max_length=64, description="How sources are joined; null: as the release says.")]


class Request(BaseModel):
    """Base of what comes in: an unknown key is an error that offers the nearest known one."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def refuse_unknown_keys(cls, given: Any) -> Any:
        """Raise for the first key that the model does not have."""
        known = [info.alias or name for name, info in cls.model_fields.items()]
        for key in given if isinstance(given, dict) else ():
            if key not in known:
                raise PydanticCustomError(
                    "unknown_key", "unknown key {key}", {"key": repr(str(key)[:80]), "hint": nearest(str(key), known)}
                )
        return given


class SearchBody(Request):
    """A search."""

    model_config = ConfigDict(
        strict=True,
        json_schema_extra={
            "examples": [
                {"index": "shop", "query": "wireless headphones for travel", "k": 3},
                {
                    "index": "shop",
                    "query": "noise cancelling headphones",
                    "filters": {"brand": "Sony"},
                    "facets": ["brand", "category"],
                    "explain": True,
                },
            ]
        },
    )

    index: Index = None
    query: Query
    k: Count = 10
    offset: Offset = 0
    filters: Filters = None
    facets: Names = Field(default=[], description="Facet fields to count; empty: those of the profile.")
    profile: Profile = "product"
    sources: Sources = None
    fusion: Fusion = None
    expand: Expansion = "auto"
    rerank: Rerank = None
    min_probability: Probability = None
    explain: bool = Field(default=False, description="Give each hit its receipt, `why`.")
    budget_ms: AnswerTime = None

    def request(self) -> SearchRequest:
        """The same search in the words of search."""
        return SearchRequest(
            query=self.query,
            k=self.k,
            offset=self.offset,
            filters=self.filters,
            facets=tuple(self.facets),
            profile=self.profile,
            sources=None if self.sources is None else tuple(self.sources),
            fusion=self.fusion,
            explain=self.explain,
            budget_ms=self.budget_ms,
            expand=self.expand,
            rerank=self.rerank,
            min_probability=self.min_probability,
        )


class SearchParameters(Request):
    """A simple search in a URL."""

    index: Index = None
    q: Query
    k: Count = 10
    offset: Offset = 0
    profile: Profile = "product"
    expand: Expansion = "auto"
    rerank: Rerank = None
    min_probability: Probability = None
    explain: bool = Field(default=False, description="Give each hit its receipt, `why`.")

    def request(self) -> SearchRequest:
        """The same search in the words of search."""
        return SearchRequest(
            self.q,
            self.k,
            self.offset,
            profile=self.profile,
            explain=self.explain,
            expand=self.expand,
            rerank=self.rerank,
            min_probability=self.min_probability,
        )


class WhyNotBody(SearchBody):
    """A search and a document that was expected among its hits."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"index": "shop", "query": "headphones", "id": "P-0042", "k": 10}]}
    )

    id: str = Field(min_length=1, max_length=2_000, description="Id of the document that was expected.")


class AnswerBody(Request):
    """A question to the texts of documents."""

    model_config = ConfigDict(
        strict=True,
        json_schema_extra={
            "examples": [
                {"index": "shop", "query": "how long does the battery of the earbuds last"},
                {"index": "shop", "query": "can the kettle keep water warm", "k": 3, "filters": {"brand": "Tarnwick"}},
            ]
        },
    )

    index: Index = None
    query: Query
    k: Annotated[
        int, Field(ge=1, le=MAX_ANSWERS, description="How many documents, best first, are looked at for an answer.")
    ] = 5
    filters: Filters = None
    sources: Sources = None
    fusion: Fusion = None
    expand: Expansion = "auto"
    rerank: Rerank = None
    min_probability: Annotated[
        float | None,
        Field(ge=0, le=1, description="Answers less likely to be right than this (0 to 1) are left out."),
    ] = None
    budget_ms: AnswerTime = None

    def request(self) -> AnswerRequest:
        """The same question in the words of search."""
        return AnswerRequest(
            query=self.query,
            k=self.k,
            filters=self.filters,
            sources=None if self.sources is None else tuple(self.sources),
            fusion=self.fusion,
            expand=self.expand,
            rerank=self.rerank,
            budget_ms=self.budget_ms,
            min_probability=self.min_probability,
        )


class LinkBody(Request):
    """A text whose entities are wanted."""

    model_config = ConfigDict(
        strict=True,
        json_schema_extra={
            "examples": [
                {"index": "shop", "text": "dark blue headphones"},
                {"index": "shop", "text": "tarnwick skillets", "trace": True},
            ]
        },
    )

    index: Index = None
    text: Annotated[
        str,
        Field(min_length=1, max_length=MAX_QUERY_CHARACTERS, description="A text, such as a query."),
        AfterValidator(_not_blank),
    ]
    trace: bool = Field(
        default=False, description="Name every entity that was considered, what spoke for it, and why it was dropped."
    )


class EntityParameters(Request):
    """Which entity, and how much of what is around it."""

    index: Index = None
    id: Annotated[
        str, Field(min_length=1, max_length=2_000, description="Id of the entity; it may hold slashes.",
                   examples=["brand:orvane"])
    ]  # fmt: skip
    limit: Annotated[int, Field(ge=1, le=1_000, description="Most neighbours along one relation in one direction.")] = (
        20
    )
    budget_ms: Budget = Field(
        default=None,
        description="How long the graph's store may take in milliseconds; without it, the limit is the store's own.",
    )


class DocumentParameters(Request):
    """Which document."""

    index: Index = None
    id: str = Field(min_length=1, max_length=2_000, description="Id of the document; it may hold slashes.")
