"""Answers out of documents as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from clew.cli.hits import graph_lines, rerank_line, visible
from clew.search.types import Answer, AnswerResponse


def answer_lines(response: AnswerResponse) -> Iterator[str]:
    """The lines of an answer: sentences with their documents, then what the graph and reranking did."""
    if not response.answers:
        yield "no answers"
    for answer in response.answers:
        yield from _one(answer)
    if response.graph is not None:
        yield from graph_lines(response.graph)
    if response.rerank is not None:
        told = f"{response.sentences:,} sentence{'' if response.sentences == 1 else 's'} read"
        yield f"{rerank_line(response.rerank)}; {told}"


def _one(answer: Answer) -> Iterator[str]:
    """A sentence; its document and where in it; how likely both are; other passages of the document."""
    yield f"{answer.rank:>3}. {visible(answer.text)}"
    title = f"{visible(answer.title)}  " if answer.title else ""
    yield f"     {title}{visible(answer.id)}  {visible(answer.field)}, body {_span((answer.start, answer.end))}"
    chances = [
        f", {what} {chance:.2f}"
        for what, chance in (
            ("probability", answer.probability),
            ("of its document", answer.document_probability),
        )
        if chance is not None
    ]
    yield f"     ({answer.scored_by} {answer.score:.4f}{''.join(chances)})"
    if answer.more:
        yield f"     more in this document: {_spans(answer.more)}"
    yield ""


def _span(span: tuple[int, int]) -> str:
    return f"{span[0]:,}–{span[1]:,}"


def _spans(spans: Sequence[tuple[int, int]]) -> str:
    return ", ".join(map(_span, spans))
