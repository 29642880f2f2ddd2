"""Hard negatives: documents that an index retrieves for a query and that are not judged relevant."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from itertools import islice, pairwise
from typing import TYPE_CHECKING

from clew.core.chinese import han_runs
from clew.training.examples import Example

if TYPE_CHECKING:
    from clew.training.candidates import Candidates, CandidateSource
    from clew.training.spec import NegativesSpec


def mined_example(
    source: CandidateSource, data: str, query: str, text: str, judged: Mapping[str, int], spec: NegativesSpec, seed: int
) -> Example | None:
    """Make an example of a query's relevant documents and its hard negatives.

    judged: document → integer gain; a document judged 0 is a negative if it is among the candidates. At most count / 2
    relevant documents are used, those with the highest gains. Returns None if the query cannot be searched, the index
    contains no relevant document, or no negative is left.
    """
    found = source.candidates(text, spec.depth)
    if found is None:
        return None
    relevant = sorted((name for name, gain in judged.items() if gain > 0), key=lambda name: (-judged[name], name))
    indexed = ((name, passage) for name in relevant if (passage := found.passage(name)) is not None)
    passages = dict(islice(indexed, max(1, spec.count // 2)))
    if not passages:
        return None
    negatives = _negatives(found, set(relevant), passages, spec, f"{seed}/{query}")
    if not negatives:
        return None
    top = max(judged[name] for name in passages)
    return Example(
        data, query, text, (*passages, *negatives), (*passages.values(), *negatives.values()),
        (*(judged[name] / top for name in passages), *(0.0 for _ in negatives)),
    )  # fmt: skip


def candidates_example(
    source: CandidateSource, data: str, query: str, text: str, judged: Mapping[str, int], most: int
) -> Example | None:
    """Make an example of the first `most` candidates of a query, in the order a reranker would get them.

    judged: document → integer gain. Returns None if the query cannot be searched or no candidate is relevant.
    """
    found = source.candidates(text, most)
    if found is None:
        return None
    ids = tuple(found.ids[:most])
    top = max(judged.values())
    gains = tuple(max(judged.get(name, 0), 0) / top for name in ids)
    passages = tuple(found.passage(name) or "" for name in ids)
    return Example(data, query, text, ids, passages, gains, tuple(found.scores[:most].tolist())) if any(gains) else None


def indexed_texts(source: CandidateSource, text: str, names: Sequence[str], depth: int) -> dict[str, str]:
    """Return document → the passage of it that the model reads, for the named documents that the index contains.

    depth: number of candidates for which the best passage is known; for a document further down, the first passage is
    used. Empty if the query cannot be searched.
    """
    found = source.candidates(text, depth)
    if found is None:
        return {}
    return {name: passage for name in names if (passage := found.passage(name)) is not None}


def _negatives(
    found: Candidates, relevant: set[str], passages: Mapping[str, str], spec: NegativesSpec, seed: str
) -> dict[str, str]:
    """Choose up to `count` negatives among the first `depth` candidates; return document → passage.

    Skips relevant documents, those whose passage is nearly a copy of one of `passages`, and those whose cosine with the
    query exceeds that of the best relevant candidate by more than the margin, since they may be relevant and unjudged.
    """
    words = [_words(each) for each in passages.values()]
    max_cosine = _max_cosine(found, relevant, spec.margin)
    order = [at for at in range(min(spec.depth, len(found.ids))) if found.ids[at] not in relevant]
    chosen: dict[str, str] = {}
    for at in _selection_order(order, spec, seed):
        if found.cosines is not None and found.cosines[at] > max_cosine:
            continue
        passage = found.passage(found.ids[at])
        if passage and not any(_jaccard(_words(passage), each) > spec.similar for each in words):
            chosen[found.ids[at]] = passage
        if len(chosen) == spec.count:
            break
    return chosen


def _max_cosine(found: Candidates, relevant: set[str], margin: float) -> float:
    """Return the cosine above which a candidate may be relevant and unjudged; infinite if it is unknown."""
    if found.cosines is None:
        return float("inf")
    cosines = [float(found.cosines[at]) for at, name in enumerate(found.ids) if name in relevant]
    return max(cosines) + margin if cosines else float("inf")


def _selection_order(order: Sequence[int], spec: NegativesSpec, seed: str) -> list[int]:
    """Order candidates for selection: the wanted share from the top, a sample from further down, then all others.

    order: positions of the candidates, best first. The top is the first fifth, at least `count`.
    """
    generator = random.Random(seed)  # noqa: S311 - a reproducible choice, not a secret
    border = max(spec.count, len(order) // 5)
    near, far = list(order[:border]), list(order[border:])
    generator.shuffle(near)
    generator.shuffle(far)
    hard = round(spec.top * spec.count)
    return [*near[:hard], *far[: spec.count - hard], *near[hard:], *far[spec.count - hard :]]


def _words(text: str) -> set[str]:
    """Return the words of a text by white space; of Chinese, which has none, the pairs of adjacent characters."""
    folded = text.casefold()
    found: set[str] = set()
    for start, end, han in han_runs(folded):
        run = folded[start:end]
        found.update(map("".join, pairwise(run)) if han and len(run) > 1 else run.split())
    return found


def _jaccard(one: set[str], other: set[str]) -> float:
    """Return the Jaccard similarity (0 to 1) of two sets of words."""
    return len(one & other) / max(1, len(one | other))
