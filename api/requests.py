"""Request schemas. An unknown key is an error that suggests the nearest known key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from clew.api.listing_options import GroupBy, GroupLimit, Names, SearchAfter, SearchQuery, ShownFields, Sort
from clew.core.errors import nearest
from clew.search.names import listed
from clew.search.types import (
    MAX_ANSWERS,
    MAX_FACET_VALUES,
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
        raise ValueError("contains only white space")
    return text


Query = Annotated[
    str,
    Field(min_length=1, max_length=MAX_QUERY_CHARACTERS, description="The query, in natural language."),
    AfterValidator(_not_blank),
]
Index = Annotated[
    str | None,
    Field(
        min_length=1,
        max_length=200,
        description="Name of the index; optional if the server has only one.",
    ),
]
Count = Annotated[int, Field(ge=1, le=MAX_K, description="Number of documents to return.")]
Offset = Annotated[
    int,
    Field(ge=0, le=MAX_WINDOW, description=f"Number of documents to skip; offset + k must be at most {MAX_WINDOW:,}."),
]
Profile = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="Profile that decides how hits are shown: product or qa.")
]
Graph = Annotated[
    GraphMode,
    Field(description="Whether to use the graph: auto (the gate decides for each query), on (always) or off (never)."),
]
Expand = Annotated[
    GraphMode | None,
    Field(
        description="The old name of graph; the next release no longer accepts it.",
        json_schema_extra={"deprecated": True},
    ),
]
Budget = Annotated[float | None, Field(gt=0)]
Rerank = Annotated[
    bool | None,
    Field(description="Whether a cross-encoder reranks the first candidates; null: as the index's spec says."),
]
Probability = Annotated[
    float | None,
    Field(
        ge=0,
        le=1,
        description="Drop reranked documents whose probability of being relevant is below this value (0 to 1).",
    ),
]
AnswerTime = Annotated[
    Budget,
    Field(
        description="Time limit in milliseconds; stages that do not fit are skipped and listed in degraded.",
    ),
]
Filters = Annotated[
    dict[str, Any] | None,
    Field(
        description='Filters by field: a value, a list of values, or operators such as {"gte": 10}; must, should and '
        "must_not combine filters."
    ),
]
Sources = Annotated[
    Names | None,
    Field(min_length=1, description="Candidate sources to use; null: all sources of the index."),
]
Explain = Annotated[bool, Field(description="Whether to add an explanation of the score to each hit, in `why`.")]
Fusion = Annotated[
    str | None, Field(max_length=64, description="Fusion method that combines the sources; null: that of the release.")
]


class Request(BaseModel):
    """Base of the request schemas: an unknown key is an error that suggests the nearest known key."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    # Hints for keys that belong to another request.
    instead: ClassVar[Mapping[str, str]] = {}

    @model_validator(mode="before")
    @classmethod
    def refuse_unknown_keys(cls, given: Any) -> Any:
        """Raise an error for the first key that the model does not have."""
        known = {info.alias or name: info for name, info in cls.model_fields.items()}
        for key in given if isinstance(given, dict) else ():
            if key not in known:
                # Deprecated keys are accepted but not suggested.
                names = [name for name, info in known.items() if not _is_deprecated(info)]
                hint = cls.instead.get(str(key)) or nearest(str(key), names)
                raise PydanticCustomError(
                    "unknown_key", "unknown key {key}", {"key": repr(str(key)[:80]), "hint": hint}
                )
        return given


def _is_deprecated(info: FieldInfo) -> bool:
    extra = info.json_schema_extra
    return isinstance(extra, dict) and bool(extra.get("deprecated"))


class Options(Request):
    """The options of every search and question. Each sets the field of the same name in the request record."""

    index: Index = None
    graph: Graph = "auto"
    expand: Expand = None
    rerank: Rerank = None

    @model_validator(mode="before")
    @classmethod
    def refuse_both_names(cls, given: Any) -> Any:
        """Raise an error if an option is given under both its new and its old name."""
        if isinstance(given, dict) and {"graph", "expand"} <= given.keys():
            raise PydanticCustomError(
                "both_names",
                "graph and expand are both given",
                {"hint": "leave out expand, which is the old name of graph"},
            )
        return given

    @property
    def notes(self) -> list[str]:
        """Remarks about the request for the client, to be added to the notes of the response."""
        return [RENAMED] if self.expand is not None else []

    def values(self, record: type[SearchRequest | AnswerRequest]) -> dict[str, Any]:
        """Return the values of this request for the fields of a record, by field; lists become tuples."""
        names = [field.name for field in fields(record) if field.name in type(self).model_fields]
        values = {name: tuple(value) if isinstance(value := getattr(self, name), list) else value for name in names}
        return values | {"graph": self.expand} if self.expand is not None and "graph" in values else values


class SearchBody(Options):
    """A search request."""

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
                {"index": "shop", "filters": {"brand": "Sony"}, "sort": ["price:asc"]},
            ]
        },
    )

    instead = {"q": "use query; q is the name in GET /v1/search", "sort_by": "use sort", "order_by": "use sort"}

    query: SearchQuery = ""
    k: Count = 10
    offset: Offset = 0
    filters: Filters = None
    facets: Names = Field(default=[], description="Fields to count facets of; empty: those of the profile.")
    facet_limit: Annotated[
        int, Field(ge=0, le=MAX_FACET_VALUES, description="Maximum number of values of each facet; 0 for all.")
    ] = 20
    disjunctive: Names = Field(
        default=[], description="Facets to count as if the filters had no conditions on their own field."
    )
    profile: Profile = "product"
    sources: Sources = None
    fusion: Fusion = None
    min_probability: Probability = None
    sort: Sort = []
    search_after: SearchAfter = None
    fields: ShownFields = None
    group_by: GroupBy = None
    group_limit: GroupLimit = 1
    explain: Explain = False
    budget_ms: AnswerTime = None

    def request(self) -> SearchRequest:
        """Return the search request for the searcher."""
        return SearchRequest(**self.values(SearchRequest))


class SearchParameters(Options):
    """A simple search request in a URL."""

    instead = {
        "query": "use q; query is the name in POST /v1/search",
        **{
            name: f"{name} needs POST /v1/search"
            for name in ("filters", "facets", "facet_limit", "disjunctive", "sources", "fusion", "budget_ms")
        },
    }

    query: Annotated[SearchQuery, Field(alias="q")] = ""
    k: Count = 10
    offset: Offset = 0
    profile: Profile = "product"
    min_probability: Probability = None
    sort: Annotated[str, Field(max_length=2_000, description="As in POST /v1/search, with commas.")] = ""
    search_after: SearchAfter = None
    fields: Annotated[str | None, Field(max_length=2_000, description="As in POST /v1/search, with commas.")] = None
    group_by: GroupBy = None
    group_limit: GroupLimit = 1
    explain: Explain = False

    def request(self) -> SearchRequest:
        """Return the search request for the searcher."""
        shown = None if self.fields is None else listed(self.fields)
        return SearchRequest(**self.values(SearchRequest) | {"sort": listed(self.sort), "fields": shown})


class WhyNotBody(SearchBody):
    """A search request and a document that was expected among its hits."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"index": "shop", "query": "headphones", "id": "P-0042", "k": 10}]}
    )

    query: Query
    id: str = Field(min_length=1, max_length=2_000, description="Id of the document that was expected.")


class AnswerBody(Options):
    """A question that is to be answered from documents."""

    model_config = ConfigDict(
        strict=True,
        json_schema_extra={
            "examples": [
                {"index": "shop", "query": "how long does the battery of the earbuds last"},
                {"index": "shop", "query": "can the kettle keep water warm", "k": 3, "filters": {"brand": "Tarnwick"}},
            ]
        },
    )

    instead = {"q": "use query"}

    query: Query
    k: Annotated[
        int, Field(ge=1, le=MAX_ANSWERS, description="Number of documents, best first, that are read for answers.")
    ] = 5
    filters: Filters = None
    sources: Sources = None
    fusion: Fusion = None
    min_probability: Annotated[
        float | None,
        Field(
            ge=0, le=1, description="Leave out answers whose probability of being right is below this value (0 to 1)."
        ),
    ] = None
    budget_ms: AnswerTime = None

    def request(self) -> AnswerRequest:
        """Return the question for the searcher."""
        return AnswerRequest(search=SearchRequest(**self.values(SearchRequest)), **self.values(AnswerRequest))


class LinkBody(Request):
    """A text whose entities are to be found."""

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
        Field(min_length=1, max_length=MAX_QUERY_CHARACTERS, description="The text, such as a query."),
        AfterValidator(_not_blank),
    ]
    trace: bool = Field(
        default=False,
        description="Whether to list every candidate entity, with its features and the reason why it was dropped.",
    )


class EntityParameters(Request):
    """Which entity to read, and how many of its neighbours."""

    index: Index = None
    id: Annotated[
        str, Field(min_length=1, max_length=2_000, description="Id of the entity; it may contain slashes.",
                   examples=["brand:orvane"])
    ]  # fmt: skip
    limit: Annotated[
        int, Field(ge=1, le=1_000, description="Maximum number of neighbours along one relation in one direction.")
    ] = 20
    budget_ms: Budget = Field(
        default=None,
        description="Time limit for the graph's store in milliseconds; null: the store's own limit.",
    )


class DocumentParameters(Request):
    """Which document to read."""

    index: Index = None
    id: str = Field(min_length=1, max_length=2_000, description="Id of the document; it may contain slashes.")
