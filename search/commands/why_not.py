"""`clew why-not`."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Annotated

import typer

from clew.cli.options import DEFAULT_HOME, Home, Json, out, out_json
from clew.search.commands import options


def why_not(
    name: options.IndexName,
    query: options.Query,
    document: Annotated[str, typer.Argument(help="Id of the document you expected.", metavar="ID")],
    home: Home = DEFAULT_HOME,
    k: Annotated[int, typer.Option("-k", "--k", help="Number of hits of the search in question.")] = 10,
    offset: Annotated[int, typer.Option(help="Number of first documents that it skips.")] = 0,
    profile: options.Profile = "product",
    filters: options.Filters = None,
    sources: options.Sources = None,
    fusion: options.Fusion = None,
    graph: options.Graph = "auto",
    rerank: options.Rerank = None,
    min_probability: options.MinProbability = None,
    release: options.ReleaseId = None,
    as_json: Json = False,
) -> None:
    """Find the stage of a search that dropped a document, and show its score in each stage.

    Give the same options as in the search to explain.

    Example: clew why-not shop "wireless headphones" P-0042 -k 5
    """
    from clew.search.check_request import check
    from clew.search.commands.hits import verdict

    wanted = replace(
        options.request(
            query, k, sources=sources, fusion=fusion, graph=graph, rerank=rerank, min_probability=min_probability
        ),
        offset=offset,
        profile=profile,
    )
    check(wanted)
    with options.opened(home, name, release) as searcher:
        found = searcher.why_not(options.filtered(wanted, filters, searcher.fields), document)
    if as_json:
        out_json(asdict(found))
        return
    for line in verdict(found):
        out(line)
