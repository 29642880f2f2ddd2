"""Speed of Clew beside other software: the same texts and threads, rounds in turns, medians."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks import graph_speed
from benchmarks.graph_material import Sizes
from benchmarks.graph_speed import GRAPH_ITEMS
from benchmarks.index import beir_spec, ensure, open_built, varied
from benchmarks.peer import Peer, PeerError
from benchmarks.peer import prepare as prepare_peers
from benchmarks.peers.protocol import LONG, SHORT, Round, median_ms, pairs_of, per_second
from benchmarks.signature import code, environment, model_name
from benchmarks.texts import phrases, queries_of, spans, synthetic
from clew.core import threads
from clew.core.errors import FormatError, UsageError, unknown_name
from clew.core.files import write_atomic

if TYPE_CHECKING:
    from rich.table import Table

    from search.pipeline import Searcher

_QUERIES = 1_000
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
    """One thing to measure. ours: prepares it and gives one timed round. peers: name → module of benchmarks.peers."""

    unit: str
    higher_is_better: bool
    ours: Callable[[Bench], Any]
    peers: Mapping[str, str] = field(default_factory=dict)
    most_texts: int | None = None
    about: str = ""


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
}


def measure(names: Sequence[str], home: Path, job: Job, say: Callable[[str], None]) -> dict[str, dict[str, Any]]:
    """Measure items by name (none: all that are measured beside peers; the graph's only where they are named).

    Returns item → {"ours", "peers": {name: figure}, "unit", "ratio": {name: above 1 where we are better}, "missing":
    {name: why}, "rounds": every figure}; a peer that could not be measured is None in peers and ratio. The graph's
    items have no peers, and more figures: see `graph_speed.measure`.
    """
    for name in names:
        if name not in ITEMS and name not in GRAPH_ITEMS:
            raise unknown_name("speed item", name, [*ITEMS, *GRAPH_ITEMS])
    wanted = list(dict.fromkeys(names)) or list(ITEMS)
    task = graph_speed.Task(home, job.rounds, job.seed, job.model, job.graph, say)
    found = _beside_peers([name for name in wanted if name in ITEMS], home, job, say)
    found |= {name: graph_speed.measure(name, task) for name in wanted if name in GRAPH_ITEMS}
    return {name: found[name] for name in wanted}


def _beside_peers(names: Sequence[str], home: Path, job: Job, say: Callable[[str], None]) -> dict[str, dict[str, Any]]:
    if not names:
        return {}
    home.mkdir(parents=True, exist_ok=True)
    texts, queries = _material(job)
    bench = Bench(job, home, texts, queries, threads.configure())
    not_installed = prepare_peers(say) if job.peers else {}
    for requirement, reason in not_installed.items():
        say(f"peers: {requirement} did not install: {reason}")
    found = {}
    for name in names:
        say(f"{name}: {len(texts):,} texts, {job.rounds} rounds")
        found[name] = _measure(name, ITEMS[name], bench, say)
    return found


def full(found: Mapping[str, Any], job: Job) -> str:
    """The figures with what they depend on, as JSON text."""
    graph = {"graph": graph_speed.signature()} if found.keys() & GRAPH_ITEMS.keys() else {}
    report = {
        "results": found,
        "signature": {"code": code(), "options": {**asdict(job), "reranker": model_name(job.reranker)}, **graph},
        "environment": environment(job.seed),
    }
    return json.dumps(report, indent=1, ensure_ascii=False, default=str) + "\n"


def table(found: Mapping[str, Mapping[str, Any]]) -> Table:
    """The figures for the terminal."""
    from rich.table import Table

    shown = Table("item", "unit", "Clew", "peer", "its figure", "we are better by")
    for name, figures in found.items():
        ours = f"{figures['ours']:,.4g}"
        if not figures["peers"]:
            shown.add_row(name, figures["unit"], ours, "", "", "")
        for case, values in figures.get("cases", {}).items():
            shown.add_row(f"  {case}", "", "\n".join(f"{key} {value:,.4g}" for key, value in values.items()))
        for peer, value in figures["peers"].items():
            missing = f"missing: {figures['missing'].get(peer, '')}"
            ratio = f"{figures['ratio'][peer]:.2f}x" if value is not None else ""
            shown.add_row(name, figures["unit"], ours, peer, missing if value is None else f"{value:,.4g}", ratio)
    return shown


def _material(job: Job) -> tuple[list[str], list[str]]:
    """Texts and queries. Those of data sets are spans of other texts where there are more than are indexed."""
    if not job.data:
        texts = synthetic(job.docs, job.seed)
        return texts, queries_of(texts, _QUERIES, job.seed)
    from benchmarks.datasets import open_dataset

    texts, others = spans([open_dataset(folder) for folder in job.data], job.docs)
    return texts, phrases(others or texts, _QUERIES, job.seed)


def _measure(name: str, item: Item, bench: Bench, say: Callable[[str], None]) -> dict[str, Any]:
    """Ours and every peer in turns."""
    missing: dict[str, str] = {}
    figures: dict[str, list[float]] = {"ours": []}
    with ExitStack() as open_things:
        ours: Round = open_things.enter_context(item.ours(bench))
        running: dict[str, Peer] = {}
        for peer, module in item.peers.items():
            try:
                running[peer] = open_things.enter_context(Peer(module, _peer_job(name, item, bench, open_things)))
                figures[peer] = []
            except PeerError as reason:
                missing[peer] = str(reason)
        for at in range(bench.job.rounds):
            figures["ours"].append(ours())
            for peer, program in list(running.items()):
                try:
                    figures[peer].append(program.round())
                except PeerError as reason:
                    missing[peer] = str(reason)
                    del running[peer]
            say(f"{name}: round {at + 1} of {bench.job.rounds}")
    return _summary(item, figures, missing)


def _peer_job(name: str, item: Item, bench: Bench, open_things: ExitStack) -> dict[str, Any]:
    """What a peer is given. Raises PeerError where there is nothing it could read."""
    if not bench.job.peers:
        raise PeerError("left out by --no-peers")
    folder = Path(open_things.enter_context(tempfile.TemporaryDirectory()))
    (folder / "texts.json").write_text(json.dumps(list(bench.texts[: item.most_texts])), encoding="utf-8")
    model = ""
    if not name.startswith("bm25"):
        if bench.job.model.startswith("hashing"):
            raise PeerError("the hashing model is Clew's own")
        model = _whole(bench)
    return {
        "item": name,
        "texts": str(folder / "texts.json"),
        "queries": list(bench.queries),
        "model": model,
        "threads": bench.threads,
    }


def _whole(bench: Bench) -> str:
    """The folder of the model's weights in float32, which is what peers load. Raises PeerError where there are none."""
    from clew.models.averaged import parts_of
    from clew.models.store import prepare, whole_folder

    if parts_of(bench.job.model):
        raise PeerError("the average of two models is Clew's own")
    try:
        return str(whole_folder(prepare(bench.job.model, bench.home), bench.home).resolve())
    except FormatError as error:
        raise PeerError(error.message) from None


def _summary(item: Item, figures: Mapping[str, list[float]], missing: Mapping[str, str]) -> dict[str, Any]:
    """Medians and ratios; a peer without every round is missing."""
    ours = median(figures["ours"])
    peers = {name: None if name in missing else round(median(figures[name]), 4) for name in item.peers}
    ratio = {
        name: None if value is None else round(ours / value if item.higher_is_better else value / ours, 3)
        for name, value in peers.items()
    }
    return {
        "ours": round(ours, 4),
        "peers": peers,
        "unit": item.unit,
        "ratio": ratio,
        "missing": dict(missing),
        "rounds": {name: [round(value, 4) for value in values] for name, values in figures.items()},
    }


@contextmanager
def _searcher(bench: Bench, texts: Sequence[str], *, dense: bool) -> Iterator[Searcher]:
    """An index of the texts, built or reused."""
    source = "".join(f"{folder.name}-" for folder in bench.job.data) or f"synthetic-{bench.job.seed}-"
    corpus = _write_corpus(bench.home / "speed" / f"{source}{len(texts)}", texts)
    table = varied(beir_spec(corpus.parent), model=bench.job.model, dense=dense)
    searcher = open_built(bench.home, ensure(table, [corpus], corpus.parent, bench.home))
    try:
        yield searcher
    finally:
        searcher.close()


def _without_cache(searcher: Searcher, encoder: Any) -> Searcher:
    from dataclasses import replace

    return replace(searcher, understanding=replace(searcher.understanding, encoder=encoder))


def _write_corpus(folder: Path, texts: Sequence[str]) -> Path:
    corpus = folder / "corpus.jsonl"
    lines = (json.dumps({"_id": f"d{at}", "title": "", "text": text}) + "\n" for at, text in enumerate(texts))
    write_atomic(corpus, "".join(lines).encode())
    return corpus
