"""Format answers as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from clew.search.commands.hits import graph_lines, printable, rerank_line
from clew.search.types import Answer, AnswerResponse


def answer_lines(response: AnswerResponse) -> Iterator[str]:
    """Yield the lines of a response: each sentence with its document, then how the graph and the reranker were used."""
    if not response.answers:
        yield "no answers"
    for answer in response.answers:
        yield from _one_answer(answer)
    if response.graph is not None:
        yield from graph_lines(response.graph)
    if response.rerank is not None:
        sentences = f"{response.sentences:,} sentence{'' if response.sentences == 1 else 's'} read"
        yield f"{rerank_line(response.rerank)}; {sentences}"


def _one_answer(answer: Answer) -> Iterator[str]:
    """Yield the lines of one answer: sentence, document and span, score and probabilities, other passages."""
    yield f"{answer.rank:>3}. {printable(answer.text)}"
    title = f"{printable(answer.title)}  " if answer.title else ""
    yield f"     {title}{printable(answer.id)}  {printable(answer.field)}, body {_span((answer.start, answer.end))}"
    probabilities = [
        f", {label} {probability:.2f}"
        for label, probability in (
            ("probability", answer.probability),
            ("of its document", answer.document_probability),
        )
        if probability is not None
    ]
    yield f"     ({answer.scored_by} {answer.score:.4f}{''.join(probabilities)})"
    if answer.more:
        yield f"     more in this document: {_spans(answer.more)}"
    yield ""


def _span(span: tuple[int, int]) -> str:
    return f"{span[0]:,}–{span[1]:,}"


def _spans(spans: Sequence[tuple[int, int]]) -> str:
    return ", ".join(map(_span, spans))
