"""Browsing: a search with an empty query lists all documents that pass the filters."""

from __future__ import annotations

import numpy as np

from clew.core.types import Bools
from clew.search.docstore import DocStore
from clew.search.listing.order import unscored
from clew.search.match_set import MatchSet
from clew.search.protocols import ParsedQuery
from clew.search.rerank.ordering import Ordering

NOTHING_LISTED = "no results: no document passes the filters"


def browsed(store: DocStore, filter_mask: Bools | None) -> tuple[ParsedQuery, Ordering, MatchSet]:
    """Return the empty query, without candidates, and the documents that pass the filters.

    filter_mask: (documents,) bool, those that pass; None if all do.
    """
    listed = np.ones(store.documents, np.bool_) if filter_mask is None else filter_mask
    return ParsedQuery(""), Ordering.as_fused(unscored(np.empty(0, np.int64))), MatchSet(listed, exact=True)
