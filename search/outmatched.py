"""Documents that the graph leads to although they hold less of the query than others do.

Of "iphone case" a catalogue's graph may know only "iPhone", a category of phones. Being an iPhone answers a part of the
query, so it says nothing for a phone where there are cases for iPhones. A document holds a word of the query if the
word is in its title, or names an entity that the document is about. How much that is, is the sum of the words' idf, and
the head of the query (`clew.search.head_word`) counts more than all other words together. The graph's score of a
document that holds less than another candidate counts as 0. Nothing changes for queries without a head, such as
questions, which ask for what titles do not say, and where no candidate holds more.

Chosen on the train queries and dev queries of esci-us-sample, where nDCG@10 with the graph for every query is .655
without this, .672 with it, and .672 without the graph; factors that fall with what is missing gave .662 to .668.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from clew.core.text import Analyzer
from clew.core.types import Bools, Ints
from clew.search.head_word import head_terms
from clew.search.protocols import ParsedQuery
from clew.search.titles import Titles

# Sums of the same words that differ by less are equal.
_EQUAL = 1e-9


def outmatched(
    query: ParsedQuery,
    documents: Ints,
    links: Mapping[tuple[int, int], Bools],
    titles: Titles,
    analyzer: Analyzer,
    said: Iterable[str] = (),
) -> Bools:
    """Return (m,) bool: documents that the graph leads to and that hold less of the query than another document.

    documents: (m,) int64 ordinals. links: characters (start, end) of the query that name entities → (m,) bool, the
    documents that these lead to. said: words for what the graph knows of documents, such as "film" and "directed by",
    which no title needs.
    """
    found: Bools = np.zeros(len(documents), np.bool_)
    known = {term for words in said for term in analyzer.terms(words)}
    content = {term: value for term, value in titles.worth.items() if term not in known}
    worth = _with_head(query.text, content, analyzer)
    tokens = analyzer.tokens(query.text, worth)
    named = [
        ({token.term for token in tokens if start <= token.start and token.end <= end}, about)
        for (start, end), about in links.items()
    ]
    # What names the whole query cannot be outmatched, and then titles need not be read.
    if not worth or any(terms >= worth.keys() for terms, _ in named):
        return found
    held = np.zeros(len(documents), np.float64)
    for at, document in enumerate(documents.tolist()):
        shares = titles.shares(document)
        shares.update((term, 1.0) for terms, about in named if about[at] for term in terms)
        held[at] = sum(value * shares.get(term, 0.0) for term, value in worth.items())
    for about in links.values():
        found |= about
    found &= held < held.max(initial=0.0) - _EQUAL
    return found


def _with_head(text: str, worth: Mapping[str, float], analyzer: Analyzer) -> Mapping[str, float]:
    """Return what each term is worth if the head counts more than the other terms together; nothing without a head."""
    head = head_terms(text, analyzer, worth)
    own = sum(worth[term] for term in head)
    factor = sum(worth.values()) / own if own > 0 else 0.0
    return {term: value * factor if term in head else value for term, value in worth.items() if own > 0}
