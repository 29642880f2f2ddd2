"""Options that the commands on an index share, and the request that they are converted to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from clew.cli.options import note
from clew.core.errors import QueryError
from clew.search.commands.completion import facet_fields, filter_fields, graph_choices, index_names

if TYPE_CHECKING:
    from clew.search.fields import Fields
    from clew.search.pipeline import Searcher
    from clew.search.types import AnswerResponse, GraphMode, SearchRequest, SearchResponse

IndexName = Annotated[
    str, typer.Argument(help="Name of the index.", metavar="NAME", autocompletion=index_names, show_default=False)
]
Query = Annotated[str, typer.Argument(help="What to search for.", metavar="QUERY", show_default=False)]
Documents = Annotated[int, typer.Option("-k", "--k", help="Number of documents to return.")]
Profile = Annotated[str, typer.Option(help="How hits are shown: product, qa or the path of a .toml profile.")]
Filters = Annotated[
    list[str] | None,
    typer.Option(
        "--filter",
        help="Condition on a field, such as 'brand=Sony' or 'price<100'; may be repeated.",
        metavar="EXPR",
        autocompletion=filter_fields,
    ),
]
Facets = Annotated[
    list[str] | None,
    typer.Option("--facet", help="Count the values of this field; may be repeated.", autocompletion=facet_fields),
]
Sort = Annotated[
    list[str] | None,
    typer.Option(
        "--sort",
        help="Sort by fields, such as 'price:asc,rating:desc,_score'; may be repeated (default: by relevance).",
        metavar="KEYS",
    ),
]
Sources = Annotated[
    str | None, typer.Option(help="Candidate sources to use, such as bm25,dense (default: all of the index).")
]
Fusion = Annotated[
    str | None, typer.Option(help="How to join the sources: hybrid, sum or rrf (default: set by the release).")
]
Graph = Annotated[
    str,
    typer.Option(
        help="Use the graph: off, auto (its gate decides for each query) or on.",
        metavar="WHEN",
        autocompletion=graph_choices,
    ),
]
Rerank = Annotated[
    bool | None,
    typer.Option(
        "--rerank/--no-rerank", help="Rerank the first candidates with a cross-encoder (default: set by the index)."
    ),
]
MinProbability = Annotated[
    float | None,
    typer.Option(
        "--min-probability",
        help="Drop reranked results that are less likely to be relevant than this (0 to 1).",
        metavar="P",
    ),
]
BudgetMs = Annotated[
    float | None,
    typer.Option(
        help="Time limit in milliseconds (default: none); stages that do not fit are skipped and reported.",
    ),
]
ReleaseId = Annotated[str | None, typer.Option("--release", help="Release to search (default: the live one).")]


def request(
    query: str,
    k: int,
    *,
    sources: str | None,
    fusion: str | None,
    graph: str,
    rerank: bool | None,
    min_probability: float | None = None,
    budget_ms: float | None = None,
) -> SearchRequest:
    """Return the request that the options describe, without filters. Raises QueryError for an empty list of sources."""
    from clew.search.types import SearchRequest

    return SearchRequest(
        query=query,
        k=k,
        sources=_names(sources),
        fusion=fusion,
        budget_ms=budget_ms,
        graph=cast("GraphMode", graph),  # the pipeline rejects any other value
        rerank=rerank,
        min_probability=min_probability,
    )


def filtered(wanted: SearchRequest, filters: Sequence[str] | None, fields: Fields) -> SearchRequest:
    """Return the request with the conditions of --filter. Raises QueryError for one that cannot be parsed."""
    if not filters:
        return wanted
    from clew.search.filters import parse_filter_words

    return replace(wanted, filters=parse_filter_words(filters, fields))


@contextmanager
def opened(home: Path, name: str, release: str | None = None) -> Iterator[Searcher]:
    """Open an index and close it at the end. Raises NotFoundError for one that does not exist."""
    from clew.search.assemble import open_index

    searcher = open_index(home, name, release)
    try:
        yield searcher
    finally:
        searcher.close()


def note_outcome(response: SearchResponse | AnswerResponse, shown: int) -> None:
    """Print on stderr how many documents match, how long it took, and which stages were skipped."""
    from clew.search.types import SearchResponse

    took = response.timings_ms.get("total", 0.0)
    matching = response.total if isinstance(response, SearchResponse) else f"{response.considered:,}"
    note(f"{shown} of {matching} matching documents, {took:.1f} ms, release {response.release}")
    for text in response.notes:
        note(f"note: {text}")
    for lost in response.degraded:
        note(f"degraded: {lost.stage}: {lost.reason}")


def _names(sources: str | None) -> tuple[str, ...] | None:
    if sources is None:
        return None
    names = tuple(word.strip() for word in sources.split(",") if word.strip())
    if not names:
        raise QueryError("sources is empty", "give one or more, such as --sources bm25,dense")
    return names
