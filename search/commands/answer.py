"""`clew answer`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from clew.cli.options import DEFAULT_HOME, Home, Json, out, out_json
from clew.search.commands import options


def answer(
    name: options.IndexName,
    query: Annotated[str, typer.Argument(help="The question.", metavar="QUERY")],
    home: Home = DEFAULT_HOME,
    k: Annotated[int, typer.Option("-k", "--k", help="Number of documents to take answers from, at most 50.")] = 5,
    filters: options.Filters = None,
    sources: options.Sources = None,
    fusion: options.Fusion = None,
    graph: options.Graph = "auto",
    rerank: options.Rerank = None,
    min_probability: Annotated[
        float | None,
        typer.Option(
            "--min-probability",
            help="Drop answers that are less likely to be right than this (0 to 1).",
            metavar="P",
        ),
    ] = None,
    budget_ms: options.BudgetMs = None,
    release: options.ReleaseId = None,
    as_json: Json = False,
) -> None:
    """Answer a question with the best sentence of each of the first documents.

    Example: clew answer shop "how long does the battery last" -k 3
    """
    from clew.search.check_request import check
    from clew.search.types import AnswerRequest

    wanted = options.request(
        query,
        k,
        sources=sources,
        fusion=fusion,
        graph=graph,
        rerank=rerank,
        min_probability=min_probability,
        budget_ms=budget_ms,
    )
    check(wanted)
    with options.opened(home, name, release) as searcher:
        wanted = options.filtered(wanted, filters, searcher.fields)
        response = searcher.answer(AnswerRequest(search=wanted, k=k, min_probability=min_probability))
    if as_json:
        out_json(asdict(response))
        return
    from clew.search.commands.answers import answer_lines

    for line in answer_lines(response):
        out(line)
    options.note_outcome(response, len(response.answers))
