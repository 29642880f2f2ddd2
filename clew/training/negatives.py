"""Hard negatives: what a published index finds for a query and nobody called relevant."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from clew.core.errors import QueryError
from clew.core.types import Floats
from clew.training.examples import Example

if TYPE_CHECKING:
    from clew.search.fusion import Pool
    from clew.search.pipeline import Searcher
    from clew.training.spec import NegativesSpec

_SOURCES = ("bm25", "dense")


def mined_example(
    searcher: Searcher, data: str, query: str, text: str, judged: Mapping[str, int], spec: NegativesSpec, seed: int
) -> Example | None:
    """A query with its relevant documents and hard negatives; None where the index lacks one of the two.

    judged: document → integer gain; one judged 0 is a negative where it is among the candidates. At most count / 2
    relevant documents are taken, the best first.
    """
    try:
        pool = searcher.pool(text, spec.depth, sources=sources_of(searcher), graph="off")
    except QueryError:  # a query that search refuses: empty, too long
        return None
    store = searcher.store
    relevant = sorted((name for name, gain in judged.items() if gain > 0), key=lambda name: (-judged[name], name))
    places = {name: at for name in relevant if (at := store.find(name)) is not None}
    kept = list(places)[: max(1, spec.count // 2)]
    if not kept:
        return None
    passages = {name: passage_of(searcher, pool, places[name]) for name in kept}
    words = [set(each.casefold().split()) for each in passages.values()]
    ceiling = _ceiling(pool, [places[name] for name in places], spec.margin)
    order = [int(at) for at in pool.order()[: spec.depth] if pool.documents[at] not in set(places.values())]
    closeness = _closeness(pool)
    found: dict[str, str] = {}
    for at in _by_turns(order, spec, f"{seed}/{query}"):
        if closeness is not None and closeness[at] > ceiling:
            continue
        passage = passage_of(searcher, pool, int(pool.documents[at]))
        if passage and not any(_alike(set(passage.casefold().split()), each) > spec.similar for each in words):
            found[store.id(int(pool.documents[at]))] = passage
        if len(found) == spec.count:
            break
    if not found:
        return None
    top = max(judged[name] for name in kept)
    return Example(
        data, query, text, (*passages, *found), (*passages.values(), *found.values()),
        (*(judged[name] / top for name in kept), *(0.0 for _ in found)),
    )  # fmt: skip


def candidates_example(
    searcher: Searcher, data: str, query: str, text: str, judged: Mapping[str, int], most: int
) -> Example | None:
    """The first `most` documents of a query as a reranker would get them, in their order, with their gains.

    None where search refuses the query or no relevant document is among them.
    """
    try:
        pool = searcher.pool(text, most, sources=sources_of(searcher), graph="off")
    except QueryError:
        return None
    order = pool.order()[:most]
    places = [int(pool.documents[at]) for at in order]
    ids = searcher.store.ids(np.array(places, np.int64))
    top = max(judged.values())
    gains = tuple(max(judged.get(name, 0), 0) / top for name in ids)
    passages = tuple(passage_of(searcher, pool, at) for at in places)
    fused = tuple(float(pool.totals[at]) for at in order)
    return Example(data, query, text, tuple(ids), passages, gains, fused) if any(gains) else None


def indexed_texts(searcher: Searcher, text: str, names: Sequence[str], depth: int) -> dict[str, str]:
    """Document → what the model reads of it beside a query, of those that the index holds.

    depth: candidates among which a document's best passage is looked for; one further down is read from its start.
    Empty where search refuses the query.
    """
    try:
        pool = searcher.pool(text, depth, sources=sources_of(searcher), graph="off")
    except QueryError:
        return {}
    places = {name: at for name in names if (at := searcher.store.find(name)) is not None}
    return {name: passage_of(searcher, pool, at) for name, at in places.items()}


def sources_of(searcher: Searcher) -> tuple[str, ...]:
    """The sources that candidates are mined from: those of the index, its graph left out."""
    return tuple(name for name in searcher.sources if name in _SOURCES)


def passage_of(searcher: Searcher, pool: Pool, document: int) -> str:
    """What the model reads of a document: its best passage where it is a candidate, else its first."""
    at = pool.place_of(document)
    passage = searcher.store.passage_range(document)[0] if at is None else pool.best_passage(at)
    return searcher.store.embedded_text(passage)


def _ceiling(pool: Pool, relevant: Sequence[int], margin: float) -> float:
    """Cosine above which a candidate may be relevant and unjudged."""
    closeness = _closeness(pool)
    places = [at for document in relevant if (at := pool.place_of(document)) is not None]
    if closeness is None or not places:
        return float("inf")
    return float(max(closeness[at] for at in places)) + margin


def _closeness(pool: Pool) -> Floats | None:
    """(m,) cosine of each candidate with the query; None where the index has no vectors."""
    if "dense" not in pool.sources:
        return None
    cosines: Floats = np.nan_to_num(pool.scores[pool.sources.index("dense")], nan=-1.0)
    return cosines


def _by_turns(order: Sequence[int], spec: NegativesSpec, seed: str) -> list[int]:
    """Candidates in the order they are tried: the wanted share of the hardest, then others drawn from further down."""
    draw = random.Random(seed)  # noqa: S311 - a reproducible choice, no secret
    border = max(spec.count, len(order) // 5)
    near, far = list(order[:border]), list(order[border:])
    draw.shuffle(near)
    draw.shuffle(far)
    hard = round(spec.top * spec.count)
    return [*near[:hard], *far[: spec.count - hard], *near[hard:], *far[spec.count - hard :]]


def _alike(one: set[str], other: set[str]) -> float:
    return len(one & other) / max(1, len(one | other))
