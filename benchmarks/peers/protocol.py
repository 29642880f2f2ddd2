"""The protocol between Clew and a peer: one JSON object per line. A peer prints nothing else to standard output.

In:  {"item": …, "texts": FILE (JSON list), "queries": [...], "model": FOLDER, "threads": n}   once, then
     {"round": i}                                                                              for each round
Out: {"ready": true, "version": …, "facts": {…}}   {"value": x}   or {"error": …}
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

Round = Callable[[], float]
# Pairs for each query, texts in a passage, and queries: pairs of about 60 and about 200 tokens.
SHORT, LONG = (50, 3, 7), (100, 12, 3)


@dataclass(frozen=True, slots=True)
class RoundWithFacts:
    """A round with additional facts for the report."""

    once: Round
    facts: MutableMapping[str, Any]

    def __call__(self) -> float:
        """See Round."""
        return self.once()


def facts_of(round_: Round) -> dict[str, Any]:
    """Return the additional facts of a round; empty if it has none."""
    return dict(round_.facts) if isinstance(round_, RoundWithFacts) else {}


def serve(package: str, items: Mapping[str, Callable[[Mapping[str, Any]], Round]]) -> None:
    """Serve one job from standard input. items: item → function that prepares it and returns one timed round."""
    # Send what libraries print to stderr, so that stdout holds only the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def answer(value: Mapping[str, Any]) -> None:
        answers.write(json.dumps(value) + "\n")
        answers.flush()

    job = json.loads(sys.stdin.readline())
    job["texts"] = json.loads(Path(job["texts"]).read_text(encoding="utf-8"))
    once = items[job["item"]](job)
    answer({"ready": True, "version": version(package), "facts": facts_of(once)})
    for _ in sys.stdin:
        answer({"value": once()})


def per_second(count: int, work: Callable[[], object]) -> float:
    """Run some work that processes `count` things and return how many it processes per second."""
    start = time.perf_counter()
    work()
    return count / (time.perf_counter() - start)


def median_ms(calls: Sequence[Callable[[], object]]) -> float:
    """Return the median time of some calls, in milliseconds."""
    times = []
    for call in calls:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return sorted(times)[len(times) // 2] * 1000


def vector_recall(
    vectors: Any, queries: Sequence[Any], search: Callable[[Any], Sequence[int]], depth: int = 10, most: int = 200
) -> float:
    """Return the mean share of the `depth` truly nearest rows of (n, dim) vectors that a search finds.

    most: maximum number of queries that are used.
    """
    import numpy

    shares = []
    for query in queries[:most]:
        nearest = numpy.argpartition(-(vectors @ query), depth)[:depth]
        shares.append(len({*nearest.tolist()} & {*list(search(query))[:depth]}) / depth)
    return round(sum(shares) / len(shares), 4)


def pairs_of(job: Mapping[str, Any], count: int, spans: int, queries: int) -> list[tuple[str, list[str]]]:
    """Return some queries, each with `count` passages made of `spans` consecutive texts of the job."""
    texts = job["texts"]
    passages = [" ".join(texts[(at * spans + part) % len(texts)] for part in range(spans)) for at in range(count)]
    return [(query, passages) for query in job["queries"][:queries]]
