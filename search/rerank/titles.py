"""What a document is, rather than what it mentions: the share of a query's content that stands in its title.

A cross-encoder that was trained on questions gives a dress "to wear with high heels" a higher score than heels with a
short text. The fused score and the title know better, so both are added to its score (`FusedCandidates.prior`).
Where all candidates have the words of the query in their titles, or none has, nothing changes.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from clew.core.text import Analyzer
from clew.search.docstore import DocStore
from clew.search.fields import title_field
from clew.search.fusion import FusedCandidates
from clew.search.protocols import ParsedQuery, Vocabulary
from clew.search.terms import QueryTerms, coverage, importance


def with_titles(
    pool: FusedCandidates, query: ParsedQuery, count: int, analyzer: Analyzer, vocabulary: Vocabulary, store: DocStore
) -> FusedCandidates:
    """Return the pool with the title shares of its first `count` candidates in fused order; 0 for the others.

    The pool is returned as it is if the index has no title field.
    """
    title = title_field(store.fields)
    if title is None:
        return pool
    terms = QueryTerms(analyzer, query)
    left_out = {*query.identifiers, *query.origins}
    weights = {term: weight for term, weight in terms.content.items() if term not in left_out}
    worth = importance(weights, vocabulary, store.passages)
    shares = np.zeros(len(pool.documents))
    for at in pool.order()[:count]:
        text = str(store.fields_of(int(pool.documents[at])).get(title) or "")
        shares[at] = coverage(worth, terms.found(text), terms.spellings)
    return replace(pool, titles=shares)
