"""Facets: count the documents of a result that have each value of a field.

keyword, list, bool   each value; the most frequent first, ties by value
hierarchy             each level, "Home" and "Home > Kitchen"; the most frequent first, ties by value
number with borders   ranges "<25", "25–50" (25 included, 50 not), ">=50", in that order; without borders each number
date                  years, newest first

A document counts once for each of its values. Values that no document has are left out. Of a variant field the values
of the variants that pass the filter count: a count is the number of documents that a filter with the value would leave.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clew.core.errors import QueryError, nearest
from clew.core.types import Bools, Ints
from clew.search.columns import Column, Keywords, Scalars
from clew.search.fields import Fields, FieldSpec
from clew.search.types import FacetValue

if TYPE_CHECKING:
    from clew.search.docstore import DocStore


def facet_fields(fields: Fields) -> tuple[str, ...]:
    """Return the declared fields that have facets, in declared order."""
    return tuple(name for name, spec in fields.items() if spec.facet)


def count_facets(
    store: DocStore,
    fields: Fields,
    names: Sequence[str],
    documents: Bools,
    limit: int = 20,
    variants: Bools | None = None,
) -> dict[str, tuple[FacetValue, ...]]:
    """Count the facets `names` over the documents for which `documents`, (documents,) bool, is true.

    limit: maximum number of values of each facet (0: all). variants: (variants,) bool, those that count (None: all).
    Raises QueryError for an unknown field (with the nearest facet) and for one that is declared without a facet.
    """
    for name in names:
        _check(name, fields)
    found = {}
    for name in names:
        owners = None
        counted = documents
        if store.variants is not None and name in store.variants.fields:
            owners = store.variants.document_of
            counted = documents[owners] if variants is None else documents[owners] & variants
        found[name] = tuple(_count(store.column(name), name, fields[name], counted, owners)[: limit or None])
    return found


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


def _count(column: Column, name: str, spec: FieldSpec, counted: Bools, owners: Ints | None) -> list[FacetValue]:
    """Count the values of a column.

    counted: bool for each row of it. owners: the document of each row of a variant field, ascending; None if rows are
    documents.
    """
    if isinstance(column, Keywords):
        kept = counted[column.documents]
        rows, codes = column.documents[kept], column.codes[kept]
        documents = None if owners is None else owners[rows]
        if spec.facet == "hierarchy":
            return _paths(column, rows if documents is None else documents, codes)
        return _most_frequent(column.values, _tally(documents, codes, len(column.values)))
    if not isinstance(column, Scalars):
        raise TypeError(f"field {name!r} cannot be a facet, because it is a {spec.type} field")
    rows = np.flatnonzero(column.present & counted)
    values = column.values[rows]
    documents = None if owners is None else owners[rows]
    if isinstance(spec.facet, list):
        return _ranges(documents, values, spec.facet)
    if spec.type == "date":
        return _years(documents, values)
    distinct, codes = np.unique(values, return_inverse=True)
    shown = [str(value).lower() if spec.type == "bool" else _number(float(value)) for value in distinct.tolist()]
    return _most_frequent(shown, _tally(documents, codes, len(distinct)))


def _tally(documents: Ints | None, codes: NDArray[np.integer[Any]], count: int) -> Ints:
    """Return (count,) int64: how many documents have each code.

    codes: (n,) integers below `count`. documents: (n,) ascending ordinals of the documents that have them; None if no
    document has a code twice.
    """
    if documents is not None:
        # Pairs of one document are adjacent and mostly sorted.
        pairs = documents * count + codes
        if np.any(np.diff(pairs) < 0):
            pairs.sort()
        codes = pairs[np.diff(pairs, prepend=-1) != 0] % max(count, 1)
    return np.bincount(codes, minlength=count).astype(np.int64)


def _paths(column: Keywords, documents: Ints, codes: NDArray[np.int32]) -> list[FacetValue]:
    names, within = column.prefixes
    counts = np.zeros(len(names), np.int64)
    for level in within.T:
        paths = level[codes]
        deep = paths >= 0
        # A document in two branches of a path counts once for it.
        counts += _tally(documents[deep], paths[deep], len(names))
    return _most_frequent(names, counts)


def _most_frequent(values: Sequence[str], counts: Ints) -> list[FacetValue]:
    """Return the values that occur, by descending count; ties stay in the order given."""
    order = np.argsort(-counts, kind="stable")
    return [FacetValue(values[at], int(counts[at])) for at in order.tolist() if counts[at]]


def _ranges(documents: Ints | None, values: NDArray[Any], borders: Sequence[float]) -> list[FacetValue]:
    shown = [_number(border) for border in borders]
    labels = [f"<{shown[0]}", *(f"{low}–{high}" for low, high in pairwise(shown)), f">={shown[-1]}"]
    counts = _tally(documents, np.searchsorted(borders, values, side="right"), len(labels))
    return [FacetValue(label, int(count)) for label, count in zip(labels, counts, strict=True) if count]


def _years(documents: Ints | None, values: NDArray[Any]) -> list[FacetValue]:
    years = values.astype("datetime64[us]").astype("datetime64[Y]")
    distinct, codes = np.unique(years, return_inverse=True)
    counts = _tally(documents, codes, len(distinct))
    pairs = zip(distinct[::-1].astype(str).tolist(), counts[::-1].tolist(), strict=True)
    return [FacetValue(year, count) for year, count in pairs]


def _number(value: float) -> str:
    """Format a number, an integer without ".0"."""
    return str(int(value)) if float(value).is_integer() else repr(float(value))
