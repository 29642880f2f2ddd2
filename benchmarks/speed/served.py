"""Items of `clew serve`: requests, its start, its memory."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from urllib.parse import quote

from benchmarks.peers import serving
from benchmarks.peers.protocol import Round
from benchmarks.peers.serving import FEW, Server
from benchmarks.speed.material import Bench, served_index
from clew.core.errors import ClewError, UsageError


@contextmanager
def http(bench: Bench) -> Iterator[Round]:
    """Requests a second of eight clients."""
    with _server(bench, bench.texts) as server:
        yield serving.throughput(server, bench.queries)


@contextmanager
def http_latency(bench: Bench) -> Iterator[Round]:
    """The median time of a request with eight clients."""
    with _server(bench, bench.texts) as server:
        yield serving.latency(server, bench.queries)


@contextmanager
def cold_start(bench: Bench) -> Iterator[Round]:
    """The time from the start of the server to its first answer."""
    served_index(bench, bench.texts)
    yield serving.cold_start(partial(_server, bench, bench.texts))


@contextmanager
def memory(bench: Bench) -> Iterator[Round]:
    """What a million documents add to the server."""
    if len(bench.texts) <= FEW:
        raise UsageError(f"docs is {len(bench.texts)}", f"memory is held against an index of {FEW}: give more")
    small, large = (partial(_server, bench, texts) for texts in (bench.texts[:FEW], bench.texts))
    yield serving.growth(small, large, bench.queries, len(bench.texts))


@contextmanager
def memory_base(bench: Bench) -> Iterator[Round]:
    """What the server takes with next to no documents."""
    yield serving.base(partial(_server, bench, bench.texts[:FEW]), bench.queries)


def _server(bench: Bench, texts: Sequence[str]) -> Server:
    """`clew serve` over an index of the texts and nothing else."""
    home, index = served_index(bench, texts)
    try:
        return Server(
            lambda port: [sys.executable, "-m", "clew", "serve", "--home", str(home), "--port", str(port)],
            lambda query: f"/v1/search?index={index}&q={quote(query)}&k=10",
            bench.queries[0],
        )
    except RuntimeError as error:
        raise ClewError(str(error), f"see what `clew serve --home {home}` says") from None
