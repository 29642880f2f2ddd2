"""Items that are measured in this process: BM25, models, searches and builds."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from clew.benchmarks.data.index import build_if_missing, spec_variant
from clew.benchmarks.peers.protocol import Round, RoundWithFacts, median_ms, pairs_of, per_second, vector_recall
from clew.benchmarks.speed.material import ENCODED, Bench, open_texts, write_corpus
from clew.indexer.tuning.judged import beir_spec

if TYPE_CHECKING:
    from clew.search.pipeline import Searcher


@contextmanager
def bm25(bench: Bench, *, analysed: bool) -> Iterator[Round]:
    """Measure queries per second, from their texts or, if `analysed`, from their terms."""
    from clew.search.protocols import CandidateRequest

    with open_texts(bench, bench.texts, dense=False) as searcher:
        understand, source = searcher.query_analyzer, searcher.generators["bm25"]
        terms = [understand.terms(query) for query in bench.queries]

        def from_text() -> object:
            return [source.candidates(CandidateRequest(understand.terms(query), 100)) for query in bench.queries]

        def from_terms() -> object:
            return [source.candidates(CandidateRequest(query, 100)) for query in terms]

        source.candidates(CandidateRequest(terms[0], 100))
        yield lambda: per_second(len(terms), from_terms if analysed else from_text)


@contextmanager
def bm25_build(bench: Bench) -> Iterator[Round]:
    """Measure texts per second of building a BM25 index on disk."""
    import clew.search.candidates.bm25_kernel  # noqa: F401 - load its machine code before the clock starts
    from clew.core.text import Analyzer
    from clew.search.candidates.bm25 import BM25Kind, BM25Spec
    from clew.search.protocols import PassageSet

    passages = PassageSet({"text": bench.texts})
    facts: dict[str, Any] = {}

    def once() -> None:
        kind = BM25Kind(BM25Spec(), {"text": 1.0}, Analyzer())
        with tempfile.TemporaryDirectory(dir=bench.home) as folder:
            global_statistics = kind.combine([kind.local_statistics(passages, Path(folder) / "shard")])
            kind.build(passages, global_statistics, Path(folder) / "shard")
            kind.save(global_statistics, Path(folder) / "whole")
            taken = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
            facts["disk, MB a million"] = round(taken / len(bench.texts), 2)

    yield RoundWithFacts(lambda: per_second(len(bench.texts), once), facts)


@contextmanager
def encode(bench: Bench) -> Iterator[Round]:
    """Measure texts per second of encoding."""
    from clew.models.store import load_encoder

    encoder = load_encoder(bench.job.model, bench.home)
    texts = bench.texts[:ENCODED]
    encoder.encode_passages(texts[:8])
    yield lambda: per_second(len(texts), lambda: encoder.encode_passages(texts))


@contextmanager
def query_encode(bench: Bench) -> Iterator[Round]:
    """Measure the time of encoding one query."""
    from clew.models.store import load_encoder

    encoder = load_encoder(bench.job.model, bench.home)
    encoder.encode_queries([bench.queries[0]])
    yield lambda: median_ms([partial(encoder.encode_queries, [query]) for query in bench.queries])


@contextmanager
def query_cached(bench: Bench) -> Iterator[Round]:
    """Measure the time of getting the vector of a query that is cached."""
    from clew.models.cached import CachedEncoder
    from clew.models.store import load_encoder

    encoder = CachedEncoder(load_encoder(bench.job.model, bench.home))
    encoder.encode_queries(bench.queries)
    yield lambda: median_ms([partial(encoder.encode_queries, [query]) for query in bench.queries])


@contextmanager
def rerank(bench: Bench, count: int, spans: int, queries: int) -> Iterator[Round]:
    """Measure the time of scoring `count` passages for a query, each passage made of `spans` texts."""
    from clew.models.store import load_scorer

    scorer = load_scorer(bench.job.reranker, bench.home)
    asked = pairs_of({"texts": bench.texts[:ENCODED], "queries": bench.queries}, count, spans, queries)
    scorer.score(*asked[0])
    yield lambda: median_ms([partial(scorer.score, query, passages) for query, passages in asked])


@contextmanager
def hybrid(bench: Bench) -> Iterator[Round]:
    """Measure the time of a search."""
    from clew.models.store import load_encoder
    from clew.search.types import SearchRequest

    with open_texts(bench, bench.texts, dense=True) as searcher:
        # The encoder without its cache of query vectors, which would answer every round except the first.
        bare = _without_cache(searcher, load_encoder(bench.job.model, bench.home))
        bare.search(SearchRequest(query=bench.queries[0]))
        facts: dict[str, Any] = {"recall@10 of vectors": _recall(bare, bench)}

        def once() -> float:
            spent: dict[str, list[float]] = {}

            def ask(query: str) -> None:
                for stage, took in bare.search(SearchRequest(query=query)).timings_ms.items():
                    spent.setdefault(stage, []).append(took)

            found = median_ms([partial(ask, query) for query in bench.queries])
            facts["stages, ms p50"] = {stage: round(median(times), 3) for stage, times in spent.items()}
            return found

        yield RoundWithFacts(once, facts)


@contextmanager
def build(bench: Bench) -> Iterator[Round]:
    """Measure texts per second of building and publishing an index with vectors."""
    from clew.models.store import load_encoder, resolve_to_path

    texts = bench.texts[:ENCODED]
    load_encoder(bench.job.model, bench.home)
    # The model by the path of its folder, so that a new home does not export it again.
    model = resolve_to_path(bench.job.model, bench.home, "bi_encoder")

    def once() -> float:
        # A new home each time, so that no vector is taken from a cache.
        with tempfile.TemporaryDirectory(dir=bench.home) as fresh:
            corpus = write_corpus(Path(fresh) / "corpus", texts)
            table = spec_variant(beir_spec(corpus.parent), model=model)
            return per_second(len(texts), lambda: build_if_missing(table, [corpus], corpus.parent, Path(fresh)))

    yield once


@contextmanager
def build_rest(bench: Bench) -> Iterator[Round]:
    """Measure the time of a build without encoding, over all texts and in a new home each time.

    The facts compare the rate of the encoder during the build with its rate alone.
    """
    from clew.indexer.build import build as built
    from clew.indexer.spec import spec_of
    from clew.models.store import load_encoder, resolve_to_path

    encoder = load_encoder(bench.job.model, bench.home)
    model = resolve_to_path(bench.job.model, bench.home, "bi_encoder")
    alone = per_second(len(bench.texts), lambda: encoder.encode_passages(bench.texts))
    seconds: dict[str, float] = {}
    facts: dict[str, Any] = {"encoder alone, docs/s": round(alone), "seconds": seconds}

    def once() -> float:
        with tempfile.TemporaryDirectory(dir=bench.home) as fresh:
            corpus = write_corpus(Path(fresh) / "corpus", bench.texts)
            table = spec_variant(beir_spec(corpus.parent), model=model)
            seconds.update(built(spec_of(table, "spec", corpus.parent), Path(fresh)).seconds)
        inside = len(bench.texts) / seconds["encode"]
        facts["encoder in the build, docs/s"] = round(inside)
        facts["share of its pace that the encoder keeps"] = round(inside / alone, 3)
        return sum(seconds.values()) - seconds["encode"]

    yield RoundWithFacts(once, facts)


def _recall(searcher: Searcher, bench: Bench) -> float:
    """Return the recall@10 of the vector search against float32 vectors that are not taken from the index."""
    from clew.benchmarks.relevance.exactness import vectors_of
    from clew.search.profile import load_profile
    from clew.search.protocols import CandidateRequest, ParsedQuery

    depth = load_profile("product").depth
    encoder, source = searcher.query_analyzer.encoder, searcher.generators["dense"]
    assert encoder is not None  # noqa: S101 - the index was built with vectors
    return vector_recall(
        vectors_of(searcher, bench.home, lambda _: None),
        list(encoder.encode_queries(bench.queries)),
        lambda query: source.candidates(CandidateRequest(ParsedQuery("", vector=query), depth)).ordinals.tolist(),
    )


def _without_cache(searcher: Searcher, encoder: Any) -> Searcher:
    return replace(searcher, query_analyzer=replace(searcher.query_analyzer, encoder=encoder))
