"""Compare approximate search with exhaustive scoring of every passage, on the same queries.

Exact means BM25 of every passage, and the cosine with every passage's float32 vector, which is encoded again and not
read from the index. Both results go through the same fusion.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np

from clew.benchmarks.relevance import systems
from clew.benchmarks.relevance.measure import IndexIds, index_signature, judged_qrels, open_shared_index
from clew.benchmarks.relevance.options import Options
from clew.benchmarks.signature import code, environment, model_name
from clew.core.measures.evaluation import evaluate
from clew.core.types import Contribution, Floats, Ints, Ranking, Vectors, empty_ranking, ranked

if TYPE_CHECKING:
    from rich.table import Table

    from clew.benchmarks.data.datasets import Dataset
    from clew.search.pipeline import Searcher
    from clew.search.protocols import CandidateGenerator, CandidateRequest, ParsedQuery

SYSTEMS = ("bm25", "dense", "hybrid")
MEASURE = "nDCG@10"
_DEPTH = 100
_FIRST = 10
_ROWS = 1024


@dataclass(frozen=True, slots=True)
class Exhaustive:
    """A CandidateGenerator that scores every passage with the scores, and score statistics, of another source."""

    source: CandidateGenerator

    @property
    def size(self) -> int:
        """Passages covered."""
        return self.source.size

    def candidates(self, request: CandidateRequest) -> Ranking:
        """Return the best k of all allowed passages that have a score (BM25: above 0)."""
        score_statistics = self.source.candidates(request).score_statistics
        scores = self.score(request.query, np.arange(self.size))
        rows = np.flatnonzero(
            scores > self.minimum_score if request.allowed is None else (scores > self.minimum_score) & request.allowed
        )
        if not len(rows):
            return empty_ranking()
        return replace(ranked(rows, scores[rows], request.k), score_statistics=score_statistics)

    @property
    def minimum_score(self) -> float:
        """Only passages with a score above this are candidates."""
        return 0.0

    def score(self, query: ParsedQuery, ordinals: Ints) -> Floats:
        """Return the scores of the source."""
        return self.source.score(query, ordinals)

    def explain(self, query: ParsedQuery, ordinal: int) -> list[Contribution]:
        """Return the explanation of the source."""
        return self.source.explain(query, ordinal)

    def close(self) -> None:
        """Close the source."""
        self.source.close()


@dataclass(frozen=True, slots=True)
class ExhaustiveVectors(Exhaustive):
    """Exhaustive search by the cosine of (passages, dim) float32 vectors, in float64. Zero vectors have no score."""

    vectors: Vectors

    @property
    def minimum_score(self) -> float:
        """Lower than every cosine, so that all passages with a vector are candidates."""
        return -2.0

    def score(self, query: ParsedQuery, ordinals: Ints) -> Floats:
        """Return (n,) float64 cosines; NaN for a passage without a vector."""
        if query.vector is None:
            return np.full(len(ordinals), np.nan)
        rows = self.vectors[ordinals]
        found: Floats = np.where(rows.any(axis=1), rows.astype(np.float64) @ query.vector.astype(np.float64), np.nan)
        return found


def exhaustive_searcher(searcher: Searcher, vectors: Vectors) -> Searcher:
    """Return the searcher with sources that score every passage."""
    sources: dict[str, CandidateGenerator] = {name: Exhaustive(made) for name, made in searcher.generators.items()}
    sources["dense"] = ExhaustiveVectors(searcher.generators["dense"], vectors)
    return replace(searcher, generators=sources)


def vectors_of(searcher: Searcher, home: Path, note: Callable[[str], None]) -> Vectors:
    """Return (passages, dim) float32 vectors of an index's passages, from the embedding cache or encoded again."""
    from clew.models.cached import CachedEncoder, EmbeddingCache
    from clew.search.query_analysis import passage_vectors

    encoder = searcher.query_analyzer.encoder
    assert encoder is not None  # noqa: S101 - the index has vectors
    vectors = np.zeros((searcher.store.passages, encoder.dim), np.float32)
    cache = EmbeddingCache(home / "cache" / "embeddings.sqlite")
    try:
        cached = CachedEncoder(encoder, cache)
        for first in range(0, len(vectors), _ROWS):
            texts = [searcher.store.embedded_text(at) for at in range(first, min(first + _ROWS, len(vectors)))]
            vectors[first : first + len(texts)] = passage_vectors(cached, texts)
            note(f"{min(first + _ROWS, len(vectors)):,} of {len(vectors):,} vectors")
    finally:
        cache.close()
    return vectors


def measure(
    dataset: Dataset, home: Path, options: Options, note: Callable[[str], None], *, models: Path | None = None
) -> dict[str, Any]:
    """Answer the judged queries of a data set both ways. home, models: as in `relevance.measure.measure`."""
    group = {name: systems.load(name) for name in SYSTEMS}
    fast = open_shared_index(dataset, home, group, options, models)
    try:
        qrels = judged_qrels(dataset.judged, IndexIds(fast), options)
        slow = exhaustive_searcher(fast, vectors_of(fast, home, note))
        found = {}
        for name in SYSTEMS:
            runs = [_run(each, group[name].sources, dataset.judged.queries, list(qrels)) for each in (fast, slow)]
            figures = [evaluate(qrels, run, (MEASURE,)).means[MEASURE] for run in runs]
            found[name] = {
                "fast": round(figures[0], 5),
                "exact": round(figures[1], 5),
                **_agreement(*([list(listed) for listed in run.values()] for run in runs)),
            }
            note(f"{dataset.name}: {name}: {MEASURE} {figures[0]:.4f} fast, {figures[1]:.4f} exact")
        return {"queries": len(qrels), "systems": found, "index": index_signature(fast), "files": dataset.signature}
    finally:
        fast.close()


def _run(
    searcher: Searcher, sources: tuple[str, ...], queries: Mapping[str, str], names: Sequence[str]
) -> dict[str, dict[str, float]]:
    run = {}
    for name in names:
        ids, scores = searcher.rank(queries[name], _DEPTH, sources=sources)
        run[name] = dict(zip(ids, scores.tolist(), strict=True))
    return run


def _agreement(fast: Sequence[Sequence[str]], slow: Sequence[Sequence[str]]) -> dict[str, float]:
    """Return recall of the exact first 10 and 100, and how often the first 10 are the same."""
    pairs = list(zip(fast, slow, strict=True))

    def found(depth: int) -> float:
        shares = [len({*a[:depth]} & {*b[:depth]}) / len(b[:depth]) for a, b in pairs if b]
        return round(fmean(shares), 5) if shares else 1.0

    same = fmean(float(a[:_FIRST] == b[:_FIRST]) for a, b in pairs)
    return {"recall@10": found(_FIRST), "recall@100": found(_DEPTH), "same first 10": round(same, 5)}


def full(found: Mapping[str, Any], options: Options) -> str:
    """Return the figures with what they depend on, as JSON text."""
    named = {"sample": options.sample, "split": options.split, "model": model_name(options.model)}
    return (
        json.dumps(
            {
                "results": found,
                "signature": {"options": named, "code": code()},
                "environment": environment(options.seed),
            },
            indent=1,
        )
        + "\n"
    )


def table(found: Mapping[str, Any]) -> Table:
    """Return the figures as a table for the terminal."""
    from rich.table import Table

    shown = Table(title=f"{MEASURE}, fast beside exact")
    for heading in ("data set", "system", "fast", "exact", "recall@100", "same first 10"):
        shown.add_column(heading)
    for name, figures in found.items():
        for system, row in figures["systems"].items():
            cells = (
                f"{row['fast']:.4f}",
                f"{row['exact']:.4f}",
                f"{row['recall@100']:.4f}",
                f"{row['same first 10']:.1%}",
            )
            shown.add_row(name, system, *cells)
    return shown
