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


@dataclass(frozen=True, slots=True)
class Titles:
    """The titles of an index, as one query sees them. worth: term of the query → its weight times its idf."""

    worth: Mapping[str, float]
    _analyzer: Analyzer
    _store: DocStore
    _field: str

    @classmethod
    def of(cls, query: ParsedQuery, analyzer: Analyzer, vocabulary: Vocabulary, store: DocStore) -> Titles | None:
        """Return the titles for a query; None if the index has no title field."""
        title = title_field(store.fields)
        if title is None:
            return None
        left_out = {*query.identifiers, *query.origins}
        weights = {term: weight for term, weight in QueryTerms(analyzer, query).weights.items() if term not in left_out}
        return cls(importance(weights, vocabulary, store.passages), analyzer, store, title)

    def terms(self, document: int) -> set[str]:
        """Return the terms of the query in the title of a document."""
        text = str(self._store.value(document, self._field) or "")
        return self.worth.keys() & self._analyzer.terms(text)


def with_titles(pool: FusedCandidates, titles: Titles, count: int) -> FusedCandidates:
    """Return the pool with the title shares of its first `count` candidates in fused order; 0 for the others."""
    shares = np.zeros(len(pool.documents))
    for at in pool.order()[:count]:
        shares[at] = coverage(titles.worth, titles.terms(int(pool.documents[at])))
    return replace(pool, titles=shares)
