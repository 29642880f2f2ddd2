"""Responses as tables, and as HTML for notebooks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any, TypeAlias

from clew.core.errors import MissingExtraError
from clew.core.types import Contribution

# The records of clew.search.types, which imports this module.
Response: TypeAlias = Any
Hit: TypeAlias = Any
Highlight: TypeAlias = Any
StageScore: TypeAlias = Any

_MARK = '<mark style="background:#fde68a;color:inherit">'


def hit_rows(hits: Sequence[Hit]) -> list[dict[str, Any]]:
    """Return one row for each hit: rank, id, score, scored_by, probability, then its fields.

    In an index with variants the fields follow those of the variant that matches: variant.index, variant.of, variant.id
    and variant.NAME for each of its fields. A field with the name of one of these columns is called `field.NAME`.
    """
    rows = []
    for hit in hits:
        row = {name: getattr(hit, name) for name in ("rank", "id", "score", "scored_by", "probability")}
        if (variant := hit.variant) is not None:
            own = {"index": variant.index, "of": variant.of, "id": variant.id}
            own |= {f"field.{name}" if name in own else name: value for name, value in variant.fields.items()}
            row |= {f"variant.{name}": value for name, value in own.items()}
        rows.append(row | {f"field.{name}" if name in row else name: value for name, value in hit.fields.items()})
    return rows


def to_arrow(rows: Sequence[Mapping[str, Any]]) -> Any:
    """Return rows as a pyarrow.Table; a key that a row lacks is null there. No rows give a table without columns."""
    import pyarrow as pa

    names = dict.fromkeys(name for row in rows for name in row)
    return pa.table({name: [row.get(name) for row in rows] for name in names})


def to_pandas(rows: Sequence[Mapping[str, Any]]) -> Any:
    """Return rows as a pandas.DataFrame. Raises MissingExtraError if pandas is not installed."""
    try:
        import pandas as pd  # type: ignore[import-untyped,unused-ignore]
    except ImportError:
        raise MissingExtraError("to_pandas needs pandas", "run `pip install pandas`, or use to_arrow") from None
    return pd.DataFrame([dict(row) for row in rows])


def search_html(response: Response) -> str:
    """Return a search response as an HTML table; explanations, if there are any, open when they are clicked."""
    head = f"{len(response.hits):,} of {response.total} matching documents · {response.index}, {response.release}"
    notes = [*response.notes, *(f"{lost.stage} was left out: {lost.reason}" for lost in response.degraded)]
    return _table(response.query, head, notes, ("", "score", "document"), map(_hit, response.hits))


def answer_html(response: Response) -> str:
    """Return the answers to a question as an HTML table."""
    rows = (
        (
            f"{answer.rank}",
            f"{answer.score:.4f}" if answer.probability is None else f"{answer.probability:.0%}",
            f"{escape(answer.text)}<br><small>{escape(answer.title or answer.id)}</small>",
        )
        for answer in response.answers
    )
    head = f"{len(response.answers):,} answers · {response.index}, {response.release}"
    return _table(response.query, head, response.notes, ("", "score", "answer"), rows)


def _table(
    query: str, head: str, notes: Sequence[str], columns: Sequence[str], rows: Iterator[tuple[str, str, str]]
) -> str:
    cells = "".join(f"<th style='text-align:left'>{escape(name)}</th>" for name in columns)
    body = "".join(
        "<tr>" + "".join(f"<td style='text-align:left'>{cell}</td>" for cell in row) + "</tr>" for row in rows
    )
    below = "".join(f"<div><small>{escape(note)}</small></div>" for note in notes)
    title = f"<b>{escape(query)}</b> <small>{escape(head)}</small>"
    return f"<div>{title}<table><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>{below}</div>"


def _hit(hit: Hit) -> tuple[str, str, str]:
    score = f"{hit.score:.4f}<br><small>{escape(hit.scored_by)}</small>"
    if hit.probability is not None:
        score = f"{hit.probability:.0%}<br><small>{hit.score:.4f} {escape(hit.scored_by)}</small>"
    shown = "".join(f"<div>{_marked(highlight)}</div>" for highlight in hit.highlights)
    shown = shown or escape(str(next(iter(hit.fields.values()), "")))
    why = "".join(map(_stage, hit.why))
    opened = f"<details><summary><small>why</small></summary>{why}</details>" if why else ""
    return f"{hit.rank}", score, f"{shown}<small>{escape(hit.id)}</small>{opened}"


def _marked(highlight: Highlight) -> str:
    """A snippet with its spans marked."""
    parts, at = [], 0
    for start, end in highlight.spans:
        parts += [escape(highlight.snippet[at:start]), _MARK, escape(highlight.snippet[start:end]), "</mark>"]
        at = end
    return "".join([*parts, escape(highlight.snippet[at:])])


def _stage(stage: StageScore) -> str:
    rank = "not ranked" if stage.rank is None else f"rank {stage.rank}"
    score = "not among its candidates" if stage.score is None else f"{stage.score:.4f}, {rank}"
    return f"<div><small>{escape(stage.stage)}: {score}<ul>{''.join(map(_part, stage.parts))}</ul></small></div>"


def _part(part: Contribution) -> str:
    return f"<li>{part.value:+.4f} {escape(part.what)}</li>"
