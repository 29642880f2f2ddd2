"""`clew search`."""

from __future__ import annotations

import shutil
import sys
from dataclasses import asdict, replace
from typing import Annotated

import typer

from clew.cli.options import DEFAULT_HOME, Home, Json, out, out_json
from clew.search.commands import options


def search(
    name: options.IndexName,
    query: Annotated[
        str,
        typer.Argument(help="What to search for; none lists all documents that pass the filters.", metavar="[QUERY]"),
    ] = "",
    home: Home = DEFAULT_HOME,
    k: options.Documents = 10,
    offset: Annotated[int, typer.Option(help="Number of first documents to skip.")] = 0,
    profile: options.Profile = "product",
    filters: options.Filters = None,
    facets: options.Facets = None,
    facet_limit: Annotated[int, typer.Option(help="Maximum number of values of a facet; 0 for all.")] = 20,
    disjunctive: Annotated[
        list[str] | None,
        typer.Option("--disjunctive", help="Count this facet as if --filter had no condition on it; may be repeated."),
    ] = None,
    sort: options.Sort = None,
    search_after: Annotated[
        str | None,
        typer.Option("--search-after", help="Show the page behind this cursor, which --json gives.", metavar="CURSOR"),
    ] = None,
    fields: Annotated[
        list[str] | None,
        typer.Option(
            "--fields",
            help="Fields to show, such as 'title,price,image_*'; may be repeated (default: those of the profile).",
            metavar="NAMES",
        ),
    ] = None,
    group_by: Annotated[
        str | None, typer.Option("--group-by", help="Show the best document of each value of this field.")
    ] = None,
    group_limit: Annotated[int, typer.Option(help="Number of documents of each group.")] = 1,
    explain: Annotated[bool, typer.Option("--explain", help="Explain the score of each hit.")] = False,
    sources: options.Sources = None,
    fusion: options.Fusion = None,
    graph: options.Graph = "auto",
    rerank: options.Rerank = None,
    min_probability: options.MinProbability = None,
    budget_ms: options.BudgetMs = None,
    release: options.ReleaseId = None,
    as_json: Json = False,
) -> None:
    """Search an index and show the best documents, or list those that pass the filters.

    See also `clew answer` (sentences that answer a question), `clew why-not` (the stage that dropped a document) and
    `clew run` (a whole file of queries).

    Examples:

    clew search shop "wireless headphones" -k 5 --filter brand=Sony --explain

    clew search shop "headphones" --filter "price<100" --facet brand

    clew search shop --filter "category under Home" --sort price:asc,rating:desc
    """
    from clew.search.check_request import check
    from clew.search.names import listed

    wanted = replace(
        options.request(
            query,
            k,
            sources=sources,
            fusion=fusion,
            graph=graph,
            rerank=rerank,
            min_probability=min_probability,
            budget_ms=budget_ms,
        ),
        offset=offset,
        facets=tuple(facets or ()),
        facet_limit=facet_limit,
        disjunctive=tuple(disjunctive or ()),
        profile=profile,
        explain=explain,
        sort=listed(",".join(sort or ())),
        search_after=search_after,
        fields=None if fields is None else listed(",".join(fields)),
        group_by=group_by,
        group_limit=group_limit,
    )
    check(wanted, listing=True)
    with options.opened(home, name, release) as searcher:
        response = searcher.search(options.filtered(wanted, filters, searcher.fields))
        if as_json:
            out_json(asdict(response))
            return
        from clew.search.commands.hits import Page

        on_terminal = sys.stdout.isatty()
        page = Page(searcher.fields, on_terminal, shutil.get_terminal_size((100, 24)).columns if on_terminal else 200)
        for line in page.answer(response):
            out(line)
        options.note_outcome(response, len(response.hits))
