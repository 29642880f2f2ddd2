"""The types of the options of a listing: what is listed, in what order, and what is shown of it."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from clew.search.names import listed
from clew.search.types import MAX_GROUP_LIMIT, MAX_K, MAX_QUERY_CHARACTERS

Names = Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=100)]
SearchQuery = Annotated[
    str,
    Field(
        max_length=MAX_QUERY_CHARACTERS,
        description="The query, in natural language; empty or * lists all documents that pass the filters.",
    ),
]
# A list, or one string with commas.
Listed = Annotated[Names, BeforeValidator(lambda given: list(listed(given)) if isinstance(given, str) else given)]
Sort = Annotated[
    Listed,
    Field(
        description="Fields to sort by, the most important first, each with :asc (the default) or :desc, and _score "
        "for relevance; a list, or one string with commas. Missing values come last. Empty: by relevance.",
        examples=[["price:asc", "rating:desc"], "price:asc,rating:desc"],
    ),
]
ShownFields = Annotated[
    Listed | None,
    Field(
        description="Fields that hits have; * in a name stands for any characters; null: those of the profile.",
        examples=[["title", "price", "image_*"]],
    ),
]
SearchAfter = Annotated[
    str | None,
    Field(
        max_length=4_000,
        description="The search_after of the answer with the page before, to get the next page of the same request.",
    ),
]

GroupBy = Annotated[
    str | None,
    Field(
        min_length=1,
        max_length=200,
        description="Field to group by: hits are the best document of each value, and k, offset and search_after count "
        "groups.",
    ),
]
GroupLimit = Annotated[
    int,
    Field(
        ge=1,
        le=MAX_GROUP_LIMIT,
        description=f"Number of documents of each group; k * group_limit must be at most {MAX_K:,}.",
    ),
]
