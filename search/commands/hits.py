"""Format search responses as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from clew.search.fields import Fields, title_field
from clew.search.fusion import OUTMATCHED
from clew.search.types import (
    FacetValue,
    GraphUse,
    Group,
    Highlight,
    Hit,
    LinkedEntity,
    RerankUse,
    SearchResponse,
    StageScore,
    WhyNot,
)

BOLD, PLAIN = "\x1b[1m", "\x1b[22m"
SNIPPET_CHARACTERS = 240


@dataclass(frozen=True, slots=True)
class Page:
    """The layout of responses. bold: mark matches with terminal codes. width: characters in a line."""

    fields: Fields
    bold: bool = False
    width: int = 100

    def answer(self, response: SearchResponse) -> Iterator[str]:
        """Yield the lines of a response: hits, then facets, then how the graph and the reranker were used."""
        if not response.hits:
            yield "no hits"
        for hit, group in zip_longest(response.hits, response.groups):
            yield from self.hit(hit)
            yield from self.group(group) if group else ()
        for name, values in response.facets.items():
            if values:
                yield _cut(f"{name}: {_counted(values)}", self.width)
        if response.graph is not None:
            yield from graph_lines(response.graph)
        if response.rerank is not None:
            yield rerank_line(response.rerank)

    def group(self, group: Group) -> Iterator[str]:
        """Yield the lines of a group behind its best hit: how many documents it has, and the titles of the next."""
        if group.count == 1:
            return
        yield f"     {group.count:,} documents with {_value(group.value)}"
        named = title_field(self.fields)
        for hit in group.hits[1:]:
            title = (hit.fields.get(named) if named else None) or hit.id
            yield _cut(f"     - {printable(title)}  {printable(hit.id)}", self.width)
        yield ""

    def hit(self, hit: Hit) -> Iterator[str]:
        """Yield the lines of one hit: rank, title, score and id; a snippet; other fields; the explanation if any."""
        named = title_field(self.fields)
        title = next((mark for mark in hit.highlights if mark.field == named), None)
        plain = hit.fields.get(named) if named else None
        shown = self.marked(title) if title and title.snippet == plain else printable(plain or hit.id)
        yield f"{hit.rank:>3}. {shown}"
        probability = "" if hit.probability is None else f", probability {hit.probability:.2f}"
        yield f"     {printable(hit.id)}  ({hit.scored_by} {hit.score:.4f}{probability})"
        snippets = [mark for mark in hit.highlights if mark.field != named]
        for mark in snippets[:2]:
            yield f"     {self.marked(mark)}"
        if not snippets and (text := self._text(hit.fields, named)):
            yield f"     {_cut(text, SNIPPET_CHARACTERS)}"
        if facts := self._facts(hit.fields):
            yield _cut(f"     {facts}", self.width)
        if hit.variant is not None and hit.variant.of > 1:
            named = ": " if hit.variant.fields else ""
            which = (
                f"variant {hit.variant.index + 1} of {hit.variant.of}{f' ({hit.variant.id})' if hit.variant.id else ''}"
            )
            yield _cut(f"     {printable(which)}{named}{self._facts(hit.variant.fields)}", self.width)
        for line in explanation_lines(hit.why):
            yield f"     {line}"
        yield ""

    def marked(self, mark: Highlight) -> str:
        """Format a snippet, with its matches in bold if the page uses terminal codes."""
        text = printable(mark.snippet)
        if not self.bold:
            return text
        shown, at = [], 0
        for start, end in mark.spans:
            shown += [text[at:start], BOLD, text[start:end], PLAIN]
            at = end
        return "".join([*shown, text[at:]])

    def _text(self, values: Mapping[str, Any], named: str | None) -> str:
        texts = (values.get(name) for name, spec in self.fields.items() if spec.type == "text" and name != named)
        return printable(next((text for text in texts if text), ""))

    def _facts(self, values: Mapping[str, Any]) -> str:
        shown = [name for name, spec in self.fields.items() if spec.type != "text" and values.get(name) is not None]
        return " · ".join(f"{name}: {_value(values[name])}" for name in shown)


def explanation_lines(why: Sequence[StageScore]) -> Iterator[str]:
    """Yield a table of the score that each stage gave a document; the parts of a stage add up to its score."""
    parts = [part for stage in why for part in stage.parts]
    wide = max((len(printable(part.what)) for part in parts), default=0)
    for stage in why:
        score = "no score" if stage.score is None else f"{stage.score:.4f}"
        rank = "not among its candidates" if stage.rank is None else f"rank {stage.rank}"
        yield f"{stage.stage} = {score}, {rank}"
        for part in stage.parts:
            detail = "  ".join(_detail(key, value) for key, value in part.detail.items())
            yield f"  {part.value:>+10.4f}  {printable(part.what):<{wide}}  {detail}".rstrip()


def graph_lines(graph: GraphUse) -> Iterator[str]:
    """Yield a line on how a search used the graph and why; if explained, also the parts of the gate's log-odds."""
    named = ", ".join(map(linked, graph.entities))
    reached = f": {named}; {graph.reached:,} entities reached" if graph.entities else ""
    yield f"graph {'used' if graph.used else 'not used'}{reached} ({printable(graph.reason)})"
    if graph.outmatched:
        yield f"  {graph.outmatched:,} candidates that it leads to do not count: {OUTMATCHED}"
    for part in graph.parts:
        if part.value:
            yield f"  {part.value:>+10.4f}  {part.what}  {_value(part.detail.get('value', ''))}"


def rerank_line(rerank: RerankUse) -> str:
    """Return a line on how documents were reranked in a search."""
    parts = [f"reranked {rerank.reranked:,} of {rerank.of:,} by {printable(rerank.model)}"]
    if rerank.stopped == "budget":
        parts.append("its time budget was used up")
    elif rerank.stopped == "early_stop":
        parts.append("hardly anything relevant is expected among the others")
    elif rerank.stopped == "unread":
        parts.append("it does not read the query's language")
    if rerank.dropped:
        parts.append(f"{rerank.dropped:,} dropped as less likely than min_probability")
    if rerank.unjudged:
        parts.append(f"{rerank.unjudged:,} of the hits shown were not scored")
    return "; ".join(parts)


def linked(entity: LinkedEntity) -> str:
    """Format a mention: 'dark blue' = navy (colour, 0.56)."""
    facts = ", ".join(part for part in (printable(entity.type), f"{entity.probability:.2f}") if part)
    return f"'{printable(entity.text)}' = {printable(entity.name)} ({facts})"


def verdict(found: WhyNot) -> Iterator[str]:
    """Yield the lines of a why-not report."""
    outcome = "is among the hits" if found.found else f"was lost at: {found.lost_at}"
    yield printable(f"{found.id} {outcome} ({found.reason})")
    for line in explanation_lines(found.stages):
        yield f"  {line}"


def printable(value: object) -> str:
    """Format a value as one line of printable text; each control character becomes one space, so offsets stay valid."""
    return "".join(character if character.isprintable() else " " for character in str(value))


def _value(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return ", ".join(_value(part) for part in value)
    return printable(value)


def _detail(key: str, value: object) -> str:
    """Format one of the numbers behind a part; a missing one is named."""
    if value is None:
        return "not ranked" if key == "rank" else f"no {key}"
    return f"{key} {_value(value)}"


def _counted(values: Sequence[FacetValue]) -> str:
    return ", ".join(f"{printable(value.value)} ({value.count:,})" for value in values)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
