"""Items that measure `clew serve`: requests, start and memory."""

from __future__ import annotations

import subprocess
import sys
from collections import ChainMap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from urllib.parse import quote

from clew.benchmarks.peers import serving
from clew.benchmarks.peers.protocol import Round, RoundWithFacts
from clew.benchmarks.peers.serving import SMALL_INDEX, Server
from clew.benchmarks.speed.material import Bench, served_index
from clew.core.errors import ClewError, UsageError


@contextmanager
def http(bench: Bench) -> Iterator[Round]:
    """Measure requests per second with eight clients at once."""
    with _server(bench, bench.texts) as server:
        yield serving.throughput(server, bench.queries)


@contextmanager
def http_latency(bench: Bench) -> Iterator[Round]:
    """Measure the median time of a request with eight clients at once."""
    with _server(bench, bench.texts) as server:
        yield serving.latency(server, bench.queries)


@contextmanager
def cold_start(bench: Bench) -> Iterator[Round]:
    """Measure the time from the start of the server to its first answer."""
    served_index(bench, bench.texts)
    yield serving.cold_start(partial(_server, bench, bench.texts))


@contextmanager
def memory(bench: Bench) -> Iterator[Round]:
    """Measure the memory that a million documents would add to the server. Raises UsageError for too few texts."""
    if len(bench.texts) <= SMALL_INDEX:
        raise UsageError(
            f"docs is {len(bench.texts)}",
            f"give more than {SMALL_INDEX}: memory is compared with an index of {SMALL_INDEX}",
        )
    small, large = (partial(_server, bench, texts) for texts in (bench.texts[:SMALL_INDEX], bench.texts))
    yield serving.memory_growth(small, large, bench.queries, len(bench.texts))


@contextmanager
def memory_base(bench: Bench) -> Iterator[Round]:
    """Measure the memory of a server with 100 documents."""
    asked = serving.base_memory(partial(_server, bench, bench.texts[:SMALL_INDEX]), bench.queries)
    yield RoundWithFacts(asked, ChainMap({"what each part adds, MB": _parts(bench)}, asked.facts))


# Parts of a server in the order in which they are loaded, each in addition to those before it.
_PARTS = {
    "python and numpy": "import numpy",
    "documents": "import pyarrow, pyarrow.compute, marisa_trie",
    "the server": "import clew.api.app, uvicorn",
    "numba and compiled loops": "import clew.search.candidates.bm25_pruning, clew.search.candidates.dense.kernel",
    "the model": "from clew.models.store import load_encoder; load_encoder(model, home).encode_queries(['a'])",
    "Chinese, once a text has some": "from clew.core.text import Analyzer; Analyzer().terms('\u8fde\u8863\u88d9')",
}


def _parts(bench: Bench) -> dict[str, int]:
    """Return the resident memory that each part of a server adds to a process, in MB."""
    from clew.models.store import resolve_to_path

    lines = [
        "from pathlib import Path",
        f"model, home = {resolve_to_path(bench.job.model, bench.home, 'bi_encoder')!r}, Path('.')",
    ]
    lines += ["from clew.benchmarks.speed.memory import resident_bytes"]
    lines += [line for part in _PARTS.values() for line in (part, "print(resident_bytes())")]
    said = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=True
    ).stdout.split()
    sizes = [0, *map(int, said)]
    return {name: round((after - before) / 1e6) for name, before, after in zip(_PARTS, sizes, sizes[1:], strict=False)}


def _server(bench: Bench, texts: Sequence[str]) -> Server:
    """Start `clew serve` over a home that holds only an index of the texts."""
    home, index = served_index(bench, texts)
    try:
        return Server(
            lambda port: [sys.executable, "-m", "clew", "serve", "--home", str(home), "--port", str(port)],
            lambda query: f"/v1/search?index={index}&q={quote(query)}&k=10",
            bench.queries[0],
        )
    except RuntimeError as error:
        raise ClewError(str(error), f"run `clew serve --home {home}` and read its output") from None
