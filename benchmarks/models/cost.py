"""Measure what models cost: size on disk, memory, and time in alternating rounds."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import TypeVar

from clew.benchmarks.models.choice import ModelRole
from clew.benchmarks.peers.protocol import median_ms, per_second
from clew.benchmarks.speed.memory import peak_bytes
from clew.core import threads
from clew.core.errors import ClewError
from clew.models.protocols import Encoder, PairScorer
from clew.models.runtimes import PAIR_RUNTIMES, RUNTIMES
from clew.models.store import fp32_folder, load_encoder, load_scorer, read_manifest, resolve_to_path

T = TypeVar("T")
PAIRS = 50
_QUERIES, _PASSAGES, _LISTS = 50, 32, 5
# Maximum characters of a text: about 256 tokens, so that every model reads the same amount.
_READ = 1_000


@dataclass(frozen=True, slots=True)
class TimingTexts:
    """The texts that are timed, the same for every model: queries, passages, and queries with lists of 50 texts."""

    queries: tuple[str, ...]
    passages: tuple[str, ...]
    lists: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class Speed:
    """The speed of a model. ms: median milliseconds for one query or 50 pairs. per_second: passages or pairs."""

    ms: float
    per_second: float


def timing_texts(sets: Sequence[tuple[Sequence[str], Sequence[str]]]) -> TimingTexts:
    """Choose the texts that models are timed with. sets: (queries, texts) of each data set, neither of them empty."""
    queries = _in_turn([each for each, _ in sets], _QUERIES)
    texts = [text[:_READ] for text in _in_turn([each for _, each in sets], PAIRS * _LISTS)]
    asked = tuple(islice(cycle(queries), _LISTS))
    # The texts of a small data set are repeated to fill the lists.
    lists = ((query, tuple(islice(cycle(texts), at * PAIRS, (at + 1) * PAIRS))) for at, query in enumerate(asked))
    return TimingTexts(tuple(queries), tuple(texts[:_PASSAGES]), tuple(lists))


def encoder_round(encoder: Encoder, timing: TimingTexts) -> Speed:
    """Time one round of an encoder: each query alone, then the passages together."""
    ms = median_ms([partial(encoder.encode_queries, [query]) for query in timing.queries])
    return Speed(ms, per_second(len(timing.passages), lambda: encoder.encode_passages(timing.passages)))


def scorer_round(scorer: PairScorer, timing: TimingTexts) -> Speed:
    """Time one round of a reranker: the lists one after the other."""
    ms = median_ms([partial(scorer.score, query, texts) for query, texts in timing.lists])
    return Speed(ms, PAIRS * 1000 / max(ms, 1e-9))


def median_speeds(cases: Mapping[T, Callable[[], Speed]], rounds: int, say: Callable[[str], None]) -> dict[T, Speed]:
    """Return medians over rounds in which the cases take turns; a first, slower round is not counted."""
    found: dict[T, list[Speed]] = {case: [] for case in cases}
    for at in range(rounds + 1):
        for case, once in cases.items():
            speed = once()
            if at:
                found[case].append(speed)
        say(f"speed: round {at} of {rounds}" if at else "speed: warming up")
    return {
        case: Speed(median(each.ms for each in speeds), median(each.per_second for each in speeds))
        for case, speeds in found.items()
    }


def disk_bytes(role: ModelRole, name: str, home: Path, runtime: str) -> int:
    """Return the bytes of the files that a model's runtime reads; 0 for a model without files."""
    folder = Path(resolve_to_path(name, home, "bi_encoder" if role == "encoder" else "cross_encoder"))
    if not folder.is_absolute():  # the name of a model without files
        return 0
    kind = RUNTIMES[runtime] if role == "encoder" else PAIR_RUNTIMES[runtime]
    if kind.reads_fp32:
        folder = fp32_folder(folder, home)
    read = [file for file in read_manifest(folder).files if any(fnmatch.fnmatch(file, each) for each in kind.reads)]
    return sum((folder / file).stat().st_size for file in read)


def memory_bytes(role: ModelRole, name: str, home: Path, runtime: str, timing: TimingTexts) -> int:
    """Return the bytes that loading and running a model, with its runtime's libraries, adds to a process's peak memory.

    Raises ClewError if that process dies, most likely because it runs out of memory.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        try:
            return pool.submit(added_bytes, role, name, home, runtime, timing, threads.count()).result()
        except BrokenProcessPool:
            raise ClewError(
                f"the process that measured the memory of {name!r} died",
                "it may need more memory than this machine has: leave this model out",
            ) from None


def added_bytes(role: ModelRole, name: str, home: Path, runtime: str, timing: TimingTexts, number: int) -> int:
    """Load and run a model in this process; return by how many bytes its peak memory rises. number: of threads."""
    threads.configure(number)
    before = peak_bytes()
    if role == "encoder":
        encoder = load_encoder(name, home, runtime=runtime)
        encoder.encode_queries(timing.queries[:1])
        encoder.encode_passages(timing.passages)
    else:
        load_scorer(name, home, runtime=runtime).score(*timing.lists[0])
    return peak_bytes() - before


def _in_turn(each: Sequence[Sequence[str]], count: int) -> list[str]:
    """Return the first `count` texts, one from each data set in turn."""
    longest = max(map(len, each))
    return [texts[at] for at in range(longest) for texts in each if at < len(texts)][:count]
