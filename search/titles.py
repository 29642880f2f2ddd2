"""What a document is, rather than what it mentions: the content of a query that stands in its title.

A cross-encoder that was trained on questions gives a dress "to wear with high heels" a higher score than heels with a
short text. The fused score and the title know better, so both are added to its score (`FusedCandidates.prior`).
Where all candidates have the words of the query in their titles, or none has, nothing changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from clew.core.text import Analyzer
from clew.search.docstore import DocStore
from clew.search.fields import title_field
from clew.search.fusion import FusedCandidates
from clew.search.protocols import ParsedQuery, Vocabulary
from clew.search.terms import QueryTerms, coverage, importance

# In a query of more content words, most of which describe the thing asked for, the title counts less: 4 / words. Chosen
# on dev queries: nDCG@10 of walmart-amazon rose from .878 to .885, of abt-buy from .959 to .964, and of no other of
# eight sets it fell.
_WORDS = 4


@dataclass(frozen=True, slots=True)
class Titles:
    """The titles of an index, as one query sees them. worth: term of the query → its weight times its idf."""

    worth: Mapping[str, float]
    _terms: QueryTerms
    _store: DocStore
    _field: str

    @classmethod
    def of(cls, query: ParsedQuery, analyzer: Analyzer, vocabulary: Vocabulary, store: DocStore) -> Titles | None:
        """Return the titles for a query; None if the index has no title field."""
        title = title_field(store.fields)
        if title is None:
            return None
        terms = QueryTerms(analyzer, query)
        left_out = {*query.identifiers, *query.origins}
        weights = {term: weight for term, weight in terms.content.items() if term not in left_out}
        return cls(importance(weights, vocabulary, store.passages), terms, store, title)

    def shares(self, document: int) -> dict[str, float]:
        """Return the terms of the query in the title of a document, and how much of each (0 to 1)."""
        return self._terms.shares(str(self._store.value(document, self._field) or ""))

    @property
    def weight(self) -> float:
        """Return how much titles count for this query, 0 to 1."""
        words = sum(self._terms.weights[term] == 1 for term in self.worth)
        return min(1.0, _WORDS / max(1, words))


def with_titles(pool: FusedCandidates, titles: Titles, count: int) -> FusedCandidates:
    """Return the pool with how much the titles of its first `count` candidates in fused order count; 0 for the others.

    It is the share of the query's content that stands in the title, times `Titles.weight`.
    """
    counts = np.zeros(len(pool.documents))
    for at in pool.order()[:count]:
        counts[at] = titles.weight * coverage(titles.worth, titles.shares(int(pool.documents[at])))
    return replace(pool, titles=counts)
