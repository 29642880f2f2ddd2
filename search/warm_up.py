"""Search an index before its first user does, so that the first query is as fast as later ones.

Some parts load or compute something at their first use: the Chinese dictionary and syllables, the spelling distances of
the linker, the columns of facets, the floor for queries without known words, and the buffers of the models.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from clew.search.fields import body, title_field
from clew.search.types import MAX_QUERY_CHARACTERS, SearchRequest

if TYPE_CHECKING:
    from clew.search.pipeline import Searcher

# A text with no known word, and one in Chinese with a typing error.
_OTHER_TEXTS = ("qxjvkw zptgh", "黑色的耳基")
_SAMPLE_CHARACTERS = 80


def warm_up(searcher: Searcher) -> None:
    """Run one search for each kind of query: text of the index, unknown words, Chinese. Raises the errors of search."""
    for text in (*sample_queries(searcher, 1), *_OTHER_TEXTS):
        searcher.search(SearchRequest(query=text))


def sample_queries(searcher: Searcher, count: int) -> Iterator[str]:
    """Yield up to `count` queries: the first words of documents at regular distances in the index."""
    store, title = searcher.store, title_field(searcher.fields)
    count = min(count, store.documents)
    for at in range(count):
        values: dict[str, Any] = dict(store.fields_of(at * store.documents // count))
        text = f"{(values.get(title) if title else None) or ''} {body(values, searcher.fields)[0]}".strip()
        if any(map(str.isalnum, text[:_SAMPLE_CHARACTERS])):  # punctuation alone matches nothing
            yield text[: min(_SAMPLE_CHARACTERS, MAX_QUERY_CHARACTERS)]
