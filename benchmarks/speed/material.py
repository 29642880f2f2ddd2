"""The texts, queries and indexes that speed is measured on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from clew.benchmarks.data.index import beir_spec, ensure, open_built, varied
from clew.benchmarks.graph.data import Sizes
from clew.core.errors import UsageError
from clew.core.files import write_atomic

if TYPE_CHECKING:
    from clew.search.pipeline import Searcher

# What encodes or builds gets no more texts than this a round: the pace is the same and a round stays short.
ENCODED = 1_000


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


@contextmanager
def opened(bench: Bench, texts: Sequence[str], *, dense: bool) -> Iterator[Searcher]:
    """A searcher over an index of the texts, built or reused."""
    corpus = corpus_of(bench, texts)
    table = varied(beir_spec(corpus.parent), model=bench.job.model, dense=dense)
    found = open_built(bench.home, ensure(table, [corpus], corpus.parent, bench.home))
    try:
        yield found
    finally:
        found.close()


def served_index(bench: Bench, texts: Sequence[str]) -> tuple[Path, str]:
    """A home that holds an index of the texts alone, and its name; built or reused."""
    from clew.models.store import placed

    corpus = corpus_of(bench, texts)
    table = varied(beir_spec(corpus.parent), model=placed(bench.job.model, bench.home, "bi_encoder"))
    home = corpus.parent / "home"
    return home, ensure(table, [corpus], corpus.parent, home)


def corpus_of(bench: Bench, texts: Sequence[str]) -> Path:
    """The file of the texts, in a folder of their own."""
    source = "".join(f"{folder.name}-" for folder in bench.job.data) or f"synthetic-{bench.job.seed}-"
    return write_corpus(bench.home / "speed" / f"{source}{len(texts)}", texts)


def write_corpus(folder: Path, texts: Sequence[str]) -> Path:
    """Texts as the corpus of a BEIR folder."""
    corpus = folder / "corpus.jsonl"
    lines = (json.dumps({"_id": f"d{at}", "title": "", "text": text}) + "\n" for at, text in enumerate(texts))
    write_atomic(corpus, "".join(lines).encode())
    return corpus
