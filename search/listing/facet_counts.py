"""The facets of a listing: they count the documents that it lists.

A disjunctive facet counts as if its own filter were not there: a shopper who chose one brand sees how many documents
each other brand would add. Its counts are those that a search without the conditions on its field has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from clew.core.types import Bools
from clew.search.docstore import DocStore
from clew.search.facets import count_facets
from clew.search.filters import Filter
from clew.search.types import FacetValue


@dataclass(frozen=True, slots=True)
class FacetCounts:
    """The facets of one listing.

    filters: of the search, None if it has none. listed: (documents,) bool, the documents that it lists. listed_under:
    returns the documents that the same search would list under another filter. limit: maximum number of values of each
    facet (0: all).
    """

    store: DocStore
    filters: Filter | None
    listed: Bools
    listed_under: Callable[[Filter | None], Bools]
    limit: int

    def count(self, names: Sequence[str], disjunctive: Sequence[str]) -> dict[str, tuple[FacetValue, ...]]:
        """Count facets. disjunctive: those whose own filter does not count.

        Raises QueryError for a field that is not a facet.
        """
        own = {name for name in disjunctive if self.filters is not None and name in set(self.filters.fields())}
        plain = [name for name in dict.fromkeys((*names, *disjunctive)) if name not in own]
        found = self._count(plain, self.filters, self.listed)
        for name in own:
            assert self.filters is not None  # noqa: S101 - `own` is empty then
            others = self.filters.without(name)
            found |= self._count([name], others, self.listed_under(others))
        return {name: found[name] for name in dict.fromkeys((*names, *disjunctive))}

    def _count(
        self, names: Sequence[str], filters: Filter | None, documents: Bools
    ) -> dict[str, tuple[FacetValue, ...]]:
        passing = filters.variants(self.store) if filters else None
        return count_facets(self.store, self.store.fields, names, documents, self.limit, variants=passing)
