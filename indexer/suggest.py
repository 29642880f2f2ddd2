"""`clew init`: inspect the data and write a commented spec for it that builds."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from clew.core.errors import DataError, nearest
from clew.core.files import shown_url
from clew.core.spec import parse
from clew.indexer.inspection import UNWRITABLE, Inspection
from clew.indexer.proposal import Proposal, ProposedField, propose
from clew.indexer.schema import SCHEMA_FILE
from clew.indexer.sources.delimited import dialect_of
from clew.indexer.sources.forms import CONTENT_ID, SourceSpec, form_of, plain_name
from clew.indexer.sources.lines import records_path
from clew.indexer.suggest_summary import summary

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A proposed spec. text: the TOML file; inspected: records that were looked at; summary: lines about it."""

    text: str
    inspected: int
    summary: tuple[str, ...]


def suggest(path: str, target: Path, given: Mapping[str, str] | None = None) -> Suggestion:
    """Return a commented spec for the data at `path`, to be written to `target`.

    given: keys of [source] that are known, such as form, id, delimiter and encoding; others are detected.
    Raises NotFoundError, DataError or SpecError if the data cannot be read, DataError if no field can be searched.
    """
    given = dict(given or {})
    source = parse(SourceSpec, {"path": path, **given}, "DATA")
    found, detected = _inspected(source)
    settings = {**detected, **given}
    identity, group = settings.pop("id", ""), settings.pop("group", "")
    for name in (identity, group):
        if name and name != CONTENT_ID and name not in found.columns:
            raise DataError(f"no record has the field {name!r}", nearest(name, found.columns))
    proposal = propose(found, identity, group)
    if not any(one.searched for one in proposal.fields):
        reasons = ", ".join(f"{one} ({reason})" for one, reason in proposal.left_out.items())
        raise DataError(f"no field of {shown_url(path)} can be searched: {reasons or 'the records are empty'}")
    name = re.sub(r"[^a-z0-9_.-]+", "-", target.stem.lower()).strip("-._")[:64] or "index"
    text = _written(name, _relative(path, target), proposal, found, settings)
    return Suggestion(text, found.inspected, tuple(summary(shown_url(path), proposal, found, settings)))


def _inspected(source: SourceSpec) -> tuple[Inspection, dict[str, Any]]:
    """Return what is in a source, and the keys of [source] that were detected."""
    form = form_of(source)
    found = Inspection(form)
    try:
        found.run(source)
    except DataError:
        if form != "csv":
            raise
        found.faults = max(found.faults, 1)
    detected: dict[str, Any] = dialect_of(source) if form == "csv" else {}
    if form == "csv" and found.faults and source.quoting:
        # Cells may begin with a quote that encloses nothing: an inch, or a word.
        plain = Inspection(form)
        plain.run(replace(source, quoting=False))
        if plain.faults < found.faults and plain.count > found.count:
            found, detected = plain, {**dialect_of(replace(source, quoting=False)), "quoting": False}
    if form in {"json", "jsonl"} and (records := records_path(source)):
        detected["records"] = records
    if not found.count:
        if found.fault:
            raise DataError(f"no record of {shown_url(source.path)} can be read; the first is {found.fault}")
        raise DataError(f"source {shown_url(source.path)} is empty", "give data that has records")
    return found, detected


def _relative(path: str, target: Path) -> str:
    if "://" in path:
        return path
    place = Path(path).absolute()
    folder = target.absolute().parent
    return str(place.relative_to(folder)) if place.is_relative_to(folder) else str(place)


# ------------------------------------------------------------------ writing


def _written(name: str, path: str, proposal: Proposal, found: Inspection, settings: Mapping[str, Any]) -> str:
    inspected = "all" if found.inspected == found.count else f"{found.inspected:,} of the"
    lines = [
        f"#:schema ./{SCHEMA_FILE}",
        f"# Spec of the index {name!r}. Build it with: clew build {name}.toml",
        f"# Proposed from {inspected} {found.count:,} records of the data. docs/spec.md describes every table and key.",
        f"name = {json.dumps(name)}",
        "",
        "[source]",
        f"path = {_value(path)}",
        *_source(proposal, found, settings),
        "",
        "[fields]                # text | html | keyword | number | bool | date | list | geo",
        *(_line(one, found) for one in proposal.fields),
        *_left_out(proposal, found),
        "",
        "[passages]",
        "size = 256              # tokens; longer texts are cut into windows that end at sentence ends",
        "step = 192              # tokens between the starts of neighbouring windows",
        "",
        "[dense]                 # search by meaning, with a bi-encoder; to build without it: dense = false at the top",
        'model = "default"',
        "recall = 0.97           # the share of the true nearest passages that a search must find at least",
        "",
        "# [rerank]              # a cross-encoder scores the first candidates again, together with the query",
        '# model = "default"',
        "# top = 50              # documents it scores",
        "",
        "# [quality]             # judged queries that every new version is measured on before it goes live",
        '# queries = "judged/"   # queries.jsonl and qrels/dev.tsv',
    ]
    return "\n".join(lines) + "\n"


def _source(proposal: Proposal, found: Inspection, settings: Mapping[str, Any]) -> Iterator[str]:
    if proposal.identity == CONTENT_ID:
        yield "# No field has a value of its own in every record, so ids are made from the records' contents: a"
        yield "# record that is changed becomes another document. Better: name a field with ids here."
    if proposal.identity:
        yield f"id = {_value(proposal.identity)}"
    if proposal.group:
        yield f"group = {_value(proposal.group)}  # records with the same value are variants of one product"
    yield from (f"{key} = {_value(value)}" for key, value in settings.items())
    if found.fault:
        yield f"# {found.faults:,} records cannot be read and will be left out; the first is {shown(found.fault, 200)}"
    yield '# on_error = "stop"     # end the build at the first bad value, instead of leaving it out'


def _line(one: ProposedField, found: Inspection) -> str:
    keys = ", ".join(f"{key} = {_value(value)}" for key, value in one.keys.items())
    remark = f"  # {_remark(one.column, found)}" if one.column is not None else ""
    return f"{_key(one.name)} = {{ {keys} }}{remark}"


def _remark(column: Any, found: Inspection) -> str:
    share = (
        "in all records" if column.records >= found.inspected else f"in {column.records / found.inspected:.0%} of them"
    )
    return f"{share}, {len(column.values):,} distinct values, such as {shown(column.example)}"


def _left_out(proposal: Proposal, found: Inspection) -> Iterator[str]:
    for name, reason in proposal.left_out.items():
        column = found.columns.get(name)
        remark = f"; {_remark(column, found)}" if column is not None and column.count else ""
        yield f"# {_key(name)} is left out: {reason}{remark}"


def _key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else _value(key)


def _value(value: object) -> str:
    """Return a value as TOML. A JSON string is a TOML basic string, except for DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")


def shown(value: object, width: int = 48) -> str:
    """Return a value as a comment shows it, without characters that TOML does not allow there."""
    text = UNWRITABLE.sub("�", json.dumps(value, ensure_ascii=False, default=str))
    text = "".join(c if c.isprintable() else "�" for c in text)
    return text if len(text) <= width else text[: width - 1] + "…"


def default_target(path: str) -> Path:
    """Return where the spec is written by default: NAME.toml in the working folder."""
    stem = plain_name(path.rstrip("/")).rsplit("/", 1)[-1].rsplit(".", 1)[0]
    return Path((re.sub(r"[^a-z0-9_.-]+", "-", stem).strip("-._") or "index") + ".toml")
