"""Groups: the documents of a listing by their value of one field, such as the variants of a product by its model.

Groups are in the order of their best documents, and the documents of a group in the order of the listing. A document
without a value is a group of its own.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from clew.core.errors import QueryError, nearest
from clew.core.types import Bools, Ints
from clew.search.columns import Keywords, Scalars
from clew.search.docstore import DocStore
from clew.search.fields import Fields
from clew.search.listing.page import Page

_GROUPED = frozenset({"keyword", "number", "bool", "date"})


class Grouping:
    """The groups of all documents of a store by a field. limit: documents of a group that are shown."""

    def __init__(self, store: DocStore, field: str, limit: int) -> None:
        check_group(field, store.fields)
        self._store = store
        self._field = field
        self._limit = limit
        column = store.column(field)
        self._codes = np.full(store.documents, -1, np.int64)
        self._written: tuple[str, ...] = ()
        if isinstance(column, Keywords):
            self._written = tuple(column.values)
            self._codes[column.documents] = column.codes
        elif isinstance(column, Scalars):
            self._codes[column.present] = np.unique(column.values[column.present], return_inverse=True)[1]
        alone = np.flatnonzero(self._codes < 0)
        self._valued = int(self._codes.max(initial=-1)) + 1
        self._codes[alone] = self._valued + np.arange(len(alone))

    def page(self, order: Ints, listed: Bools, offset: int, k: int) -> Page:
        """Return k groups behind the first `offset`.

        order: (n,) int64 documents in the order of the listing. listed: (documents,) bool, those that count.
        """
        sizes = np.bincount(self._codes[listed], minlength=1)
        _, first, group = np.unique(self._codes[order], return_index=True, return_inverse=True)
        heads = np.sort(first)
        best = order[heads[offset : offset + k]]
        # The place of each document's group among the groups in order.
        place = np.searchsorted(heads, first[group])
        shown = np.flatnonzero((place >= offset) & (place < offset + k))
        shown = shown[np.argsort(place[shown], kind="stable")]
        members = np.split(order[shown], np.flatnonzero(np.diff(place[shown])) + 1) if len(shown) else []
        return Page(
            total=int(np.count_nonzero(sizes)),
            best=best,
            members=tuple(every[: self._limit] for every in members),
            counts=tuple(sizes[self._codes[best]].tolist()),
            values=tuple(map(self._value, best.tolist())),
            before=int(order[heads[offset - 1]]) if 0 < offset <= len(heads) else None,
        )

    def _value(self, document: int) -> Any:
        code = int(self._codes[document])
        if code >= self._valued:
            return None
        return self._written[code] if self._written else self._store.value(document, self._field)


def check_group(field: str, fields: Fields) -> None:
    """Check that documents can be grouped by a field. Raises QueryError if not."""
    able = [name for name, spec in fields.items() if spec.type in _GROUPED and spec.variant is not True]
    if field not in fields:
        raise QueryError(f"group_by: unknown field {field!r}", nearest(field, able))
    if field not in able:
        varies = fields[field].variant is True
        reason = "the variants of a document differ in it" if varies else f"it is a {fields[field].type} field"
        raise QueryError(
            f"group_by: documents cannot be grouped by {field!r}, because {reason}",
            f"use one of {', '.join(able)}" if able else "add a keyword field to the spec and rebuild",
        )
