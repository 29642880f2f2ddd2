"""The values of a sort key for all documents, as numbers in the order of the sort.

Strings are ordered without regard to case and accents; equal ones that are written differently by their characters.
Of several values (a list, or the variants of a document that pass the filters) the least one counts in an ascending
sort, and the greatest one in a descending sort.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.core.types import Bools, Ints
from clew.search.columns import Keywords, Scalars
from clew.search.dates import iso
from clew.search.docstore import DocStore
from clew.search.listing.sort_keys import SortKey


@dataclass(frozen=True, slots=True)
class SortValues:
    """One field of all documents.

    values: (documents,) numbers, which compare as the values of the field do; undefined if `present`, (documents,)
    bool, is false for the document. written: of a string field, the values that the numbers are indexes of.
    """

    key: SortKey
    values: NDArray[Any]
    present: Bools
    kind: str
    written: tuple[str, ...] = ()

    def keys_of(self, documents: Ints) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return two arrays to sort documents by: whether the value is missing, then the value in sort order."""
        present = self.present[documents]
        values = np.where(present, self.values[documents], 0)
        return ~present, -values if self.key.descending else values

    def shown(self, document: int) -> Any:
        """Return the value of a document as a response shows it; None if it is missing."""
        if not self.present[document]:
            return None
        value = self.values[document].item()
        if self.written:
            return self.written[value]
        return iso(value) if self.kind == "date" else bool(value) if self.kind == "bool" else value


def sort_values(store: DocStore, key: SortKey, passing: Bools | None) -> SortValues:
    """Return the values of a key that names a field.

    passing: (variants,) bool, variants that pass the filters; None if all do.
    """
    kind, variants = store.fields[key.field].type, store.variants
    column = store.column(key.field, "keyword") if kind == "text" else store.column(key.field)
    written: tuple[str, ...] = ()
    values: NDArray[Any]
    if isinstance(column, Keywords):
        written, ranks = column.alphabetical
        rows, values = column.documents, ranks[column.codes]
    elif isinstance(column, Scalars):
        rows = np.flatnonzero(column.present)
        values = column.values[rows]
        values = values.astype(np.int8) if kind == "bool" else values
    else:
        raise TypeError(f"a {kind} field has no order")
    if variants is not None and key.field in variants.fields:
        if passing is not None:
            kept = passing[rows]
            rows, values = rows[kept], values[kept]
        rows = variants.document_of[rows]
    return SortValues(key, *_one_each(rows, values, store.documents, key.descending), kind, written)


def _one_each(documents: Ints, values: NDArray[Any], count: int, greatest: bool) -> tuple[NDArray[Any], Bools]:
    """Return (count,) the least or the greatest value of each document, and (count,) bool whether it has one.

    documents: (n,) ascending ordinals. values: (n,) numbers.
    """
    found, present = np.zeros(count, values.dtype), np.zeros(count, np.bool_)
    if len(documents):
        heads = np.flatnonzero(np.diff(documents, prepend=-1))
        reduce = np.maximum if greatest else np.minimum
        found[documents[heads]] = reduce.reduceat(values, heads)
        present[documents] = True
    return found, present
