"""`clew init`: inspect the data and write a commented spec for it that builds."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clew.core.errors import DataError, nearest
from clew.core.files import shown_url
from clew.core.spec import parse
from clew.indexer.column_statistics import TITLES, ColumnStatistics, is_identifier, kind_of, words_of
from clew.indexer.schema import SCHEMA_FILE
from clew.indexer.sources.delimited import dialect_of
from clew.indexer.sources.forms import CONTENT_ID, Form, SourceSpec, form_of, plain_name
from clew.indexer.sources.read import read
from clew.indexer.sources.record import Record, name_of, value_of
from clew.indexer.values import is_missing
from clew.indexer.variants import TABULAR, product_key

# Every record is read; of those after the first so many one in two is inspected, then one in four, and so on.
INSPECTED = 20_000
_IDS = (
    "id", "_id", "sku", "asin", "uid", "uuid", "key", "code", "product_id", "productid", "doc_id", "docid", "item_id",
    "objectid", "object_id", "article_id", "handle", "gtin", "ean", "isbn",
)  # fmt: skip
_FACET_VALUES = 60
_FACET_DISTINCT = 0.6
# Words in the names of keyword fields whose values people type into a search box.
_SEARCHED = {
    "brand", "brands", "manufacturer", "vendor", "maker", "marke", "hersteller", "author", "authors", "artist",
    "publisher", "colour", "color", "colours", "colors", "farbe", "category", "categories", "kategorie", "type",
    "genre", "genres", "material", "materials", "size", "sizes", "gender", "style", "tag", "tags", "keyword",
    "keywords", "model", "series", "collection", "department", "subject", "topic", "sku", "skus", "gtin", "ean",
    "upc", "asin", "isbn", "mpn", "barcode", "code", "品牌", "颜色", "类别", "分类", "材质", "型号",
}  # fmt: skip
# An unpaired surrogate: a TOML file cannot contain it, so no spec can name such a key.
_UNWRITABLE = re.compile(r"[\ud800-\udfff]")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
# Names that a price's currency may already have in the data, and lists of attributes under names.
_CURRENCIES = {"currency", "price_currency", "currency_code", "waehrung", "währung"}
_MOST_NAMED = 200
# Rows that are searched for variants of one product.
_ROWS = 2_000


@dataclass(slots=True)
class Inspection:
    """What is known of a source. count: records; inspected: those whose values were looked at."""

    form: Form
    count: int = 0
    inspected: int = 0
    faults: int = 0
    columns: dict[str, ColumnStatistics] = field(default_factory=dict)
    unique: dict[str, set[Any]] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    first: list[Mapping[str, Any]] = field(default_factory=list)
    fault: str = ""

    def run(self, source: SourceSpec) -> None:
        """Read the whole source."""
        stride = 1
        for number, found in enumerate(read(source, self.form)):
            if not isinstance(found, Record):
                self.faults += 1
                self.fault = self.fault or f"{found.origin}: {found.reason}"
                continue
            self.count += 1
            self._check_ids(found.values)
            if len(self.first) < _ROWS:
                self.first.append(found.values)
            if number % stride == 0:
                self.inspected += 1
                stride *= 2 if self.inspected % INSPECTED == 0 else 1
                for key, value in flat(found.values, self.form):
                    self.columns.setdefault(key, ColumnStatistics()).add(value)

    def _check_ids(self, values: Mapping[str, Any]) -> None:
        """Keep the columns that have a value of their own in every record so far."""
        if self.count == 1:
            self.order = [key for key, value in values.items() if kind_of(value) in {"text", "integer"}]
            self.unique = {key: set() for key in self.order}
        for key in list(self.unique):
            value, known = values.get(key), self.unique[key]
            if is_missing(value, "keyword") or kind_of(value) not in {"text", "integer"} or str(value) in known:
                del self.unique[key]
            else:
                known.add(str(value))

    def identity(self) -> str:
        """Return the column with the id: by its name, else one of short values; CONTENT_ID if no column can be it.

        In a table whose rows are variants of products, it is the column that names the product.
        """
        if self.form in TABULAR and (product := product_key(self.first)) is not None:
            return product
        unique = [key for key in self.order if key in self.unique and not _UNWRITABLE.search(key)]
        names = {"_".join(words_of(key)) or key.lower(): key for key in reversed(unique)}
        by_name = [names[name] for name in _IDS if name in names]
        identifiers = [key for key in unique if is_identifier(key)]
        short = [key for key in unique if self.columns[key].words <= self.inspected and not self.columns[key].urls]
        return next(iter((*by_name, *identifiers, *short)), CONTENT_ID)


def suggest(path: str, target: Path, given: Mapping[str, str] | None = None) -> tuple[str, int]:
    """Return a commented spec for the data at `path`, to be written to `target`, and how many records were inspected.

    given: keys of [source] that are known, such as form, id, delimiter and encoding; others are detected.
    Raises NotFoundError, DataError or SpecError if the data cannot be read.
    """
    given = dict(given or {})
    source = parse(SourceSpec, {"path": path, **given}, "DATA")
    found = Inspection(form_of(source))
    found.run(source)
    if not found.count:
        if found.fault:
            raise DataError(f"no record of {shown_url(path)} can be read; the first is {found.fault}")
        raise DataError(f"source {shown_url(path)} is empty", "give data that has records")
    settings = {**(dialect_of(source) if found.form == "csv" else {}), **given}
    identity = settings.pop("id", "") or ("" if found.form in {"beir", "folder"} else found.identity())
    if given.get("id") and identity not in {CONTENT_ID, *found.columns}:
        raise DataError(f"no record has the field {identity!r}", nearest(identity, found.columns))
    name = re.sub(r"[^a-z0-9_.-]+", "-", target.stem.lower()).strip("-._")[:64] or "index"
    return _written(name, _relative(path, target), identity, found, settings), found.inspected


def flat(values: Mapping[str, Any], form: Form, prefix: str = "") -> Iterator[tuple[str, object]]:
    """Yield the keys whose values are not empty, with their values.

    Nested objects become dotted keys, arrays of objects the list of the values of each key, and arrays of attributes
    with a name and a value one key for each name.
    """
    for key, value in values.items():
        if form == "beir" and not prefix and key == "metadata":
            continue
        name = f"{prefix}{key}"
        if _UNWRITABLE.search(str(key)):
            continue
        if isinstance(value, Mapping) and kind_of(value) != "geo":
            yield from flat(value, form, f"{name}.")
        elif isinstance(value, list) and value and all(isinstance(part, Mapping) for part in value):
            yield from _of_objects(value, form, f"{name}.")
        elif not is_missing(value, "keyword"):
            yield name, value


def _of_objects(parts: list[Mapping[str, Any]], form: Form, prefix: str) -> Iterator[tuple[str, object]]:
    names = [name_of(part) for part in parts]
    if None not in names and len(set(names)) == len(names) <= _MOST_NAMED:
        for name, part in zip(names, parts, strict=True):
            if name and "." not in name and not is_missing(value := value_of(part), "keyword"):
                yield f"{prefix}{name}", value
        return
    together: dict[str, list[object]] = {}
    for part in parts:
        for key, value in flat(part, form, prefix):
            together.setdefault(key, []).extend(value if isinstance(value, list) else [value])
    yield from together.items()


def _relative(path: str, target: Path) -> str:
    if "://" in path:
        return path
    place = Path(path).absolute()
    folder = target.absolute().parent
    return str(place.relative_to(folder)) if place.is_relative_to(folder) else str(place)


# ------------------------------------------------------------------ writing


def _written(name: str, path: str, identity: str, found: Inspection, settings: Mapping[str, str]) -> str:
    inspected = "all" if found.inspected == found.count else f"{found.inspected:,} of the"
    lines = [
        f"#:schema ./{SCHEMA_FILE}",
        f"# Spec of the index {name!r}. Build it with: clew build {name}.toml",
        f"# Proposed from {inspected} {found.count:,} records of the data. docs/spec.md describes every table and key.",
        f"name = {json.dumps(name)}",
        "",
        "[source]",
        f"path = {_string(path)}",
    ]
    if identity == CONTENT_ID:
        lines.append("# No field has a value of its own in every record, so ids are made from the records' contents: a")
        lines.append("# record that is changed becomes another document. Better: name a field with ids here.")
    if identity:
        lines.append(f"id = {_string(identity)}")
    lines += [f"{key} = {_string(value)}" for key, value in settings.items()]
    if found.fault:
        lines.append(
            f"# {found.faults:,} records cannot be read and will be left out; the first is {_short(found.fault, 200)}"
        )
    lines += ['# on_error = "stop"     # end the build at the first bad value, instead of leaving it out', ""]
    lines += ["[fields]                # text | html | keyword | number | bool | date | list | geo"]
    lines += _fields(identity, found)
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


def _fields(identity: str, found: Inspection) -> list[str]:
    lines: list[str] = []
    left_out = {identity} | ({"_id"} if found.form == "beir" else {"id"} if found.form == "folder" else set())
    searched = False
    for key, column in found.columns.items():
        if key in left_out:
            continue
        kind = column.type(key)
        share = (
            f"in {column.count / found.inspected:.0%} of the records"
            if column.count < found.inspected
            else "in all records"
        )
        remark = f"{share}, {len(column.values):,} distinct values, such as {_short(column.example)}"
        if not kind:
            if column.count:
                lines.append(f"# {_key(key)}: values of several types ({', '.join(sorted(column.kinds))}); {remark}")
            continue
        declared = _declared(key, kind, column)
        searched = searched or kind == "text" or "weight" in declared
        lines.append(f"{_key(key)} = {{ {declared} }}  # {remark}")
        if kind == "number" and column.currency and not _CURRENCIES & set(map(str.lower, found.columns)):
            lines.append(f'{_key(f"{key}_currency")} = {{ type = "keyword", currency_of = {_string(key)} }}')
    if not searched:
        # An index needs a searched field: use the keywords if there is no text.
        lines = [line.replace('"keyword"', '"keyword", weight = 1.0', 1) for line in lines]
    if not lines and identity not in {"", CONTENT_ID}:
        lines = [f'{_key(identity)} = {{ type = "text" }}']
    return lines


def _declared(key: str, kind: str, column: ColumnStatistics) -> str:
    shown = "html" if kind == "text" and column.markup else kind
    parts = [f'type = "{shown}"']
    if key.lower() in TITLES and kind == "text":
        parts.append("weight = 3.0")
    if kind == "number" and column.decimal:
        parts.append(f'decimal = "{column.decimal}"')
    if kind == "date" and column.date_format:
        parts.append(f'format = "{column.date_format}"')
    if kind in {"keyword", "list"} and not column.urls and _SEARCHED.intersection(words_of(key)):
        parts.append("weight = 1.0")
    if _has_facet(key, kind, column):
        parts.append('facet = "hierarchy"' if column.paths and kind in {"keyword", "list"} else "facet = true")
    if kind == "number" and len(column.values) > 10 and (borders := _borders(column.numbers)):
        parts.append(f"facet = {borders}")
    return ", ".join(parts)


def _has_facet(key: str, kind: str, column: ColumnStatistics) -> bool:
    if kind not in {"keyword", "list", "bool"} or column.urls or (is_identifier(key) and kind != "list"):
        return False
    return len(column.values) <= max(_FACET_VALUES, _FACET_DISTINCT * column.count)


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


def _short(value: object, width: int = 48) -> str:
    text = json.dumps(value, ensure_ascii=True, default=str)
    return text if len(text) <= width else text[: width - 1] + "…"


def default_target(path: str) -> Path:
    """Return where the spec is written by default: NAME.toml in the working folder."""
    stem = plain_name(path.rstrip("/")).rsplit("/", 1)[-1].rsplit(".", 1)[0]
    return Path((re.sub(r"[^a-z0-9_.-]+", "-", stem).strip("-._") or "index") + ".toml")
