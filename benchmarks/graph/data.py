"""Data for measuring the speed of the graph.

Seeded synthetic names, questions and edges, the graphs under $CLEW_DATA, and the Neo4j server of NEO4J_URI.
"""

from __future__ import annotations

import json
import logging
import os
import random
import re
import secrets
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from clew.benchmarks.linking.mentions import Mention, Question, find_file, with_typo
from clew.core.errors import NotFoundError, UsageError
from clew.core.files import sha256_file
from clew.core.measures.judged import data_home
from clew.core.types import Deadline, Ints, Vectors
from clew.kg.types import Edge, Entity

if TYPE_CHECKING:
    from clew.kg.neo4j_store import Neo4jStore
    from clew.kg.snapshot import Snapshot
    from clew.kg.spec import Neo4jSpec

FB15K, SHOPIFY, MINTAKA, SYNTHETIC = "fb15k237-simpleqa", "shopify-taxonomy", "mintaka-dev", "synthetic"

NO_SERVER = (
    "NEO4J_URI is not set: start a server with `make neo4j` in a checkout and export the variables it prints, "
    "or name your own in NEO4J_URI, NEO4J_USER and NEO4J_PASSWORD"
)
# How long the server may take to answer at first, in milliseconds.
_ANSWER_MS = 10_000
_SERVER = re.compile(r"'server': '([^']+)'")
_SYLLABLES = [first + vowel + last for first in "bdfgklmnprstvz" for vowel in "aeiou" for last in ("", "n", "r", "s")]
_VOCABULARY = 50_000
_TYPES = ("place", "person", "work", "thing", "idea")
# Words of a name, and other names of an entity: how many, and how often.
_LENGTHS = ((1, 2, 3, 4), (25, 45, 20, 10))
_ALIASES = ((0, 1, 2, 3, 4), (30, 25, 20, 15, 10))
_ASKED = (
    "who wrote {}", "What is the capital of {}?", "how many people live in {} today", "When did {} begin, and where?",
    "Which films did {} direct before the war?", "is {} older than most of the others in the list",
)  # fmt: skip
# One question of so many has a typing error.
_MISSPELT_EVERY = 10


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured.

    link_names, dictionary_names: names and aliases in the synthetic dictionaries of `link` and `dictionary`. nodes,
    edges, relations: size of the synthetic graph, used if $CLEW_DATA has no graph. questions: number of synthetic
    questions that are linked. walks: number of seed sets that are expanded.
    """

    link_names: int = 100_000
    dictionary_names: int = 1_000_000
    nodes: int = 14_541
    edges: int = 310_116
    relations: int = 237
    questions: int = 500
    walks: int = 200


@dataclass(frozen=True, slots=True)
class GraphFiles:
    """Files of the nodes and edges of a graph."""

    name: str
    nodes: Path
    edges: Path


# ------------------------------------------------------------------ names and questions


def entities(names: int, seed: int) -> Iterator[Entity]:
    """Generate entities with 1 to 5 names of 1 to 4 words and a description, until there are `names` names.

    Word frequencies follow Zipf's law, so short names have several bearers.
    """
    words, weights = _vocabulary()
    rng = random.Random(seed)  # noqa: S311 - reproducible names, no secret
    left, number = names, 0
    while left:
        wanted = min(left, 1 + rng.choices(*_ALIASES)[0])
        own: dict[str, None] = {}
        while len(own) < wanted:
            drawn = rng.choices(words, cum_weights=weights, k=rng.choices(*_LENGTHS)[0])
            own[" ".join(drawn).title()] = None
        name, *aliases = own
        about = " ".join(rng.choices(words, cum_weights=weights, k=4))
        yield Entity(f"e{number:07}", rng.choice(_TYPES), name, tuple(aliases), description=about)
        left -= wanted
        number += 1


def degrees(count: int, seed: int) -> Ints:
    """Return (count,) int64 numbers of edges: few for most entities, very many for some."""
    drawn = np.random.default_rng(seed).pareto(1.2, count)
    return np.minimum(drawn * 10, 10_000).astype(np.int64)


def unit_vectors(count: int, dim: int, seed: int) -> Vectors:
    """Return (count, dim) float32 random unit vectors."""
    drawn = np.random.default_rng(seed).standard_normal((count, dim), np.float32)
    found: Vectors = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    return found


def questions(named: Sequence[Entity], count: int, seed: int) -> list[Question]:
    """Return questions that name one entity each by one of its names; every tenth has a typing error."""
    rng = random.Random(seed + 1)  # noqa: S311 - reproducible questions, no secret
    found = []
    for at in range(count):
        entity, pattern = rng.choice(named), rng.choice(_ASKED)
        name, start = rng.choice((entity.name, *entity.aliases)), pattern.index("{}")
        mention = Mention(start, start + len(name), entity.id)
        question = Question(f"q{at}", pattern.format(name), (mention,), "test")
        found.append(question if at % _MISSPELT_EVERY else with_typo(question, seed))
    return found


@cache
def _vocabulary() -> tuple[list[str], list[float]]:
    """Return synthetic words of two to four syllables, and their cumulative weights."""
    rng = random.Random("words")  # noqa: S311 - the same words for every seed
    found: dict[str, None] = {}
    while len(found) < _VOCABULARY:
        found["".join(rng.choices(_SYLLABLES, k=rng.randint(2, 4)))] = None
    return list(found), list(accumulate(1 / (rank + 10) for rank in range(_VOCABULARY)))


# ------------------------------------------------------------------ graphs


def edges(ids: Sequence[str], count: int, relations: int, seed: int) -> list[Edge]:
    """Return at most `count` distinct edges between some entities; few relations are frequent, few targets are hubs."""
    rng = np.random.default_rng(seed)
    drawn = 2 * count
    hubs = rng.permutation(len(ids))[(len(ids) * rng.random(drawn) ** 2.5).astype(np.int64)]
    kinds = (relations * rng.random(drawn) ** 2.5).astype(np.int64)
    rows = np.unique(np.stack([rng.integers(0, len(ids), drawn), kinds, hubs], axis=1), axis=0)
    chosen = rows[np.sort(rng.permutation(len(rows))[:count])]
    return [Edge(ids[source], f"relation_{relation:03}", ids[target]) for source, relation, target in chosen.tolist()]


def write_graph(folder: Path, sizes: Sizes, seed: int) -> GraphFiles:
    """Write the synthetic graph as files that `clew graph load` reads."""
    # An entity has two and a half names on average; more names than are needed, so that there are enough entities.
    named = [entity for entity, _ in zip(entities(5 * sizes.nodes, seed), range(sizes.nodes), strict=False)]
    nodes = [
        {"id": e.id, "type": e.type, "name": e.name, "aliases": list(e.aliases), "description": e.description}
        for e in named
    ]
    joined = edges([entity.id for entity in named], sizes.edges, sizes.relations, seed)
    links = [{"source": edge.source, "relation": edge.relation, "target": edge.target} for edge in joined]
    found = GraphFiles(SYNTHETIC, folder / "nodes.jsonl", folder / "edges.jsonl")
    for path, rows in ((found.nodes, nodes), (found.edges, links)):
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return found


def graphs(names: Sequence[str], folder: Path, sizes: Sizes, seed: int) -> tuple[list[GraphFiles], dict[str, str]]:
    """Return the graphs with these names under $CLEW_DATA, and name → reason for those that are missing.

    If none exists, the synthetic graph is written to `folder` and returned.
    """
    found, missing = [], {}
    for name in names:
        graph = data_home() / name / "graph"
        try:
            found.append(GraphFiles(name, find_file(graph, "nodes.jsonl"), find_file(graph, "edges.jsonl")))
        except NotFoundError as reason:
            missing[name] = reason.message
    return found or [write_graph(folder, sizes, seed)], missing


def seed_sets(ids: Sequence[str], degree: Ints, count: int, each: int, seed: int) -> list[tuple[str, ...]]:
    """Return at most `count` distinct sets of `each` entities, drawn in proportion to their number of edges."""
    rng = np.random.default_rng(seed)
    chance, most = degree / degree.sum(), min(each, int(np.count_nonzero(degree)))
    drawn = (rng.choice(len(ids), most, replace=False, p=chance) for _ in range(count))
    return list(dict.fromkeys(tuple(ids[row] for row in rows.tolist()) for rows in drawn))


# ------------------------------------------------------------------ opened


@contextmanager
def loaded_snapshot(folder: Path, files: GraphFiles) -> Iterator[Snapshot]:
    """Load a graph into a temporary home and yield its snapshot."""
    from clew.indexer.graphs.load import load
    from clew.kg.snapshot import Snapshot

    with tempfile.TemporaryDirectory(dir=folder) as home:
        report = load(Path(home), files.name, str(files.nodes), str(files.edges))
        snapshot = Snapshot.open(Path(report.folder), verify=False)
        try:
            yield snapshot
        finally:
            snapshot.close()


def configured_server(missing: dict[str, str], about: dict[str, str]) -> Neo4jSpec | None:
    """Return the Neo4j server that NEO4J_URI, NEO4J_USER, NEO4J_PASSWORD and NEO4J_DATABASE name.

    Its version is added to `about`. Returns None without NEO4J_URI; `missing` then says how to get a server. Raises
    UsageError if the variables cannot be used, StageUnavailable if the server does not answer.
    """
    from clew.kg.spec import Neo4jSpec

    uri = os.environ.get("NEO4J_URI")
    if not uri:
        missing["neo4j"] = NO_SERVER
        return None
    user = os.environ.get("NEO4J_USER") or os.environ.get("NEO4J_USERNAME") or "neo4j"
    try:
        spec = Neo4jSpec(uri, database=os.environ.get("NEO4J_DATABASE") or "neo4j", user=user)
    except ValueError:
        # The value is not quoted: what stands before an @ may be a password.
        raise UsageError(
            "NEO4J_URI is not a valid server address",
            "give one such as bolt://127.0.0.1:7687, without a password; set that in NEO4J_PASSWORD",
        ) from None
    with DriverTraffic() as wire, neo4j_store(spec) as store:
        store.entities(["version"], Deadline.after_ms(_ANSWER_MS))
    about["neo4j"] = wire.server
    return spec


@contextmanager
def neo4j_store(spec: Neo4jSpec) -> Iterator[Neo4jStore]:
    """Yield an empty store in a server, under a random label whose nodes are removed at the end."""
    from clew.kg.neo4j_store import Neo4jStore

    store = Neo4jStore(spec, f"Clew_speed_{secrets.token_hex(6)}", longest_ms=60_000)
    try:
        yield store
    finally:
        try:
            store.forget()
        finally:
            store.close()


def hashes(found: Sequence[GraphFiles]) -> dict[str, str]:
    """Return the sha256 of the files of some graphs."""
    return {f"{f.name}/{path.name}": sha256_file(path) for f in found for path in (f.nodes, f.edges)}


class DriverTraffic(logging.Handler):
    """Count what the Neo4j driver sends and receives, from its debug log. A context manager.

    statements: Cypher statements sent. round_trips: how often a request was followed by a response. server: name and
    version that the server gave when it was connected to, such as "Neo4j/5.26.30".
    """

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.statements = self.round_trips = 0
        self.server = "unknown"
        self._sent = False
        self._log = logging.getLogger("neo4j.io")
        self._before = self._log.level, self._log.propagate

    def emit(self, record: logging.LogRecord) -> None:
        """Read one line, such as "[#E700]  C: RUN …": C marks a message of the client, S one of the server."""
        side, _, said = record.getMessage().partition("]")[2].strip().partition(" ")
        if side == "C:":
            self._sent = True
            self.statements += said.startswith("RUN ")
        elif side == "S:" and self._sent:
            self._sent = False
            self.round_trips += 1
            if named := _SERVER.search(said):
                self.server = named[1]

    def __enter__(self) -> DriverTraffic:
        self._log.addHandler(self)
        self._log.setLevel(logging.DEBUG)
        self._log.propagate = False
        return self

    def __exit__(self, *_: object) -> None:
        self._log.removeHandler(self)
        level, self._log.propagate = self._before
        self._log.setLevel(level)
