"""The hits of a search: documents with what is shown of them, and the scores that every stage gave them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from clew.core.types import Ints
from clew.search.docstore import DocStore
from clew.search.listing.order import Listing
from clew.search.listing.page import Page
from clew.search.present import Presenter
from clew.search.protocols import CandidateGenerator, ParsedQuery
from clew.search.rerank.ordering import Ordering
from clew.search.types import Group, Hit, StageScore

# What gave the score of a hit, which is 0, if the query is empty.
BROWSE = "browse"


@dataclass(frozen=True, slots=True)
class Hits:
    """The hits of one search. ordering: has all documents that are shown. explain: whether hits have explanations."""

    store: DocStore
    generators: Mapping[str, CandidateGenerator]
    ordering: Ordering
    presenter: Presenter
    listing: Listing
    explain: bool

    def hits(self, documents: Ints, offset: int = 0) -> tuple[Hit, ...]:
        """Return documents as hits. offset: the number of hits before them."""
        return tuple(self.hit(rank, document) for rank, document in enumerate(documents.tolist(), offset + 1))

    def groups(self, page: Page) -> tuple[Group, ...]:
        """Return the groups of a page; the hits of each are ranked within it."""
        parts = zip(page.values, page.counts, page.members, strict=True)
        return tuple(Group(value, count, self.hits(members)) for value, count, members in parts)

    def hit(self, rank: int, document: int) -> Hit:
        """Return a document as a hit. rank: from 1."""
        ordering, pool, fields = self.ordering, self.ordering.pool, self.store.fields_of(document)
        (at,) = ordering.places(np.array([document])).tolist()
        score, stage, probability = ordering.score(at)
        span = self.store.span(pool.best_passage(at)) if pool.sources else None
        why: tuple[StageScore, ...] = ()
        if self.explain and pool.sources:
            why = stage_scores(self.presenter.query, ordering, document, self.store, self.generators)
        return Hit(
            id=self.store.id(document),
            rank=rank,
            score=score,
            scored_by=stage if pool.sources else BROWSE,
            fields=self.presenter.shown(fields),
            highlights=self.presenter.highlights(fields, span) if span else (),
            passage=span,
            why=why,
            probability=probability,
            variant=self.presenter.variant(self.store.variants, document),
            sort_values=self.listing.values_of(document),
        )


def stage_scores(
    query: ParsedQuery,
    ordering: Ordering,
    document: int,
    store: DocStore,
    generators: Mapping[str, CandidateGenerator],
) -> tuple[StageScore, ...]:
    """Return a document's score in every stage: each source's for its best passage, then those of later stages."""
    stages = []
    pool = ordering.pool
    at = pool.index_of(document)
    span = np.arange(*store.passage_range(document), dtype=np.int64)
    for row, name in enumerate(pool.sources):
        generator = generators[name]
        scores = generator.score(query, span)
        if np.isnan(scores).all():
            stages.append(StageScore(name, None, None))
            continue
        best = int(np.nanargmax(scores))
        rank = int(pool.ranks[row, at]) + 1 if at is not None and pool.ranks[row, at] >= 0 else None
        parts = tuple(generator.explain(query, int(span[best])))
        stages.append(StageScore(name, float(scores[best]), rank, parts))
    if at is not None:
        stages += ordering.stages(at)
    return tuple(stages)
