"""Leave a query's own document out of its ranking, in data sets whose queries are documents too (ArguAna, Quora).

BEIR's evaluation leaves out every result whose id is that of the query ("ignore"). Where queries and documents are both
numbered from 1, that would leave out unrelated documents, so that the default ("auto") also compares the texts.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, get_args

from clew.core.errors import unknown_name
from clew.search.columns import keyword_key

if TYPE_CHECKING:
    from clew.core.types import FieldValue, Floats
    from clew.search.fusion import FusedCandidates

IdenticalIds: TypeAlias = Literal["auto", "ignore", "keep"]
IDENTICAL_IDS: tuple[IdenticalIds, ...] = get_args(IdenticalIds)


def check_identical_ids(name: str) -> IdenticalIds:
    """Return a rule by its name. Raises UnknownNameError."""
    for known in IDENTICAL_IDS:
        if name == known:
            return known
    raise unknown_name("rule for identical ids", name, IDENTICAL_IDS)


class Documents(Protocol):
    """Documents that are found by their ids, such as a `DocStore`."""

    def find(self, name: str, /) -> int | None:
        """Return the ordinal of the document with this id, None if there is none."""
        ...

    def fields_of(self, document: int, /) -> Mapping[str, FieldValue]:
        """Return the values of a document's fields."""
        ...


def own_document(
    store: Documents, query: str, text: str, rule: IdenticalIds, judged: Container[str] = ()
) -> str | None:
    """Return the id of the document that is left out of a query's ranking, or None.

    query, text: id and text of the query. rule: "ignore": the document with the query's id; "auto": only if it also has
    the query's text and is not judged for it; "keep": none. judged: the documents that are judged for the query.
    """
    document = None if rule == "keep" else store.find(query)
    if document is None or rule == "ignore":
        return query if document is not None else None
    if query in judged:
        return None
    texts = [value for value in store.fields_of(document).values() if isinstance(value, str)]
    wanted = keyword_key(text)
    same = any(keyword_key(each) == wanted for each in texts) or keyword_key(" ".join(texts)) == wanted
    return query if same else None


def without_own(ids: list[str], scores: Floats, own: str | None, depth: int) -> dict[str, float]:
    """Return document → score of the first `depth` results, best first, without the query's own document."""
    found = ((name, float(score)) for name, score in zip(ids, scores, strict=True) if name != own)
    return dict(list(found)[:depth])


def pool_without(pool: FusedCandidates, store: Documents, own: str | None) -> FusedCandidates:
    """Return the candidates of a query without its own document (None: all of them)."""
    document = None if own is None else store.find(own)
    return pool if document is None else pool.without(document)
