"""Judged answers to learn and measure probabilities on: each query with its relevant documents, and without them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from clew.benchmarks.data.datasets import Dataset
from clew.benchmarks.relevance import systems
from clew.benchmarks.relevance.measure import open_shared_index, with_reranker
from clew.benchmarks.relevance.options import Options
from clew.benchmarks.relevance.pairs import SharedScorer
from clew.core.errors import DataError
from clew.core.measures.evaluation import judged_queries
from clew.core.measures.gains import to_gains
from clew.core.measures.judged import read_rows
from clew.core.progress import Progress
from clew.core.types import Bools, Deadline, Floats, Ints
from clew.indexer.tuning.judged import DEV, TRAIN
from clew.models.passage import embedded_text
from clew.search.answer import AnswerExtractor, Group, best_by_terms, most_promising
from clew.search.profile import load_profile
from clew.search.rerank.calibration import Calibration
from clew.search.rerank.ordering import Ordering
from clew.search.rerank.stage import Reranker
from clew.search.retrieval import Retriever
from clew.search.terms import QueryTerms
from clew.search.trace import Trace
from clew.search.types import SearchRequest

if TYPE_CHECKING:
    from clew.search.fusion import FusedCandidates
    from clew.search.pipeline import Searcher
    from clew.search.protocols import ParsedQuery

# How many documents are read for answers, as `clew answer` does by default.
ANSWERS = 5


@dataclass(frozen=True, slots=True)
class Answered:
    """What one search for answers gave.

    evidence: (m,) float64 evidence of the candidates that were reranked; relevant: (m,) bool. at: (a,) int64 candidate
    of each answer; gain: (a,) float64 score of its best sentence less that of its passage, times scale; right: (a,)
    bool. These are empty if the reranker does not read the query. words: (w, 2) float64 coverage and relative lead of
    each answer by words, in fused order; right_by_words: (w,) bool.
    """

    evidence: Floats
    relevant: Bools
    at: Ints
    gain: Floats
    right: Bools
    words: Floats
    right_by_words: Bools


@dataclass(frozen=True, slots=True)
class Pair:
    """A query searched with its relevant documents, and without them (None if nothing else is found).

    exact: whether it is known which sentences answer, and not only which documents are relevant.
    """

    full: Answered
    without: Answered | None
    exact: bool = False


def open_examples(
    dataset: Dataset, home: Path, options: Options, most: int, progress: Progress | None = None
) -> tuple[list[Pair], list[Pair], Calibration]:
    """Return at most `most` train and as many dev queries of a data set, and the reranker's own calibration.

    home: of the models; its bench/ holds the index, built unless it exists. Raises NotFoundError if a split is missing.
    """
    group = {options.baseline: systems.load(options.baseline)}
    searcher = open_shared_index(dataset, home / "bench", group, options, home)
    searcher = with_reranker(searcher, group, options, home)
    try:
        assert searcher.reranker is not None  # noqa: S101 - `with_reranker` saw to it
        train, dev = (
            examples(dataset, searcher, split, options.gains, most, options.seed, progress) for split in (TRAIN, DEV)
        )
        return train, dev, searcher.reranker.calibration
    finally:
        searcher.close()


def examples(
    dataset: Dataset,
    searcher: Searcher,
    split: str,
    gains: tuple[str, ...] | None = None,
    most: int = 80,
    seed: int = 0,
    progress: Progress | None = None,
) -> list[Pair]:
    """Return the queries of a split that have a relevant document among their candidates, of a sample of `most`.

    An answer is right if its document is relevant and, where the query's metadata has `answers`, its sentence contains
    one of them. The evidence is that of the searcher's calibration. Raises NotFoundError if there is no such split,
    DataError if no query has a relevant candidate.
    """
    assert searcher.reranker is not None  # noqa: S101 - the caller gave it one
    qrels = to_gains(dataset.judged.qrels(split, None, allow_unknown=True, integers=gains is not None), gains)
    names = judged_queries(qrels)
    if len(names) > most:
        names = random.Random(seed).sample(names, most)  # noqa: S311 - a reproducible choice, no secret
    gold = dict(_gold(dataset))
    reader = _Reader(searcher, _reference(searcher.reranker))
    found = []
    for done, name in enumerate(names, 1):
        relevant = {document for document, gain in qrels[name].items() if gain > 0}
        found.append(reader.pair(dataset.judged.queries[name], relevant, gold.get(name, ())))
        if progress:
            progress("answering", done, len(names))
    kept = [pair for pair in found if pair is not None]
    if not kept:
        raise DataError(
            f"{dataset.name}: no query of {split} has a relevant candidate", "check the qrels and the index"
        )
    return kept


def _reference(reranker: Reranker) -> Reranker:
    """Return the reranker with a calibration whose log-odds are the evidence, and a cache of scored pairs."""
    own = reranker.calibration
    calibration = Calibration(own.scale, own.fused, own.bias)
    return replace(reranker.exhaustive(), scorer=SharedScorer(reranker.scorer, {}), calibration=calibration)


def _gold(dataset: Dataset) -> Iterator[tuple[str, tuple[str, ...]]]:
    for _, row in read_rows(dataset.judged.queries_file):
        metadata = row.get("metadata")
        answers = metadata.get("answers") if isinstance(metadata, dict) else None
        if isinstance(answers, list) and answers:
            yield str(row.get("_id")), tuple(str(each) for each in answers)


@dataclass(frozen=True, slots=True)
class _Reader:
    searcher: Searcher
    reranker: Reranker

    def pair(self, text: str, relevant: set[str], gold: Sequence[str]) -> Pair | None:
        """Return a query with and without its relevant documents; None if none of them is a candidate."""
        searcher = self.searcher
        depth = max(load_profile("qa").depth, self.reranker.spec.top)
        retriever = Retriever(
            searcher.store, searcher.query_analyzer, searcher.generators, searcher.graph_retriever, searcher.gate
        )
        request = SearchRequest(query=text, profile="qa")
        query, pool = retriever.pool(request, Trace(Deadline()), depth, None, searcher.fusion)
        pool = retriever.with_titles(query, pool, self.reranker.spec.top)
        known = np.array([name in relevant for name in searcher.store.ids(pool.documents)], np.bool_)
        if not known.any():
            return None
        others = np.flatnonzero(~known)
        rest = pool.take(others)
        without = self._answered(query, rest, known[others], ()) if len(others) else None
        return Pair(self._answered(query, pool, known, gold), without, exact=bool(gold))

    def _answered(self, query: ParsedQuery, pool: FusedCandidates, known: Bools, gold: Sequence[str]) -> Answered:
        searcher, reranker = self.searcher, self.reranker
        parts = searcher.store, searcher.fields, searcher.query_analyzer.analyzer, searcher.generators
        extractor = AnswerExtractor(*parts, searcher.fusion, reranker)
        terms = QueryTerms(searcher.query_analyzer.analyzer, query)

        def is_right(group: Group, sentence: int) -> bool:
            said = _plain(group.sentences[sentence].text)
            return bool(known[group.at]) and (not gold or any(_plain(each) in said for each in gold))

        fused = Ordering.as_fused(pool)
        groups = extractor.groups(query, fused, ANSWERS, terms)
        words = np.array(extractor.words(terms, fused, groups), np.float64).reshape(-1, 2)
        by_words = np.array([is_right(group, best_by_terms(group)) for group in groups], np.bool_)
        ordering = reranker.rerank(query.text, pool, searcher.store, Deadline())
        places = ordering.order[: ordering.reached]
        evidence, relevant = ordering.log_odds[places], known[places]
        read = extractor.groups(query, ordering, ANSWERS, terms) if ordering.reached else []
        at, gain, right = [], [], []
        scores = self._sentence_scores(query.text, read)
        for row, group in enumerate(read):
            score, sentence = max((score, place) for (of, place), score in scores.items() if of == row)
            at.append(int(np.flatnonzero(places == group.at)[0]))
            gain.append(reranker.calibration.scale * (score - float(ordering.scores[group.at])))
            right.append(is_right(group, sentence))
        return Answered(
            evidence,
            relevant,
            np.array(at, np.int64),
            np.array(gain, np.float64),
            np.array(right, np.bool_),
            words,
            by_words[: len(words)],
        )

    def _sentence_scores(self, query_text: str, groups: Sequence[Group]) -> dict[tuple[int, int], float]:
        chosen = most_promising(groups)
        texts = [embedded_text(groups[row].title, groups[row].sentences[at].text) for row, at in chosen]
        return dict(zip(chosen, self.reranker.scorer.score(query_text, texts).tolist(), strict=True)) if texts else {}


def _plain(text: str) -> str:
    """Return a text in lower case without white space, so that a gold answer is found however it is spaced."""
    return "".join(text.lower().split())
