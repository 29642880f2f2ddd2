"""`clew init`: inspect the data and write a commented spec for it."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from clew.core.errors import DataError
from clew.core.files import shown_url
from clew.core.spec import parse
from clew.indexer.schema import SCHEMA_FILE
from clew.indexer.sources.forms import Form, SourceSpec, form_of, plain_name
from clew.indexer.sources.read import read
from clew.indexer.sources.record import Record
from clew.search.dates import microseconds

LOOKED_AT = 2_000
_IDS = ("id", "_id", "sku", "asin", "uid", "uuid", "key", "code", "product_id", "doc_id", "docid", "item_id")
_TITLES = ("title", "name")
# A column with more words than this on average, or with almost as many values as records, is text and not a keyword.
_KEYWORD_WORDS = 3.0
_KEYWORD_DISTINCT = 0.6
_FACET_VALUES = 60
# An unpaired surrogate: a TOML file cannot contain it, so no spec can name such a key.
_UNWRITABLE = re.compile(r"[\ud800-\udfff]")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(slots=True)
class Column:
    """Statistics of one key's values."""

    count: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    words: int = 0
    named: int = 0
    values: set[str] = field(default_factory=set)
    numbers: list[float] = field(default_factory=list)
    example: object = None

    def add(self, value: object) -> None:
        """Add one value, which must not be empty."""
        self.count += 1
        self.kinds[_kind(value)] += 1
        self.values.add(json.dumps(value, ensure_ascii=False, default=str)[:200])
        self.example = value if self.example is None else self.example
        self.named += isinstance(value, str | int) and not isinstance(value, bool)
        if isinstance(value, str):
            self.words += len(value.split())
        if _kind(value) == "number":
            self.numbers.append(float(value))  # type: ignore[arg-type]

    def names(self, count: int) -> bool:
        """Return whether the key has a string or an integer, as ids are, in each of `count` records."""
        return self.named == count

    def type(self, name: str) -> str:
        """Return the field type that fits all values; "" if there is none."""
        kinds = set(self.kinds)
        if len(kinds) == 1 and kinds <= {"number", "bool", "date", "list", "geo"}:
            return kinds.pop()
        if not kinds <= {"text", "number", "bool", "date"}:
            return ""
        distinct = len(self.values) / self.count
        if name.lower() in _TITLES or self.words / self.count > _KEYWORD_WORDS:
            return "text"
        return (
            "text" if distinct > _KEYWORD_DISTINCT and self.count > 20 and self.words > 1.5 * self.count else "keyword"
        )


def suggest(path: str, target: Path) -> tuple[str, int]:
    """Return a commented spec for the data at `path`, to be written to `target`, and how many records were inspected.

    Raises NotFoundError, DataError or SpecError if the data cannot be read.
    """
    source = parse(SourceSpec, {"path": path}, "DATA")
    form = form_of(source)
    columns: dict[str, Column] = {}
    count = 0
    for record in islice(_records(source, form), LOOKED_AT):
        count += 1
        for key, value in _flat(record.values, form):
            columns.setdefault(key, Column()).add(value)
    if not count:
        raise DataError(f"source {shown_url(path)} is empty", "give data that has records")
    identity = _identity(columns, count, form)
    name = re.sub(r"[^a-z0-9_.-]+", "-", target.stem.lower()).strip("-._")[:64] or "index"
    return _written(name, _relative(path, target), identity, columns, form, count), count


def _records(source: SourceSpec, form: Form) -> Iterator[Record]:
    for found in read(source, form):
        if not isinstance(found, Record):
            raise DataError(f"{found.origin}: {found.reason}", found.hint)
        yield found


def _flat(values: Mapping[str, Any], form: Form, prefix: str = "") -> Iterator[tuple[str, object]]:
    """Yield the keys whose values are not empty, with their values; nested tables become dotted keys."""
    for key, value in values.items():
        if form == "beir" and not prefix and key == "metadata":
            continue
        if isinstance(value, Mapping) and _kind(value) != "geo":
            yield from _flat(value, form, f"{prefix}{key}.")
        elif value is not None and value not in ("", []) and not _UNWRITABLE.search(key):
            yield f"{prefix}{key}", value


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number" if abs(value) <= sys.float_info.max else "other"
    if isinstance(value, list):
        return "list" if all(isinstance(part, str | int) for part in value) else "other"
    if isinstance(value, Mapping):
        return "geo" if {"lat", "lon"} <= set(value) or {"latitude", "longitude"} <= set(value) else "other"
    if not isinstance(value, str):
        return "other"
    return _kind_of_text(value.strip())


def _kind_of_text(text: str) -> str:
    if text.lower() in {"true", "false"}:
        return "bool"
    if re.fullmatch(r"-?\d+(\.\d+)?", text):
        return "number"
    if re.match(r"\d{4}-\d\d(-\d\d|$)", text):
        try:
            microseconds(text)
        except ValueError:
            return "text"
        return "date"
    return "text"


def _identity(columns: Mapping[str, Column], count: int, form: Form) -> str:
    if form in {"beir", "folder"}:
        return ""
    unique = [
        key for key, column in columns.items() if column.count == count == len(column.values) and column.names(count)
    ]
    named = [key for wanted in _IDS for key in unique if key.lower() == wanted]
    short = [key for key in unique if columns[key].words <= count and "." not in key]
    found = [*named, *short]
    if not found:
        raise DataError(
            f"no field can be the id: none has a value in each of the {count} records that occurs only once",
            f"add such a field to the data; its fields are {', '.join(columns)}",
        )
    return found[0]


def _relative(path: str, target: Path) -> str:
    if "://" in path:
        return path
    place = Path(path).absolute()
    folder = target.absolute().parent
    return str(place.relative_to(folder)) if place.is_relative_to(folder) else str(place)


# ------------------------------------------------------------------ writing


def _written(name: str, path: str, identity: str, columns: Mapping[str, Column], form: Form, count: int) -> str:
    lines = [
        f"#:schema ./{SCHEMA_FILE}",
        f"# Spec of the index {name!r}. Build it with: clew build {name}.toml",
        f"# Proposed from {count:,} records of the data. docs/spec.md describes every table and key.",
        f"name = {json.dumps(name)}",
        "",
        "[source]",
        f"path = {_string(path)}",
    ]
    if identity:
        lines.append(f"id = {_string(identity)}")
    lines += [
        '# on_error = "stop"     # end the build at the first bad value, instead of leaving it out',
        "",
    ]
    lines += ["[fields]                # text | keyword | number | bool | date | list | geo"]
    lines += _fields(identity, columns, form, count)
    lines += [
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


def _fields(identity: str, columns: Mapping[str, Column], form: Form, count: int) -> list[str]:
    lines: list[str] = []
    left_out = {identity} | ({"_id"} if form == "beir" else {"id"} if form == "folder" else set())
    searched = False
    for key, column in columns.items():
        if key in left_out:
            continue
        kind = column.type(key)
        share = f"in {column.count / count:.0%} of the records" if column.count < count else "in all records"
        remark = f"{share}, {len(column.values):,} distinct values, such as {_short(column.example)}"
        if not kind:
            lines.append(f"# {_key(key)}: values of several types ({', '.join(sorted(column.kinds))}); {remark}")
            continue
        searched = searched or kind == "text"
        lines.append(f"{_key(key)} = {{ {_declared(key, kind, column, count)} }}  # {remark}")
    if not searched:
        # An index needs a searched field: use the keywords if there is no text.
        lines = [line.replace('"keyword"', '"keyword", weight = 1.0', 1) for line in lines]
    return lines


def _declared(key: str, kind: str, column: Column, count: int) -> str:
    parts = [f'type = "{kind}"']
    if key.lower() in _TITLES and kind == "text":
        parts.append("weight = 3.0")
    values = len(column.values)
    if kind in {"keyword", "list", "bool"} and values <= max(_FACET_VALUES, _KEYWORD_DISTINCT * count):
        path = isinstance(column.example, str) and " > " in column.example
        parts.append('facet = "hierarchy"' if path else "facet = true")
    if kind == "number" and values > 10 and (borders := _borders(column.numbers)):
        parts.append(f"facet = {borders}")
    return ", ".join(parts)


def _borders(numbers: list[float]) -> list[float]:
    """Return rounded borders near the quartiles of the values."""
    ordered = sorted(numbers)
    quarters = [ordered[len(ordered) * at // 4] for at in (1, 2, 3)]
    found = sorted({float(f"{quarter:.1g}") for quarter in quarters})
    return [int(border) if border == int(border) else border for border in found]


def _key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else _string(key)


def _string(text: str) -> str:
    # A JSON string is a valid TOML basic string, except for DEL.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=True, default=str)
    return text if len(text) <= 48 else text[:47] + "…"


def default_target(path: str) -> Path:
    """Return where the spec is written by default: NAME.toml in the working folder."""
    stem = plain_name(path.rstrip("/")).rsplit("/", 1)[-1].rsplit(".", 1)[0]
    return Path((re.sub(r"[^a-z0-9_.-]+", "-", stem).strip("-._") or "index") + ".toml")
