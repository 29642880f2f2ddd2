"""What comes in over the wire. An unknown key is an error that offers the nearest known one."""

from __future__ import annotations

from dataclasses import fields
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
    GraphMode,
    SearchRequest,
)

RENAMED = "expand is now called graph; the next release drops the old name"


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
Graph = Annotated[
    GraphMode,
    Field(description="Whether the graph is used: auto lets the gate decide, on always uses it, off never."),
]
Expand = Annotated[
    GraphMode | None,
    Field(description="The old name of graph; the next release drops it.", json_schema_extra={"deprecated": True}),
]
Budget = Annotated[float | None, Field(gt=0)]
Rerank = Annotated[
    bool | None,
    Field(description="Whether the first candidates are read again by a cross-encoder; null: as the index says."),
]
Probability = Annotated[
    float | None,
    Field(
        ge=0, le=1, description="Drop reranked documents whose probability of being relevant is below this (0 to 1)."
    ),
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
Explain = Annotated[bool, Field(description="Give each hit its receipt, `why`.")]
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


class Options(Request):
    """What every search and question may say. A field here fills the field of that name in the record it becomes."""

    index: Index = None
    graph: Graph = "auto"
    expand: Expand = None
    rerank: Rerank = None

    @model_validator(mode="before")
    @classmethod
    def refuse_both_names(cls, given: Any) -> Any:
        """Raise if an option is given by its new and by its old name."""
        if isinstance(given, dict) and {"graph", "expand"} <= given.keys():
            raise PydanticCustomError(
                "both_names",
                "graph and expand are both given",
                {"hint": "expand is the old name of graph: leave it out"},
            )
        return given

    @property
    def notes(self) -> list[str]:
        """What the client should know about its request, to be added to the notes of the response."""
        return [RENAMED] if self.expand is not None else []

    def values(self, record: type[SearchRequest | AnswerRequest]) -> dict[str, Any]:
        """The values for the fields of a record that this request has; lists become tuples."""
        names = [field.name for field in fields(record) if field.name in type(self).model_fields]
        values = {name: tuple(value) if isinstance(value := getattr(self, name), list) else value for name in names}
        return values | {"graph": self.expand} if self.expand is not None and "graph" in values else values


class SearchBody(Options):
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

    query: Query
    k: Count = 10
    offset: Offset = 0
    filters: Filters = None
    facets: Names = Field(default=[], description="Facet fields to count; empty: those of the profile.")
    profile: Profile = "product"
    sources: Sources = None
    fusion: Fusion = None
    min_probability: Probability = None
    explain: Explain = False
    budget_ms: AnswerTime = None

    def request(self) -> SearchRequest:
        """The search that the searcher answers."""
        return SearchRequest(**self.values(SearchRequest))


class SearchParameters(Options):
    """A simple search in a URL."""

    query: Annotated[Query, Field(alias="q")]
    k: Count = 10
    offset: Offset = 0
    profile: Profile = "product"
    min_probability: Probability = None
    explain: Explain = False

    def request(self) -> SearchRequest:
        """The search that the searcher answers."""
        return SearchRequest(**self.values(SearchRequest))


class WhyNotBody(SearchBody):
    """A search and a document that was expected among its hits."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"index": "shop", "query": "headphones", "id": "P-0042", "k": 10}]}
    )

    id: str = Field(min_length=1, max_length=2_000, description="Id of the document that was expected.")


class AnswerBody(Options):
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

    query: Query
    k: Annotated[
        int, Field(ge=1, le=MAX_ANSWERS, description="How many documents, best first, are read for an answer.")
    ] = 5
    filters: Filters = None
    sources: Sources = None
    fusion: Fusion = None
    min_probability: Annotated[
        float | None,
        Field(ge=0, le=1, description="Leave out answers whose probability of being right is below this (0 to 1)."),
    ] = None
    budget_ms: AnswerTime = None

    def request(self) -> AnswerRequest:
        """The question that the searcher answers."""
        return AnswerRequest(search=SearchRequest(**self.values(SearchRequest)), **self.values(AnswerRequest))


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
