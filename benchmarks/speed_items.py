"""What `clew bench speed` measures: each item's material, how ours is prepared and timed, and its peers."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from benchmarks.graph_material import Sizes
from benchmarks.index import beir_spec, ensure, open_built, varied
from benchmarks.peers.protocol import LONG, SHORT, Round, Told, median_ms, pairs_of, per_second
from benchmarks.peers.serving import FEW, Server, base, cold_start, growth, latency, throughput
from clew.core.errors import ClewError, UsageError
from clew.core.files import write_atomic

if TYPE_CHECKING:
    from search.pipeline import Searcher

# What encodes or builds gets no more texts than this a round: the pace is the same and a round stays short.
_ENCODED = 1_000


@dataclass(frozen=True, slots=True)
class Job:
    """What is measured: a corpus of `docs` spans of the texts of BEIR folders, or synthetic texts; `rounds` rounds.

    reranker: the cross-encoder of the rerank items ("default": the one that comes with Clew). graph: how much the
    graph's items measure.
    """

    docs: int = 20_000
    rounds: int = 3
    data: tuple[Path, ...] = ()
    peers: bool = True
    model: str = "default"
    reranker: str = "default"
    seed: int = 0
    graph: Sizes = field(default_factory=Sizes)

    def __post_init__(self) -> None:
        for name, value in (("docs", self.docs), ("rounds", self.rounds)):
            if value < 1:
                raise UsageError(f"{name} is {value}", "give 1 or more")


@dataclass(frozen=True, slots=True)
class Bench:
    """The prepared material: texts, queries, where indexes and models lie, threads."""

    job: Job
    home: Path
    texts: Sequence[str]
    queries: Sequence[str]
    threads: int


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to measure.

    ours: prepares it and gives one timed round. peers: name → module of benchmarks.peers. given: what a peer's job says
    besides, once ours is prepared.
    """

    unit: str
    higher_is_better: bool
    ours: Callable[[Bench], Any]
    peers: Mapping[str, str] = field(default_factory=dict)
    most_texts: int | None = None
    about: str = ""
    given: Callable[[Bench], Mapping[str, Any]] = lambda _bench: {}


@contextmanager
def _bm25(bench: Bench, *, analysed: bool) -> Iterator[Round]:
    from search.protocols import CandidateRequest

    with _searcher(bench, bench.texts, dense=False) as searcher:
        understand, source = searcher.understanding, searcher.generators["bm25"]
        terms = [understand.terms(query) for query in bench.queries]

        def from_text() -> object:
            return [source.candidates(CandidateRequest(understand.terms(query), 100)) for query in bench.queries]

        def from_terms() -> object:
            return [source.candidates(CandidateRequest(query, 100)) for query in terms]

        source.candidates(CandidateRequest(terms[0], 100))
        yield lambda: per_second(len(terms), from_terms if analysed else from_text)


@contextmanager
def _bm25_build(bench: Bench) -> Iterator[Round]:
    from clew.core.text import Analyzer
    from search.candidates.bm25 import BM25Kind, BM25Spec, warm
    from search.protocols import PassageSet

    warm()
    passages = PassageSet({"text": bench.texts})

    def once() -> None:
        kind = BM25Kind(BM25Spec(), {"text": 1.0}, Analyzer())
        with tempfile.TemporaryDirectory(dir=bench.home) as folder:
            whole = kind.combine([kind.survey(passages, Path(folder) / "shard")])
            kind.build(passages, whole, Path(folder) / "shard")
            kind.save(whole, Path(folder) / "whole")

    yield lambda: per_second(len(bench.texts), once)


@contextmanager
def _encode(bench: Bench) -> Iterator[Round]:
    from clew.models.store import load_encoder

    encoder = load_encoder(bench.job.model, bench.home)
    texts = bench.texts[:_ENCODED]
    encoder.encode_passages(texts[:8])
    yield lambda: per_second(len(texts), lambda: encoder.encode_passages(texts))


@contextmanager
def _query_encode(bench: Bench) -> Iterator[Round]:
    from clew.models.store import load_encoder

    encoder = load_encoder(bench.job.model, bench.home)
    encoder.encode_queries([bench.queries[0]])
    yield lambda: median_ms([partial(encoder.encode_queries, [query]) for query in bench.queries])


@contextmanager
def _rerank(bench: Bench, count: int, spans: int, queries: int) -> Iterator[Round]:
    from clew.models.store import load_scorer

    scorer = load_scorer(bench.job.reranker, bench.home)
    asked = pairs_of({"texts": bench.texts[:_ENCODED], "queries": bench.queries}, count, spans, queries)
    scorer.score(*asked[0])
    yield lambda: median_ms([partial(scorer.score, query, passages) for query, passages in asked])


@contextmanager
def _hybrid(bench: Bench) -> Iterator[Round]:
    from clew.models.store import load_encoder
    from search.types import SearchRequest

    with _searcher(bench, bench.texts, dense=True) as searcher:
        # The bare encoder: a cache of query vectors would answer every round but the first.
        bare = _without_cache(searcher, load_encoder(bench.job.model, bench.home))
        bare.search(SearchRequest(bench.queries[0]))
        yield lambda: median_ms([partial(bare.search, SearchRequest(query)) for query in bench.queries])


@contextmanager
def _build(bench: Bench) -> Iterator[Round]:
    from clew.models.store import load_encoder, placed

    texts = bench.texts[:_ENCODED]
    load_encoder(bench.job.model, bench.home)
    # A folder by path, so that a fresh home does not export the model again.
    model = placed(bench.job.model, bench.home, "bi_encoder")

    def once() -> float:
        # A home of its own each time: no vector is taken from a cache.
        with tempfile.TemporaryDirectory(dir=bench.home) as fresh:
            corpus = _write_corpus(Path(fresh) / "corpus", texts)
            table = varied(beir_spec(corpus.parent), model=model)
            return per_second(len(texts), lambda: ensure(table, [corpus], corpus.parent, Path(fresh)))

    yield once


@contextmanager
def _searcher(bench: Bench, texts: Sequence[str], *, dense: bool) -> Iterator[Searcher]:
    """An index of the texts, built or reused."""
    corpus = _corpus(bench, texts)
    table = varied(beir_spec(corpus.parent), model=bench.job.model, dense=dense)
    searcher = open_built(bench.home, ensure(table, [corpus], corpus.parent, bench.home))
    try:
        yield searcher
    finally:
        searcher.close()


def _corpus(bench: Bench, texts: Sequence[str]) -> Path:
    source = "".join(f"{folder.name}-" for folder in bench.job.data) or f"synthetic-{bench.job.seed}-"
    return _write_corpus(bench.home / "speed" / f"{source}{len(texts)}", texts)


def _without_cache(searcher: Searcher, encoder: Any) -> Searcher:
    return replace(searcher, understanding=replace(searcher.understanding, encoder=encoder))


def _write_corpus(folder: Path, texts: Sequence[str]) -> Path:
    corpus = folder / "corpus.jsonl"
    lines = (json.dumps({"_id": f"d{at}", "title": "", "text": text}) + "\n" for at, text in enumerate(texts))
    write_atomic(corpus, "".join(lines).encode())
    return corpus


@contextmanager
def _ann(bench: Bench) -> Iterator[Round]:
    """The search by vectors alone; these, those of the queries, and the true ten nearest are written for the peers."""
    import numpy as np

    from clew.models.store import load_encoder
    from search.candidates.dense.exact import exact_top
    from search.protocols import CandidateRequest, ParsedQuery

    queries = load_encoder(bench.job.model, bench.home).encode_queries(bench.queries)
    with _searcher(bench, bench.texts, dense=True) as searcher:
        source = searcher.generators["dense"]
        asked = [CandidateRequest(ParsedQuery("", vector=query), 100) for query in queries]
        vectors = _vectors(bench, searcher)
        nearest = [exact_top(vectors, query, 10).ordinals for query in queries]
        found = [source.candidates(request).ordinals[:10] for request in asked]
        recall = sum(len(np.intersect1d(*both)) for both in zip(found, nearest, strict=True)) / sum(map(len, nearest))
        folder = _ann_folder(bench)
        folder.mkdir(exist_ok=True)
        for name, values in (("vectors", vectors), ("query_vectors", queries), ("nearest", np.array(nearest))):
            np.save(folder / f"{name}.npy", values)
        (folder / "recall.json").write_text(json.dumps(recall), encoding="utf-8")
        kind = searcher.version.recall
        yield Told(
            lambda: per_second(len(asked), lambda: [source.candidates(request) for request in asked]),
            {"recall@10": round(recall, 4), "certified": dict(kind)},
        )


def _ann_given(bench: Bench) -> dict[str, Any]:
    folder = _ann_folder(bench)
    files = {name: str(folder / f"{name}.npy") for name in ("vectors", "query_vectors", "nearest")}
    return {**files, "recall": json.loads((folder / "recall.json").read_text(encoding="utf-8"))}


def _ann_folder(bench: Bench) -> Path:
    return _corpus(bench, bench.texts).parent / "ann"


def _vectors(bench: Bench, searcher: Searcher) -> Any:
    """(passages, dim) float32 vectors of an opened index."""
    import numpy as np

    from search.candidates.dense.kind import VECTORS
    from search.versions import IndexFolder

    folder, shards = IndexFolder.of(bench.home, searcher.version.index), searcher.version.shards
    return np.concatenate([np.load(folder.shard(address) / "dense" / VECTORS) for address, _ in shards])


@contextmanager
def _http(bench: Bench) -> Iterator[Round]:
    with _server(bench, bench.texts) as server:
        yield throughput(server, bench.queries)


@contextmanager
def _http_latency(bench: Bench) -> Iterator[Round]:
    with _server(bench, bench.texts) as server:
        yield latency(server, bench.queries)


@contextmanager
def _cold_start(bench: Bench) -> Iterator[Round]:
    _served(bench, bench.texts)
    yield cold_start(partial(_server, bench, bench.texts))


@contextmanager
def _memory(bench: Bench) -> Iterator[Round]:
    if len(bench.texts) <= FEW:
        raise UsageError(f"docs is {len(bench.texts)}", f"memory is held against an index of {FEW}: give more")
    small, large = (partial(_server, bench, texts) for texts in (bench.texts[:FEW], bench.texts))
    yield growth(small, large, {"texts": bench.texts, "queries": bench.queries})


@contextmanager
def _memory_base(bench: Bench) -> Iterator[Round]:
    yield base(partial(_server, bench, bench.texts[:FEW]), bench.queries)


def _server(bench: Bench, texts: Sequence[str]) -> Server:
    """`clew serve` over an index of the texts and nothing else."""
    home, index = _served(bench, texts)
    try:
        return Server(
            lambda port: [sys.executable, "-m", "clew", "serve", "--home", str(home), "--port", str(port)],
            lambda query: f"/v1/search?index={index}&q={quote(query)}&k=10",
            bench.queries[0],
        )
    except RuntimeError as error:
        raise ClewError(str(error), f"see what `clew serve --home {home}` says") from None


def _served(bench: Bench, texts: Sequence[str]) -> tuple[Path, str]:
    """A home that holds an index of the texts alone, and its name; built or reused."""
    from clew.models.store import placed

    corpus = _corpus(bench, texts)
    table = varied(beir_spec(corpus.parent), model=placed(bench.job.model, bench.home, "bi_encoder"))
    home = corpus.parent / "home"
    return home, ensure(table, [corpus], corpus.parent, home)


ITEMS: Mapping[str, Item] = {
    "bm25": Item(
        "queries/s",
        True,
        lambda bench: _bm25(bench, analysed=False),
        {"bm25s": "bm25s", "rank-bm25": "rank_bm25"},
        about="one client, text of a query to best 100",
    ),
    "bm25-terms": Item(
        "queries/s",
        True,
        lambda bench: _bm25(bench, analysed=True),
        {"bm25s": "bm25s"},
        about="one client, terms of a query to best 100",
    ),
    "bm25-build": Item("docs/s", True, _bm25_build, {"bm25s": "bm25s"}, about="texts to a BM25 index on disk"),
    "encode": Item(
        "docs/s", True, _encode, {"sentence-transformers": "sentence_transformers"}, _ENCODED, "short texts to vectors"
    ),
    "query-encode": Item(
        "ms p50", False, _query_encode, {"sentence-transformers": "sentence_transformers"}, _ENCODED, "one query"
    ),
    "rerank": Item(
        "ms p50",
        False,
        lambda bench: _rerank(bench, *SHORT),
        {"sentence-transformers": "sentence_transformers"},
        _ENCODED,
        "50 pairs of about 60 word pieces, all scored",
    ),
    "rerank-long": Item(
        "ms p50",
        False,
        lambda bench: _rerank(bench, *LONG),
        {"sentence-transformers": "sentence_transformers"},
        _ENCODED,
        "100 pairs of about 200 word pieces, all scored",
    ),
    "hybrid": Item("ms p50", False, _hybrid, {"txtai": "txtai"}, about="a search in process, 10 hits"),
    "build": Item("docs/s", True, _build, {"txtai": "txtai"}, _ENCODED, "texts to a searchable index"),
    "ann": Item(
        "queries/s",
        True,
        _ann,
        {"faiss": "faiss", "hnswlib": "hnswlib", "usearch": "usearch"},
        about="one query's vector to the 100 nearest, one thread; peers at our recall@10 or above",
        given=_ann_given,
    ),
    "http": Item("requests/s", True, _http, {"txtai": "txtai"}, about="8 clients of the server, 10 hits"),
    "http-latency": Item("ms p50", False, _http_latency, {"txtai": "txtai"}, about="the same, a request"),
    "cold-start": Item("s", False, _cold_start, {"txtai": "txtai"}, about="server's start to its first answer"),
    "memory": Item(
        "GB a million", False, _memory, {"txtai": "txtai"}, about="what documents add to the server's resident memory"
    ),
    "memory-base": Item(
        "MB", False, _memory_base, {"txtai": "txtai"}, about="resident memory of a server of 100 documents"
    ),
}
