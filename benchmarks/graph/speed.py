"""Speed of the graph: linking, expanding, building the dictionary, loading.

The cases of an item are measured in alternating rounds; the median of the rounds is reported.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from clew.benchmarks.graph import data as material
from clew.benchmarks.graph.data import FB15K, MINTAKA, SHOPIFY, SYNTHETIC, Sizes
from clew.benchmarks.signature import code_hash
from clew.benchmarks.speed.memory import peak_bytes
from clew.core.errors import NotFoundError
from clew.core.types import Deadline, Vectors

if TYPE_CHECKING:
    from clew.kg.linker import Linker
    from clew.kg.snapshot import Snapshot
    from clew.kg.spec import Neo4jSpec
    from clew.kg.store import GraphStore

Figures = dict[str, float]
Once = Callable[[], Figures]

DIM = 384
SEEDS, HOPS = (1, 3), (1, 2)
_LIBRARIES = ("networkx", "neo4j", "marisa-trie", "rapidfuzz", "pyarrow")
# Questions that warm a store up and whose messages are counted, before each timed round.
_WATCHED = 20
_MIB = 2**20


@dataclass(frozen=True, slots=True)
class Task:
    """What is measured, where files may be written, and where progress is reported."""

    home: Path
    rounds: int
    seed: int
    model: str
    sizes: Sizes
    say: Callable[[str], None]


@dataclass(slots=True)
class Prepared:
    """The cases of an item: case → function that runs one round.

    sizes: of what is measured. missing: what could not be prepared → why. files: sha256 of every input. about: what
    else the figures depend on.
    """

    cases: dict[str, Once] = field(default_factory=dict)
    sizes: dict[str, Any] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    about: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GraphItem:
    """One item to measure; its figure is taken from its first case."""

    figure: str
    unit: str
    prepare: Callable[[Task], AbstractContextManager[Prepared]]


def measure(name: str, task: Task) -> dict[str, Any]:
    """Measure an item and return its figures as docs/benchmarks/json.md describes them."""
    item = GRAPH_ITEMS[name]
    task.home.mkdir(parents=True, exist_ok=True)
    task.say(f"{name}: preparing")
    busy = [_load_average()]
    with item.prepare(task) as prepared:
        rounds: dict[str, list[Figures]] = {case: [] for case in prepared.cases}
        for at in range(task.rounds):
            for case, once in prepared.cases.items():
                rounds[case].append({key: round(value, 4) for key, value in once().items()})
                task.say(f"{name}, round {at + 1} of {task.rounds}, {case}: {rounds[case][-1]}")
            busy.append(_load_average())
    cases = {
        case: {key: round(median(each[key] for each in found), 4) for key in found[0]} for case, found in rounds.items()
    }
    return {
        "ours": next(iter(cases.values()))[item.figure],
        "peers": {},
        "unit": item.unit,
        "ratio": {},
        "missing": prepared.missing,
        "sizes": prepared.sizes,
        "cases": cases,
        "rounds": rounds,
        "files": prepared.files,
        "about": {**prepared.about, "load averages": busy},
    }


def signature() -> dict[str, Any]:
    """Return what the figures depend on: the code of the graph and versions of its libraries."""
    return {"code": code_hash(("kg", "indexer/graphs")), "libraries": {name: version(name) for name in _LIBRARIES}}


# ------------------------------------------------------------------ link


@contextmanager
def _link(task: Task) -> Iterator[Prepared]:
    from clew.benchmarks.linking.measure import Material, Options
    from clew.kg.dictionary import Dictionary, write_dictionary
    from clew.kg.linker import Linker

    prepared = Prepared()
    with ExitStack() as open_things:
        folder = Path(open_things.enter_context(tempfile.TemporaryDirectory(dir=task.home)))
        named = list(material.entities(task.sizes.link_names, task.seed))
        counts = write_dictionary(named, material.degrees(len(named), task.seed), folder)
        known = material.unit_vectors(len(named), DIM, task.seed).astype(np.float16)
        texts = [question.text for question in material.questions(named, task.sizes.questions, task.seed)]
        asked = material.unit_vectors(len(texts), DIM, task.seed + 1)
        prepared.sizes[SYNTHETIC] = {**counts, "questions": len(texts)}
        prepared.cases[SYNTHETIC] = partial(
            _link_round, lambda: Linker(Dictionary(folder), vectors=known), texts, list(asked)
        )
        try:
            found = Material(Path(MINTAKA), task.home, Options(Path(FB15K), "wikidata", model=task.model), task.say)
        except NotFoundError as reason:
            prepared.missing[FB15K] = reason.message
        else:
            open_things.callback(found.close)
            written = found.questions_of("test")
            counted = {"entities": found.snapshot.counts.entities, "records": len(found.linker().dictionary.records)}
            prepared.sizes[FB15K] = {**counted, "questions": len(written)}
            prepared.files = found.signature()["files"]
            prepared.cases[FB15K] = partial(
                _link_round, found.linker, [question.text for question in written], found.encoded(written)
            )
        yield prepared


def _link_round(opened: Callable[[], Linker], texts: Sequence[str], vectors: Sequence[Vectors | None]) -> Figures:
    """Link every question once with a new linker, whose caches are empty."""
    linker = opened()
    linker.link(texts[0], vectors[0])
    spent = [seconds(partial(linker.link, text, vector)) for text, vector in zip(texts, vectors, strict=True)]
    return percentiles(spent)


# ------------------------------------------------------------------ expand


@contextmanager
def _expand(task: Task) -> Iterator[Prepared]:
    from clew.kg.networkx_store import NetworkxStore

    with ExitStack() as open_things:
        folder = Path(open_things.enter_context(tempfile.TemporaryDirectory(dir=task.home)))
        (files, *_), missing = material.graphs([FB15K], folder, task.sizes, task.seed)
        prepared = Prepared(missing=missing, files=material.hashes([files]))
        snapshot = open_things.enter_context(material.loaded_snapshot(folder, files))
        prepared.sizes[files.name] = {"nodes": snapshot.counts.entities, "edges": snapshot.counts.edges}
        stores: dict[str, GraphStore] = {"networkx": NetworkxStore.open(snapshot.folder, verify=False)}
        server = _server(task, prepared)
        if server is not None:
            task.say("expand: writing the graph into Neo4j")
            store = open_things.enter_context(material.neo4j_store(server))
            store.write(snapshot.all_entities(), snapshot.all_edges())
            stores["neo4j"] = store
        ids = snapshot.ids(np.arange(snapshot.counts.entities))
        for each in SEEDS:
            asked = material.seed_sets(ids, snapshot.degrees.astype(np.int64), task.sizes.walks, each, task.seed)
            for hops in HOPS:
                plural = f"{each} seed{'s' * (each > 1)}, {hops} hop{'s' * (hops > 1)}"
                prepared.sizes[plural] = {"walks": len(asked)} | _table_sizes(stores["networkx"], asked, hops)
                for name, store_ in stores.items():
                    prepared.cases[f"{name}, {plural}"] = partial(_expand_round, store_, asked, hops)
        # All cases of a store one after another, so that switching stores does not disturb the timing.
        prepared.cases = dict(sorted(prepared.cases.items(), key=lambda case: case[0].startswith("neo4j")))
        yield prepared
        stores["networkx"].close()


def _expand_round(store: GraphStore, asked: Sequence[tuple[str, ...]], hops: int) -> Figures:
    """Expand every seed set twice in a row: first through the store, then from the cache."""
    from clew.kg.cached import CachedStore
    from clew.kg.expand import ExpandSpec, expand
    from clew.kg.neo4j_store import Neo4jStore

    spec, cached = ExpandSpec(hops=hops), CachedStore(store)

    def once(seeds: tuple[str, ...]) -> object:
        return expand(cached.neighbourhood(seeds, spec.walk, Deadline()), dict.fromkeys(seeds, 1.0), {}, spec)

    watched = asked[:_WATCHED]
    with material.DriverTraffic() as wire:
        for seeds in watched:
            once(seeds)
    cached.forget()
    first, again = [], []
    for seeds in asked:
        first.append(seconds(partial(once, seeds)))
        again.append(seconds(partial(once, seeds)))
    found = percentiles(first) | {f"cached {key}": value for key, value in percentiles(again).items()}
    if isinstance(store, Neo4jStore):
        found["statements"] = wire.statements / len(watched)
        found["round trips"] = wire.round_trips / len(watched)
    return found


def _table_sizes(store: GraphStore, asked: Sequence[tuple[str, ...]], hops: int) -> Figures:
    """Return how many edges a walk finds (p50, p99)."""
    from clew.kg.expand import ExpandSpec

    walk = ExpandSpec(hops=hops).walk
    found = [len(store.neighbourhood(seeds, walk, Deadline())) for seeds in asked]
    p50, p99 = np.percentile(found, [50, 99]).tolist()
    return {"edges p50": p50, "edges p99": p99}


# ------------------------------------------------------------------ dictionary


@contextmanager
def _dictionary(task: Task) -> Iterator[Prepared]:
    names = task.sizes.dictionary_names
    prepared = Prepared()

    def once() -> Figures:
        with (
            tempfile.TemporaryDirectory(dir=task.home) as folder,
            ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool,
        ):
            figures, counts = pool.submit(build_dictionary, Path(folder), names, task.seed).result()
        prepared.sizes[SYNTHETIC] = counts
        return figures

    prepared.cases[SYNTHETIC] = once
    yield prepared


def build_dictionary(folder: Path, names: int, seed: int) -> tuple[Figures, dict[str, int]]:
    """Build and open the synthetic dictionary; return its figures and sizes. Run it in a process of its own.

    Generating the entities is not part of the time. They are passed one at a time, as when a snapshot's file is read.
    """
    from clew.kg.dictionary import DICTIONARY, Dictionary, write_dictionary

    count = sum(1 for _ in material.entities(names, seed))
    degree = material.degrees(count, seed)
    generation_time = 0.0

    def untimed_entities() -> Iterator[Any]:
        nonlocal generation_time
        source = material.entities(names, seed)
        while True:
            start = time.perf_counter()
            entity = next(source, None)
            generation_time += time.perf_counter() - start
            if entity is None:
                return
            yield entity

    before = peak_bytes()
    built = seconds(lambda: write_dictionary(untimed_entities(), degree, folder)) - generation_time
    peak = peak_bytes()
    opened = seconds(lambda: Dictionary(folder))
    files = list((folder / DICTIONARY).iterdir())
    counts = {"entities": count, "names": names, "records": len(Dictionary(folder).records)}
    figures = {
        "build s": built,
        "names/s": names / built,
        "peak MiB": peak / _MIB,
        "peak before MiB": before / _MIB,
        "open ms": opened * 1000,
        "disk MiB": sum(file.stat().st_size for file in files) / _MIB,
    }
    return figures, counts


# ------------------------------------------------------------------ graph-load


@contextmanager
def _graph_load(task: Task) -> Iterator[Prepared]:
    with ExitStack() as open_things:
        folder = Path(open_things.enter_context(tempfile.TemporaryDirectory(dir=task.home)))
        found, missing = material.graphs([SHOPIFY, FB15K], folder, task.sizes, task.seed)
        prepared = Prepared(missing=missing, files=material.hashes(found))
        server = _server(task, prepared)
        for files in found:
            load = _Load(files, folder, prepared.sizes)
            open_things.callback(load.close)
            prepared.cases[f"{files.name}, snapshot"] = load.snapshot
            prepared.cases[f"{files.name}, networkx"] = load.networkx
            if server is not None:
                prepared.cases[f"{files.name}, neo4j"] = partial(load.neo4j, server)
        yield prepared


class _Load:
    """The steps of loading a graph, each timed: files to snapshot, snapshot to either store."""

    def __init__(self, files: material.GraphFiles, folder: Path, sizes: dict[str, Any]) -> None:
        self._files, self._folder, self._sizes = files, folder, sizes
        self._stack = ExitStack()
        self._snapshot: Snapshot
        self._rows = 0
        self._spent = 0.0

    def snapshot(self) -> Figures:
        """From the files to a new snapshot, its dictionary built."""
        self.close()
        start = time.perf_counter()
        self._snapshot = self._stack.enter_context(material.loaded_snapshot(self._folder, self._files))
        self._spent = time.perf_counter() - start
        counts = self._snapshot.counts
        self._rows = counts.entities + counts.edges
        self._sizes[self._files.name] = {"nodes": counts.entities, "edges": counts.edges}
        return {"s": self._spent, "rows/s": self._rows / self._spent}

    def networkx(self) -> Figures:
        """From the snapshot to a graph in memory."""
        from clew.kg.networkx_store import NetworkxStore

        start = time.perf_counter()
        store = NetworkxStore.open(self._snapshot.folder, verify=False)
        found = self._with_rates(time.perf_counter() - start)
        store.close()
        return found

    def neo4j(self, server: Neo4jSpec) -> Figures:
        """From the snapshot into a server, under a random label that is removed afterwards."""
        with material.neo4j_store(server) as store:
            return self._with_rates(
                seconds(lambda: store.write(self._snapshot.all_entities(), self._snapshot.all_edges())),
            )

    def close(self) -> None:
        """Remove the snapshot."""
        self._stack.close()

    def _with_rates(self, spent: float) -> Figures:
        both = self._spent + spent
        return {"s": spent, "rows/s": self._rows / spent, "with snapshot rows/s": self._rows / both}


# ------------------------------------------------------------------ figures


def _server(task: Task, prepared: Prepared) -> Neo4jSpec | None:
    """Return the server that NEO4J_URI names; if there is none, report that the Neo4j cases are left out."""
    server = material.configured_server(prepared.missing, prepared.about)
    if server is None:
        task.say(f"without Neo4j: {prepared.missing['neo4j']}")
    return server


def _load_average() -> float | None:
    """Return the load average of the last minute; None if the system does not report it."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def seconds(call: Callable[[], object]) -> float:
    """Return how long a call takes, in seconds."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def percentiles(spent: Sequence[float]) -> Figures:
    """Return p50 and p99, in milliseconds, of times in seconds."""
    p50, p99 = (1000 * np.percentile(spent, [50, 99])).tolist()
    return {"p50": p50, "p99": p99}


GRAPH_ITEMS: Mapping[str, GraphItem] = {
    "link": GraphItem("p50", "ms p50", _link),
    "expand": GraphItem("p50", "ms p50", _expand),
    "dictionary": GraphItem("names/s", "names/s", _dictionary),
    "graph-load": GraphItem("rows/s", "rows/s", _graph_load),
}
