"""Measure how well models rank the documents of judged queries, without building an index for each model.

An encoder ranks the judged documents and a seeded sample of the others, cut and encoded as in a build, by comparing the
query with all of them. A reranker orders the first documents that a search without a reranker finds.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from clew.benchmarks.data.datasets import Dataset
from clew.benchmarks.relevance import systems
from clew.benchmarks.relevance.measure import judged_qrels, open_shared_index
from clew.benchmarks.relevance.options import Options as RelevanceOptions
from clew.core.errors import DataError, QueryError, UsageError
from clew.core.fold import normalise
from clew.core.measures.evaluation import evaluate
from clew.core.measures.runs import Qrels, Run
from clew.core.types import FieldValue, Ints
from clew.indexer.passages import PassagesSpec, cut
from clew.models.passage import embedded_text
from clew.models.protocols import Encoder, PairScorer
from clew.search.identical_ids import Documents, IdenticalIds, own_document, pool_without, without_own
from clew.search.query_analysis import passage_vectors, readable

NDCG = "nDCG@10"
DEPTH = 10
# Number of documents that a reranker reads: the default of [rerank] top.
RERANKED_DOCUMENTS = 50


@dataclass(frozen=True, slots=True)
class Sample:
    """Judged queries of a data set and the documents that are ranked for them.

    queries: id → text. documents, titles, bodies: id, title and body of each document, in the order of the corpus. of:
    number of documents in the corpus. own: query → its own document, which is left out of its ranking.
    """

    name: str
    queries: Mapping[str, str]
    qrels: Qrels
    documents: tuple[str, ...]
    titles: tuple[str, ...]
    bodies: tuple[str, ...]
    of: int
    own: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lists:
    """The documents that a search finds for judged queries.

    found: query → (ids, texts) of its first documents, best first; a query that search rejects is missing.
    """

    name: str
    queries: Mapping[str, str]
    qrels: Qrels
    found: Mapping[str, tuple[list[str], list[str]]]


def sample(dataset: Dataset, relevance_options: RelevanceOptions, others: int) -> Sample:
    """Draw a sample of the queries of a split, and the documents that are ranked for them.

    others: number of documents in addition to the judged ones, drawn by the seed; all if there are not more. Raises
    DataError if the data set is not a BEIR folder, or the judgements do not fit it.
    """
    known = dataset.document_ids
    if known is None:
        raise DataError(f"{dataset.name} is not a BEIR folder", "give a folder with corpus.jsonl")
    qrels = judged_qrels(dataset.judged, known, relevance_options)
    judged = {document for each in qrels.values() for document in each} & known
    rest = sorted(known - judged)
    drawn = random.Random(relevance_options.seed).sample(rest, min(others, len(rest)))  # noqa: S311 - reproducible, no secret
    kept = judged.union(drawn)
    rows = [row for row in dataset.texts() if row[0] in kept]
    ids, titles, bodies = (tuple(row[at] for row in rows) for at in range(3))
    queries = {query: normalise(dataset.judged.queries[query]) for query in qrels}
    own = _own(_Texts(ids, titles, bodies), queries, qrels, relevance_options.identical_ids)
    return Sample(dataset.name, queries, qrels, ids, titles, bodies, len(known), own)


@dataclass(frozen=True)
class _Texts:
    """The documents of a sample as `clew.search.identical_ids.Documents`."""

    ids: tuple[str, ...]
    titles: tuple[str, ...]
    bodies: tuple[str, ...]

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: at for at, name in enumerate(self.ids)}

    def find(self, name: str, /) -> int | None:
        return self._places.get(name)

    def fields_of(self, document: int, /) -> Mapping[str, FieldValue]:
        return {"title": self.titles[document], "text": self.bodies[document]}


def _own(documents: Documents, queries: Mapping[str, str], qrels: Qrels, rule: IdenticalIds) -> dict[str, str]:
    """Return query → its own document, for the queries that have one."""
    found = ((query, own_document(documents, query, text, rule, qrels[query])) for query, text in queries.items())
    return {query: own for query, own in found if own is not None}


def dense_values(encoder: Encoder, material: Sample) -> dict[str, float]:
    """Return query → nDCG@10 of the documents by the cosine of their best passage; 0 if the encoder cannot read it."""
    texts, first = _passages(encoder, material)
    vectors = passage_vectors(encoder, texts)
    names, asked = list(material.queries), list(material.queries.values())
    known = readable(encoder, asked)
    run: Run = {}
    for at, query in zip(known, encoder.encode_queries([asked[at] for at in known]), strict=True):
        name = names[at]
        scores = np.maximum.reduceat(vectors @ query, first)
        # Ties as in a search: the document that comes first in the corpus wins.
        best = np.argsort(-scores, kind="stable")[: DEPTH + 1]
        ids = [material.documents[at] for at in best]
        run[name] = without_own(ids, scores[best], material.own.get(name), DEPTH)
    return _measured(material.qrels, run)


def lists(dataset: Dataset, home: Path, relevance_options: RelevanceOptions) -> Lists:
    """Search the whole data set with the system of `relevance_options` and return the first documents of each query.

    home: the folder of the indexes; a missing one is built. Raises UsageError for a system that reranks, learns or
    needs a graph, and DataError if the judgements do not fit.
    """
    name = relevance_options.systems[0]
    system = systems.load(name)
    if system.rerank or system.tuned or system.graph:
        raise UsageError(f"lists cannot come from {name}", "give bm25, dense, rrf or hybrid")
    qrels = judged_qrels(dataset.judged, dataset.document_ids, relevance_options)
    queries = {query: normalise(dataset.judged.queries[query]) for query in qrels}
    searcher = open_shared_index(dataset, home, {name: system}, relevance_options)
    found: dict[str, tuple[list[str], list[str]]] = {}
    try:
        owned = _own(searcher.store, queries, qrels, relevance_options.identical_ids)
        for query, text in queries.items():
            own = owned.get(query)
            depth = RERANKED_DOCUMENTS + (own is not None)
            try:
                every = searcher.pool(text, depth, sources=system.sources, fusion=system.fusion)
            except QueryError:  # one that search rejects (empty, too long) finds nothing
                continue
            pool = pool_without(every, searcher.store, own)
            places = pool.order()[:RERANKED_DOCUMENTS]
            texts = [searcher.store.embedded_text(pool.best_passage(int(at))) for at in places]
            found[query] = (searcher.store.ids(pool.documents[places]), texts)
    finally:
        searcher.close()
    return Lists(dataset.name, queries, qrels, found)


def reranked_values(scorer: PairScorer, material: Lists) -> dict[str, float]:
    """Return query → nDCG@10 of its list, ordered by the scores alone; ties keep their order."""
    run: Run = {}
    for query, (ids, texts) in material.found.items():
        scores = scorer.score(material.queries[query], texts)
        run[query] = {ids[at]: float(scores[at]) for at in np.argsort(-scores, kind="stable").tolist()}
    return _measured(material.qrels, run)


def initial_values(material: Lists) -> dict[str, float]:
    """Return query → nDCG@10 of its list in the order in which it was found."""
    run: Run = {query: {name: -float(at) for at, name in enumerate(ids)} for query, (ids, _) in material.found.items()}
    return _measured(material.qrels, run)


def _measured(qrels: Qrels, run: Run) -> dict[str, float]:
    return dict(evaluate(qrels, run, (NDCG,)).per_query[NDCG])


def _passages(encoder: Encoder, material: Sample) -> tuple[list[str], Ints]:
    """Return the texts that a build would encode, and the (documents,) int64 index of each document's first text."""
    spec = PassagesSpec().fitting(encoder.max_length)
    texts: list[str] = []
    first = np.empty(len(material.documents), np.int64)
    windows = cut(material.bodies, material.titles, spec)
    for at, (title, body, spans) in enumerate(zip(material.titles, material.bodies, windows, strict=True)):
        first[at] = len(texts)
        texts += [embedded_text(title, body[start:end]) for start, end in spans]
    return texts, first
