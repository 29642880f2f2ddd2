"""Facets: count the documents of a result that have each value of a field.

keyword, list, bool   each value; the most frequent first, ties by value
hierarchy             each level, "Home" and "Home > Kitchen"; the most frequent first, ties by value
number with borders   ranges "<25", "25–50" (25 included, 50 not), ">=50", in that order; without borders each number
date                  years, newest first

A document counts once for each of its values. Values that no document has are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clew.core.errors import QueryError, nearest
from clew.core.types import Bools, Ints
from clew.search.columns import Keywords, Scalars
from clew.search.fields import Fields, FieldSpec
from clew.search.types import FacetValue

if TYPE_CHECKING:
    from clew.search.docstore import DocStore


def facet_fields(fields: Fields) -> tuple[str, ...]:
    """Return the declared fields that have facets, in declared order."""
    return tuple(name for name, spec in fields.items() if spec.facet)


def count_facets(
    store: DocStore, fields: Fields, names: Sequence[str], documents: Bools, limit: int = 20
) -> dict[str, tuple[FacetValue, ...]]:
    """Count the facets `names` over the documents for which `documents`, (documents,) bool, is true.

    limit: maximum number of values of each facet (0: all). Raises QueryError for an unknown field (with the nearest
    facet) and for one that is declared without a facet.
    """
    for name in names:
        _check(name, fields)
    return {name: tuple(_count(store, name, fields[name], documents)[: limit or None]) for name in names}


def _check(name: str, fields: Fields) -> None:
    if name not in fields:
        raise QueryError(f"facets: unknown field {name!r}", nearest(name, facet_fields(fields)))
    spec = fields[name]
    if spec.type in {"text", "geo"}:
        raise QueryError(
            f"facets: {name!r} is a {spec.type} field, which has no facets", "use a keyword or number field"
        )
    if not spec.facet:
        raise QueryError(
            f"facets: field {name!r} is not a facet", f"set facet = true for {name!r} in the spec and rebuild"
        )


def _count(store: DocStore, name: str, spec: FieldSpec, documents: Bools) -> list[FacetValue]:
    column = store.column(name)
    if isinstance(column, Keywords):
        return _paths(column, documents) if spec.facet == "hierarchy" else _values(column, documents)
    if not isinstance(column, Scalars):
        raise TypeError(f"field {name!r} cannot be a facet, because it is a {spec.type} field")
    values = column.values[column.present & documents]
    if isinstance(spec.facet, list):
        return _ranges(values, spec.facet)
    if spec.type == "date":
        return _years(values)
    distinct, counts = np.unique(values, return_counts=True)
    shown = [str(value).lower() if spec.type == "bool" else _number(float(value)) for value in distinct.tolist()]
    return _most_frequent(shown, counts)


def _values(column: Keywords, documents: Bools) -> list[FacetValue]:
    codes = column.codes[documents[column.documents]]
    return _most_frequent(column.values, np.bincount(codes, minlength=len(column.values)))


def _paths(column: Keywords, documents: Bools) -> list[FacetValue]:
    names, within = column.prefixes
    matching = documents[column.documents]
    owners, codes = column.documents[matching], column.codes[matching]
    counts = np.zeros(len(names), np.int64)
    for level in within.T:
        paths = level[codes]
        deep = paths >= 0
        # A document in two branches of a path counts once for it. Pairs of one document are adjacent and mostly sorted.
        pairs = owners[deep] * len(names) + paths[deep]
        if np.any(np.diff(pairs) < 0):
            pairs.sort()
        first = np.diff(pairs, prepend=-1) != 0
        counts += np.bincount(pairs[first] % len(names), minlength=len(names))
    return _most_frequent(names, counts)


def _most_frequent(values: Sequence[str], counts: Ints) -> list[FacetValue]:
    """Return the values that occur, by descending count; ties stay in the order given."""
    order = np.argsort(-counts, kind="stable")
    return [FacetValue(values[at], int(counts[at])) for at in order.tolist() if counts[at]]


def _ranges(values: NDArray[Any], borders: Sequence[float]) -> list[FacetValue]:
    shown = [_number(border) for border in borders]
    labels = [f"<{shown[0]}", *(f"{low}–{high}" for low, high in pairwise(shown)), f">={shown[-1]}"]
    counts = np.bincount(np.searchsorted(borders, values, side="right"), minlength=len(labels))
    return [FacetValue(label, int(count)) for label, count in zip(labels, counts, strict=True) if count]


def _years(values: NDArray[Any]) -> list[FacetValue]:
    years = values.astype("datetime64[us]").astype("datetime64[Y]")
    distinct, counts = np.unique(years, return_counts=True)
    pairs = zip(distinct[::-1].astype(str).tolist(), counts[::-1].tolist(), strict=True)
    return [FacetValue(year, count) for year, count in pairs]


def _number(value: float) -> str:
    """Format a number, an integer without ".0"."""
    return str(int(value)) if float(value).is_integer() else repr(float(value))
