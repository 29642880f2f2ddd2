"""The order of a listing: sort keys, then relevance, then ids, so that no two documents are equal.

Documents without a value come last in both directions. Relevance is the order of a search without a sort: reranked
documents by their log-odds, then the other candidates by fused score, then all other documents by fused score. It is
computed only for documents whose keys before it are equal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.core.types import Bools, Floats, Ints
from clew.search.docstore import DocStore
from clew.search.fusion import FusedCandidates
from clew.search.listing.groups import Grouping
from clew.search.listing.page import Page
from clew.search.listing.sort_keys import SCORE, SortKey
from clew.search.listing.sort_values import SortValues, sort_values
from clew.search.rerank.ordering import Ordering


def unscored(documents: Ints) -> FusedCandidates:
    """Return documents, (m,) ascending ordinals, as candidates of no source, all equally relevant with the score 0."""
    none, ranks = np.empty((0, len(documents))), np.empty((0, len(documents)), np.int64)
    zeros = np.zeros(len(documents))
    return FusedCandidates(documents, (), none, ranks, np.empty((0, 2)), ranks, parts=none, totals=zeros)


@dataclass(frozen=True)
class Relevance:
    """The relevance of the documents that a search lists, scored as far as it is needed.

    ordering: the first candidates. listed: (documents,) bool, the documents to list. score: returns documents, (m,)
    ascending ordinals, as candidates.
    """

    ordering: Ordering
    listed: Bools
    score: Callable[[Ints], FusedCandidates]

    @cached_property
    def _rest(self) -> FusedCandidates:
        """All documents that are not among the first candidates.

        They are scored together, because what a document's score counts may depend on the others.
        """
        behind = self.listed.copy()
        behind[self.ordering.pool.documents] = False
        return self.score(np.flatnonzero(behind))

    def of(self, documents: Ints) -> tuple[Ints, Floats]:
        """Return (n,) int64 tiers, the most relevant is 0, and (n,) float64 scores within a tier, higher is better."""
        ordering, pool = self.ordering, self.ordering.pool
        tiers, scores = np.full(len(documents), 2), np.zeros(len(documents))
        at, inside = _places(documents, pool.documents)
        tiers[inside], scores[inside] = 1, pool.totals[at[inside]]
        if ordering.stopped is not None:
            odds = ordering.log_odds[at[inside]]
            judged = ~np.isnan(odds)
            reranked = np.flatnonzero(inside)[judged]
            tiers[reranked], scores[reranked] = 0, odds[judged]
        if not inside.all():
            places, _ = _places(documents[~inside], self._rest.documents)
            scores[~inside] = self._rest.totals[places]
        return tiers, scores

    def including(self, documents: Ints) -> Ordering:
        """Return an ordering that has these documents, (n,) ordinals, among its candidates."""
        _, inside = _places(documents, self.ordering.pool.documents)
        missing = np.sort(documents[~inside])
        if not len(missing):
            return self.ordering
        if "_rest" not in self.__dict__:
            return self.ordering.extend(self.score(missing))
        places, _ = _places(missing, self._rest.documents)
        return self.ordering.extend(self._rest.take(places))


def _places(documents: Ints, among: Ints) -> tuple[Ints, Bools]:
    """Return (n,) int64 places of documents in ascending ordinals, and (n,) bool whether each is there."""
    at = np.searchsorted(among, documents)
    inside = at < len(among)
    inside[inside] = among[at[inside]] == documents[inside]
    return at, inside


class Listing:
    """The documents that a search lists, in order.

    keys: of the sort; () for the order by relevance, or that of the source if the query is empty. passing: see
    `sort_values`.
    """

    def __init__(
        self, store: DocStore, keys: Sequence[SortKey], relevance: Relevance, passing: Bools | None = None
    ) -> None:
        self.relevance = relevance
        self._store = store
        self._keys = keys
        self._values = {key.field: sort_values(store, key, passing) for key in keys if key.field != SCORE}

    def first(self, count: int | None = None) -> Ints:
        """Return (n,) int64 the first `count` documents, or all of them, in order."""
        if self._keys:
            return self._sorted(count)
        ordering = self.relevance.ordering
        if ordering.pool.sources:
            return ordering.pool.documents[ordering.shown[:count]]
        return np.flatnonzero(self.relevance.listed)[:count]

    def page(self, offset: int, k: int, grouping: Grouping | None = None) -> Page:
        """Return the k documents, or groups of documents, behind the first `offset`."""
        if grouping is not None:
            return grouping.page(self.first(), self.relevance.listed, offset, k)
        first = self.first(offset + k)
        before = int(first[offset - 1]) if 0 < offset <= len(first) else None
        return Page(int(np.count_nonzero(self.relevance.listed)), first[offset:], before)

    def values_of(self, document: int) -> dict[str, Any]:
        """Return the values that a document is sorted by: field → value, None if it is missing."""
        return {name: values.shown(document) for name, values in self._values.items()}

    def _sorted(self, count: int | None) -> Ints:
        documents = np.flatnonzero(self.relevance.listed)
        at = next((at for at, key in enumerate(self._keys) if key.field == SCORE), len(self._keys))
        head, tail = self._columns(self._keys[:at]), self._columns(self._keys[at + 1 :])
        count = len(documents) if count is None else min(count, len(documents))
        if head and 0 < count < len(documents):
            documents = documents[_may_be_among(head[0], documents, count)]
        arrays = [array for column in head for array in column.keys_of(documents)]
        order = np.lexsort(arrays[::-1]) if arrays else np.arange(len(documents))
        documents, starts = documents[order], np.zeros(len(documents), np.bool_)
        for array in arrays:
            ordered = array[order]
            starts[1:] |= ordered[1:] != ordered[:-1]
        starts[:1] = True
        heads = np.flatnonzero(starts)
        # Documents with equal keys are compared as a whole, also those behind the last one that is wanted.
        end = int(np.append(heads, len(documents))[np.searchsorted(heads, count)])
        documents, group = documents[:end], np.cumsum(starts[:end])
        sizes = np.bincount(group, minlength=1)
        tied = np.flatnonzero(sizes[group] > 1)
        if len(tied):
            direction = -1 if at == len(self._keys) or self._keys[at].descending else 1
            tiers, scores = self.relevance.of(documents[tied])
            last = [array for column in tail for array in column.keys_of(documents[tied])]
            ids = self._store.id_ranks[documents[tied]]
            keys: list[NDArray[Any]] = [group[tied], -direction * tiers, direction * scores, *last, ids]
            documents[tied] = documents[tied][np.lexsort(keys[::-1])]
        return documents[:count]

    def _columns(self, keys: Sequence[SortKey]) -> list[SortValues]:
        return [self._values[key.field] for key in keys]


def _may_be_among(column: SortValues, documents: Ints, count: int) -> Bools:
    """Return (n,) bool, true for all documents that can be among the first `count` by a key, and perhaps for others."""
    missing, values = column.keys_of(documents)
    # Rounding to float64 keeps the order, so no document that is among the first is left out.
    rough = np.where(missing, np.inf, values.astype(np.float64))
    limit = np.partition(rough, count - 1)[count - 1]
    found: Bools = rough <= limit
    return found
