"""The declared fields of an index: their types, weights and facets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite
from typing import Any, Literal

# An entity type becomes part of ids ("brand:sony") and of relations ("has_brand").
ENTITY_TYPE = re.compile(r"[\w-]{1,64}")
_NAME_PARTS = re.compile(r"[^\W\d_]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_IDENTIFIERS = frozenset("sku skus gtin ean upc isbn mpn asin barcode partnumber itemnumber articlenumber".split())

FieldType = Literal["text", "keyword", "number", "bool", "date", "list", "geo"]
# Between the texts of a body.
BODY_SEPARATOR = "\n"
# Types of a spec that declare a field of another type: HTML is text whose markup is removed.
HTML = "html"


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One field of a document.

    type: text (searched), keyword (one exact value), number (a price or a quantity with its unit as well), bool,
    date, list (of keywords), geo ([latitude, longitude] in degrees), or html, which is short for text with html = true.
    weight: weight of a term in this field in BM25 (0: not searched); by default 1 for text, 0 for the others.
    Only text, keyword and list fields can be searched.
    facet: true (values counted), "hierarchy" (a path such as "Home > Kitchen", each level counted), or a list of
    ascending numbers (the borders of ranges).
    identifier: whether the values are identifiers, such as SKUs, which a query finds whole, however they are written
    (only text, keyword and list fields); by default if the name says so, such as sku, gtin, "Variant SKU" or mpn.
    entity: if the values of a keyword or list field are entities, their type, such as "brand"; `clew graph build`
    makes a node for each of them ("": they are not entities).
    html: whether the markup of a text field is removed: true, false, or "auto" (if a value contains tags or entities);
    "auto" and false also hold for keyword and list fields.
    decimal: decimal separator of a number field, "." or "," ("": told from each value).
    format: form of a date field's values, as datetime.strptime takes it, such as "%d/%m/%Y" ("": ISO 8601 and others
    that can be read in one way only).
    currency_of: a number field; this keyword field then holds the currency that the number is written with ("": none).
    separator: between the values of a list field that are written as one string ("": that of the source).
    levels: between the levels of a path, for hierarchy facets, such as "/" ("": ">").
    variant: whether each variant of a document has a value of its own: true, false, or "auto" (the build decides by
    the data; in a stored version, "auto" means false).
    """

    type: FieldType | Literal["html"]
    weight: float | None = None
    facet: bool | Literal["hierarchy"] | list[float] = False
    entity: str = ""
    html: bool | Literal["auto"] = "auto"
    decimal: Literal["", ".", ","] = ""
    format: str = ""
    currency_of: str = ""
    identifier: bool | None = None
    variant: bool | Literal["auto"] = "auto"
    separator: str = ""
    levels: str = ""

    def __post_init__(self) -> None:
        if self.type == HTML:
            object.__setattr__(self, "type", "text")
            object.__setattr__(self, "html", True)
        for key, given, kind in (
            ("html", self.html is True, "text"),
            ("decimal", self.decimal, "number"),
            ("format", self.format, "date"),
            ("currency_of", self.currency_of, "keyword"),
            ("separator", self.separator, "list"),
        ):
            if given and self.type != kind:
                raise ValueError(f"{key} is for {kind} fields, and this is a {self.type} field")
        if self.weight is not None and not 0 <= self.weight <= 100:
            raise ValueError(f"weight is {self.weight}, expected 0 to 100")
        if self.weight and self.type not in {"text", "keyword", "list"}:
            raise ValueError(f"a {self.type} field cannot be searched, so it cannot have a weight")
        if self.identifier and self.type not in {"text", "keyword", "list"}:
            raise ValueError(f"a {self.type} field cannot contain identifiers, only a text, keyword or list field can")
        if isinstance(self.facet, list) and (
            self.type != "number" or self.facet != sorted(set(self.facet)) or not all(map(isfinite, self.facet))
        ):
            raise ValueError("facet ranges need a number field and ascending borders that are finite numbers")
        self._check_hierarchy()
        if self.facet and self.type in {"text", "geo"}:
            raise ValueError(f"a {self.type} field cannot have facets")
        if self.entity and self.type not in {"keyword", "list"}:
            raise ValueError(f"a {self.type} field cannot contain entities, only a keyword or list field can")
        if self.entity and not ENTITY_TYPE.fullmatch(self.entity):
            raise ValueError(f"entity is {self.entity!r}, expected 1 to 64 letters, digits, '_' and '-'")

    def _check_hierarchy(self) -> None:
        if self.facet == "hierarchy" and self.type not in {"keyword", "list"}:
            raise ValueError('facet = "hierarchy" needs a keyword or list field')
        if self.levels and self.facet != "hierarchy":
            raise ValueError('levels is for fields with facet = "hierarchy"')

    @property
    def search_weight(self) -> float:
        """Return the weight in BM25, or the default of the type if none is given."""
        return self.weight if self.weight is not None else float(self.type == "text")


Fields = Mapping[str, FieldSpec]


def searched(fields: Fields) -> dict[str, float]:
    """Return the searched fields with their BM25 weights, in declared order."""
    return {name: spec.search_weight for name, spec in fields.items() if spec.search_weight > 0}


def variant_fields(fields: Fields) -> tuple[str, ...]:
    """Return the fields of which each variant of a document has a value of its own, in declared order."""
    return tuple(name for name, spec in fields.items() if spec.variant is True)


def joint_value(name: str, values: Iterable[Any], fields: Fields) -> Any:
    """Return what a document has in a variant field: the distinct values of its variants, in order; None if none.

    Of a title it is the first; other texts are joined by line breaks.
    """
    kind = fields[name].type
    known = [value for value in values if value is not None]
    if kind == "list":
        known = [element for value in known for element in value]
    distinct = list(dict.fromkeys(map(_hashable, known)))
    if kind != "text":
        return distinct or None
    if name == title_field(fields):
        return distinct[0] if distinct else None
    return BODY_SEPARATOR.join(distinct) or None


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def identifier_fields(fields: Fields) -> list[str]:
    """Return the fields whose values are identifiers, in declared order."""
    return [
        name
        for name, spec in fields.items()
        if spec.type in {"text", "keyword", "list"}
        and (names_identifiers(name) if spec.identifier is None else spec.identifier)
    ]


def several_values(value: object) -> list[str]:
    """Return the values of a text, keyword or list field; none if it is missing."""
    return list(map(str, value)) if isinstance(value, list) else [str(value)] if value else []


def names_identifiers(name: str) -> bool:
    """Return whether a field's name says that it holds identifiers, such as "Variant SKU" or "gtin".

    Of a path such as "skus.price" the last step counts, and the one before it if the last is "value" or "values".
    """
    steps = name.split(".")
    last = steps[-2] if len(steps) > 1 and steps[-1] in {"value", "values"} else steps[-1]
    words = _NAME_PARTS.findall(_CAMEL.sub(" ", last).lower())
    pairs = ["".join(pair) for pair in pairwise(words)]
    return not _IDENTIFIERS.isdisjoint([*words, *pairs])


def title_field(fields: Fields) -> str | None:
    """Return the field that names a document: "title", else "name", else the first text field if there are several."""
    texts = [name for name, spec in fields.items() if spec.type == "text"]
    for name in ("title", "name"):
        if name in texts:
            return name
    return texts[0] if len(texts) > 1 else None


def body_fields(fields: Fields) -> list[str]:
    """Return the text fields that are split into passages: all but the title, in declared order."""
    title = title_field(fields)
    return [name for name, spec in fields.items() if spec.type == "text" and name != title]


def body(document: Mapping[str, object], fields: Fields) -> tuple[str, list[tuple[str, int, int]]]:
    """Return the text that is split into passages, and each field's span in it: (text, [(field, start, end), …])."""
    parts: list[str] = []
    spans: list[tuple[str, int, int]] = []
    at = 0
    for name in body_fields(fields):
        value = document.get(name)
        if isinstance(value, str) and value:
            if parts:
                at += len(BODY_SEPARATOR)
            parts.append(value)
            spans.append((name, at, at + len(value)))
            at += len(value)
    return BODY_SEPARATOR.join(parts), spans
