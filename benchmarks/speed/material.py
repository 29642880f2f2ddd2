"""The texts, queries and indexes that speed is measured with."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from clew.benchmarks.data.index import build_if_missing, open_built, spec_variant
from clew.benchmarks.graph.data import Sizes
from clew.core.errors import UsageError
from clew.core.files import write_atomic
from clew.indexer.tuning.judged import beir_spec

if TYPE_CHECKING:
    from clew.search.pipeline import Searcher

# Encoding and building use at most this many texts in a round: the rate is the same, and rounds are short.
ENCODED = 1_000


@dataclass(frozen=True, slots=True)
class Job:
    """What is measured.

    docs: number of texts in the corpus. rounds: number of rounds. data: BEIR folders whose texts are cut into spans
    (empty: synthetic texts). peers: whether peers are measured. model: the bi-encoder. reranker: the cross-encoder of
    the rerank items ("default": the one that comes with Clew). graph: the sizes of the graph's items. Raises UsageError
    for docs or rounds below 1.
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
    """The prepared material. home: the folder of indexes and models. threads: number of threads that are used."""

    job: Job
    home: Path
    texts: Sequence[str]
    queries: Sequence[str]
    threads: int


@contextmanager
def open_texts(bench: Bench, texts: Sequence[str], *, dense: bool) -> Iterator[Searcher]:
    """Open an index of the texts, which is built if it does not exist."""
    corpus = corpus_of(bench, texts)
    table = spec_variant(beir_spec(corpus.parent), model=bench.job.model, dense=dense)
    found = open_built(bench.home, build_if_missing(table, [corpus], corpus.parent, bench.home))
    try:
        yield found
    finally:
        found.close()


def served_index(bench: Bench, texts: Sequence[str]) -> tuple[Path, str]:
    """Return a home that holds only an index of the texts, and the name of the index; it is built if missing."""
    from clew.models.store import resolve_to_path

    corpus = corpus_of(bench, texts)
    table = spec_variant(beir_spec(corpus.parent), model=resolve_to_path(bench.job.model, bench.home, "bi_encoder"))
    home = corpus.parent / "home"
    return home, build_if_missing(table, [corpus], corpus.parent, home)


def corpus_of(bench: Bench, texts: Sequence[str]) -> Path:
    """Write the texts to a file in a folder of their own and return its path."""
    source = "".join(f"{folder.name}-" for folder in bench.job.data) or f"synthetic-{bench.job.seed}-"
    return write_corpus(bench.home / "speed" / f"{source}{len(texts)}", texts)


def write_corpus(folder: Path, texts: Sequence[str]) -> Path:
    """Write texts as the corpus of a BEIR folder and return the path of the file."""
    corpus = folder / "corpus.jsonl"
    lines = (json.dumps({"_id": f"d{at}", "title": "", "text": text}) + "\n" for at, text in enumerate(texts))
    write_atomic(corpus, "".join(lines).encode())
    return corpus
