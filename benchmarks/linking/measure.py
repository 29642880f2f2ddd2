"""Measure quality and speed of the entity linker, compared with longest matches.

A mention that was found is right if it overlaps a gold mention of the same entity that no other mention matched. Gold
mentions of entities that are not in the graph do not count.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.benchmarks.linking.mentions import Question, find_file, lowercased, read_questions, with_typo
from clew.benchmarks.signature import code_hash
from clew.core.errors import DataError, NotFoundError, UsageError, nearest
from clew.core.files import sha256_file
from clew.core.measures.judged import data_home
from clew.core.measures.significance import LEVEL, RESAMPLES
from clew.core.progress import Silent
from clew.core.text import FUNCTION_WORDS, normalise
from clew.core.types import Floats, Vectors
from clew.core.words import words
from clew.indexer.encode import Encoding, encoder_of
from clew.indexer.graphs.attach import entity_vectors
from clew.indexer.graphs.load import load
from clew.indexer.runner import InProcess
from clew.kg.dictionary import ALIAS, NAME, TRANSLATION, Dictionary, Span
from clew.kg.linker import Candidate, Linker, LinkSpec
from clew.kg.snapshot import Snapshot, find_snapshot
from clew.models.cached import CachedEncoder, EmbeddingCache
from clew.models.cosines import cosine_scale
from clew.models.protocols import Encoder
from clew.models.store import resolve_if_saved
from clew.search.query_analysis import readable

VARIANTS: Mapping[str, Callable[[Question, int], Question]] = {
    "as written": lambda question, _: question,
    "lower-cased": lambda question, _: lowercased(question),
    "typing error": with_typo,
}
BINS = 10
# Code on which a snapshot and its dictionary depend, in addition to the files that the graph is loaded from.
_SNAPSHOT_CODE = ("kg", "indexer/graphs", "clew/core/words.py", "clew/core/fold.py", "clew/core/text.py")
_LINKER_CODE = (
    "kg/linker.py", "kg/surroundings.py", "kg/dictionary.py", "clew/core/words.py", "clew/core/fold.py",
    "clew/core/text.py", "clew/models/cosines.py",
)  # fmt: skip
# Number of entities of a name that are read: the one with the most edges, of one kind of name, is among them.
_MAX_ENTITIES = 1_000

Found = tuple[int, int, int]
Find = Callable[[str, Vectors | None], Sequence[Found]]


@dataclass(frozen=True, slots=True)
class Options:
    """What is measured.

    graph: folder that contains graph/ with nodes and edges (None: the folder of the questions). key: property of the
    nodes that gold mentions refer to ("": their id). split: of the questions.
    """

    graph: Path | None = None
    key: str = ""
    split: str = "test"
    model: str = "default"
    seed: int = 0


class Material:
    """Questions, and what is needed to link them: a graph, vectors of its entities, an encoder.

    names: row of the graph → how gold mentions refer to the entity, "" if they cannot. vectors: (entities, dim)
    float16.
    """

    def __init__(
        self, folder: Path, home: Path, options: Options, say: Callable[[str], None], *, models: Path | None = None
    ) -> None:
        """Load the graph and encode its entities.

        home: where snapshots and vectors are stored. models: home of the bi-encoder (None: `home`). Raises DataError,
        NotFoundError or UsageError.
        """
        self.folder, self._home, self.options = _folder(folder), home, options
        self.file = find_file(self.folder, "questions.jsonl")
        graph = _folder(options.graph) / "graph" if options.graph else self.folder / "graph"
        self.graph_files = [find_file(graph, f"{kind}.jsonl") for kind in ("nodes", "edges")]
        questions = read_questions(self.file)
        self.snapshot = self._snapshot(say)
        self.names = self._names()
        self.questions = [question.restricted_to(set(self.names)) for question in questions]
        self.missing_mentions = {
            question.id: len(question.mentions) - len(kept.mentions)
            for question, kept in zip(questions, self.questions, strict=True)
        }
        self.cache = EmbeddingCache(home / "cache" / "embeddings.sqlite")
        model = resolve_if_saved(options.model, models or home)
        self.encoder: Encoder = encoder_of(model, home)
        self.scale = cosine_scale(self.encoder)
        say(f"encoding {self.snapshot.counts.entities:,} entities")
        with tempfile.TemporaryDirectory() as work:
            encoding = Encoding(model, home, self.cache, InProcess(), Silent())
            self.vectors: NDArray[np.float16] = entity_vectors(self.snapshot, (), encoding, Path(work))

    def questions_of(self, split: str) -> list[Question]:
        """Return the questions of a split. Raises UsageError if there are none."""
        found = [question for question in self.questions if question.split == split]
        if not found:
            raise UsageError(
                f"no question of {self.file} is in split {split!r}", nearest(split, {q.split for q in self.questions})
            )
        return found

    def encoded(self, questions: Sequence[Question]) -> list[Vectors | None]:
        """Return the (dim,) float32 unit vector of each question as in a search; None if the encoder cannot read it."""
        texts = [normalise(question.text) for question in questions]
        read = list(dict.fromkeys(texts[at] for at in readable(self.encoder, texts)))
        found = CachedEncoder(self.encoder, self.cache, memory=0).encode_queries(read)
        known = dict(zip(read, found, strict=True))
        return [known.get(text) for text in texts]

    def linker(self, spec: LinkSpec | None = None, weights: Mapping[str, tuple[float, float]] | None = None) -> Linker:
        """Return a new linker over the graph, with empty caches. spec, weights: None for the defaults."""
        return Linker(Dictionary(self.snapshot.folder), spec, self.vectors, weights, self.scale)

    def signature(self) -> dict[str, Any]:
        """Return what the figures depend on, apart from code and machine."""
        files = [self.file, *self.graph_files]
        return {
            "files": {f"{file.parent.name}/{file.name}": sha256_file(file) for file in files},
            "graph": self.snapshot.manifest.fingerprint,
            "encoder": {"fingerprint": self.encoder.fingerprint, "runtime": self.encoder.runtime},
            "linker": code_hash(_LINKER_CODE),
            "options": asdict(self.options),
        }

    def close(self) -> None:
        """Close the graph and the cache."""
        self.snapshot.close()
        self.cache.close()

    def _snapshot(self, say: Callable[[str], None]) -> Snapshot:
        """Load the graph, once for its content and the code that loads it."""
        parts = [*map(sha256_file, self.graph_files), code_hash(_SNAPSHOT_CODE)]
        name = f"link-{hashlib.sha256(' '.join(parts).encode()).hexdigest()[:12]}"
        try:
            folder = find_snapshot(self._home, name)
        except NotFoundError:
            say(f"loading {self.graph_files[0].parent}")
            nodes, edges = map(str, self.graph_files)
            folder = Path(load(self._home, name, nodes, edges).folder)
        return Snapshot.open(folder, verify=False)

    def _names(self) -> list[str]:
        key = self.options.key
        if not key:
            return self.snapshot.ids(np.arange(self.snapshot.counts.entities))
        seen: set[str] = set()
        names = []
        for entity in self.snapshot.all_entities():
            seen.update(entity.properties)
            names.append(str(entity.properties.get(key) or ""))
        if not any(names):
            raise UsageError(f"no node has the property {key!r}", nearest(key, seen))
        return names


def measure(material: Material, say: Callable[[str], None]) -> dict[str, Any]:
    """Return all figures, as docs/benchmarks/json.md describes them.

    Raises DataError if no mention of the split is in the graph.
    """
    options = material.options
    questions = material.questions_of(options.split)
    if not any(question.mentions for question in questions):
        raise DataError(
            f"no mention of split {options.split!r} is an entity of the graph",
            "check --graph, and --key: the property of the nodes that mentions refer to",
        )
    variants = {name: [vary(question, options.seed) for question in questions] for name, vary in VARIANTS.items()}
    vectors = {name: material.encoded(asked) for name, asked in variants.items()}
    plain = questions, vectors["as written"]
    say(f"{len(questions)} questions, each in {len(VARIANTS)} variants")
    changed = sum(a != b for a, b in zip(questions, variants["typing error"], strict=True))
    linker = material.linker()
    return {
        "set": material.folder.name,
        "split": options.split,
        "questions": len(questions),
        "mentions": sum(len(question.mentions) for question in questions),
        "not in graph": sum(material.missing_mentions[question.id] for question in questions),
        "typing errors": changed,
        "threshold": linker.spec.threshold,
        "systems": {
            system: {
                name: scored(find, asked, vectors[name], material.names, options.seed)
                for name, asked in variants.items()
            }
            for system, find in systems(linker).items()
        },
        "calibration": calibration(linker, *plain, material.names),
        "ms": _latency(material.linker(), *plain),
    }


# ------------------------------------------------------------------ what finds mentions


def systems(linker: Linker) -> dict[str, Find]:
    """Return name → function that finds mentions: the linker with and without vectors, and longest matches."""
    dictionary = linker.dictionary
    every = (NAME, ALIAS, TRANSLATION)
    return {
        "linker": lambda text, vector: _found(linker.link(text, vector).mentions),
        "linker without vectors": lambda text, _: _found(linker.link(text).mentions),
        "names": lambda text, _: longest_matches(dictionary, text, (NAME,)),
        "names and aliases": lambda text, _: longest_matches(dictionary, text, every),
        "capitals": lambda text, _: longest_matches(dictionary, text, every, capitals=True),
    }


def longest_matches(dictionary: Dictionary, text: str, kinds: Sequence[int], *, capitals: bool = False) -> list[Found]:
    """Return the longest names in a text that do not overlap, each as the entity of that name with the most edges.

    kinds: kinds of names that count. capitals: only spans with a capital letter. A single function word is not a name.
    """
    found = words(text)
    taken: set[int] = set()
    chosen: list[Found] = []
    spans = dictionary.spans(found, most=_MAX_ENTITIES, fuzzy=False)
    for span in sorted(spans, key=lambda span: (span.first - span.last, span.first)):
        within = found[span.first : span.last]
        entity = next((int(r["entity"]) for r in span.records if r["kind"] in kinds), None)
        small = capitals and not any(text[word.start].isupper() for word in within)
        function = len(within) == 1 and within[0].plain in FUNCTION_WORDS
        if entity is None or small or function or taken & _words_of(span):
            continue
        taken |= _words_of(span)
        chosen.append((within[0].start, within[-1].end, entity))
    return chosen


def _words_of(span: Span) -> set[int]:
    return set(range(span.first, span.last))


def _found(mentions: Sequence[Candidate]) -> list[Found]:
    return [(mention.start, mention.end, mention.entity) for mention in mentions]


# ------------------------------------------------------------------ figures


def scored(
    find: Find, questions: Sequence[Question], vectors: Sequence[Vectors | None], names: Sequence[str], seed: int = 0
) -> dict[str, Any]:
    """Return precision, recall and F1 over all mentions (0 if there are none), with 95 % intervals over questions."""
    found = [find(question.text, vector) for question, vector in zip(questions, vectors, strict=True)]
    rows = [count_matches(places, question, names) for places, question in zip(found, questions, strict=True)]
    table = np.array(rows, np.float64).reshape(len(rows), 3)
    rng = np.random.default_rng(seed)
    # Batches, so that no more than some millions of draws are in memory.
    batch = max(1, 2_000_000 // len(table))
    sums = [
        rng.multinomial(len(table), np.full(len(table), 1 / len(table)), min(batch, RESAMPLES - at)) @ table
        for at in range(0, RESAMPLES, batch)
    ]
    low, high = np.quantile(_rates(np.concatenate(sums)), [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    measures = ("precision", "recall", "f1")
    right, wrong, missed = table.sum(axis=0).astype(int).tolist()
    return {
        **dict(zip(measures, _rates(table.sum(axis=0, keepdims=True))[0].round(6).tolist(), strict=True)),
        "ci": {name: [round(float(low[at]), 6), round(float(high[at]), 6)] for at, name in enumerate(measures)},
        "right": right,
        "wrong": wrong,
        "missed": missed,
    }


def count_matches(found: Sequence[Found], question: Question, names: Sequence[str]) -> tuple[int, int, int]:
    """Return how many mentions of a question are right, wrong and missed."""
    left = list(question.mentions)
    right = 0
    for start, end, entity in found:
        gold = next((m for m in left if m.entity == names[entity] and m.start < end and start < m.end), None)
        if gold is not None:
            left.remove(gold)
            right += 1
    return right, len(found) - right, len(left)


def _rates(sums: Floats) -> Floats:
    """(n, 3) precision, recall and F1 of (n, 3) sums of right, wrong and missed."""
    right, wrong, missed = sums.T
    whole = np.stack([right + wrong, right + missed, right + (wrong + missed) / 2])
    rates: Floats = np.divide(right, whole, out=np.zeros_like(whole), where=whole > 0).T
    return rates


def is_gold_mention(candidate: Candidate, question: Question, names: Sequence[str]) -> bool:
    """Whether a candidate overlaps a gold mention of its entity."""
    return any(
        gold.entity == names[candidate.entity] and gold.start < candidate.end and candidate.start < gold.end
        for gold in question.mentions
    )


def calibration(
    linker: Linker, questions: Sequence[Question], vectors: Sequence[Vectors | None], names: Sequence[str]
) -> dict[str, Any]:
    """Return the expected calibration error of all candidates' probabilities, in ten bins of equal width."""
    seen = [
        (candidate.probability, is_gold_mention(candidate, question, names))
        for question, vector in zip(questions, vectors, strict=True)
        for candidate in linker.link(question.text, vector).candidates
    ]
    table = np.array(seen, np.float64).reshape(len(seen), 2)
    place = np.minimum((table[:, 0] * BINS).astype(int), BINS - 1)
    error, bins = 0.0, []
    for at in range(BINS):
        inside = table[place == at]
        said, true = inside.mean(axis=0).tolist() if len(inside) else (0.0, 0.0)
        error += len(inside) / max(len(table), 1) * abs(said - true)
        bins.append({"candidates": len(inside), "probability": round(said, 6), "meant": round(true, 6)})
    return {"error": round(error, 6), "candidates": len(table), "bins": bins}


def _latency(linker: Linker, questions: Sequence[Question], vectors: Sequence[Vectors | None]) -> dict[str, float]:
    """Return the milliseconds per question, given its vector and with empty caches."""
    linker.link(questions[0].text, vectors[0])
    spent = [
        _seconds(partial(linker.link, question.text, vector))
        for question, vector in zip(questions, vectors, strict=True)
    ]
    p50, p99 = np.percentile(spent, [50, 99]).tolist()
    return {"p50": round(p50 * 1000, 4), "p99": round(p99 * 1000, 4)}


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _folder(path: Path) -> Path:
    """Return a folder by path, or by name under $CLEW_DATA."""
    found = path if path.is_dir() else data_home() / path
    if not found.is_dir():
        raise NotFoundError(
            f"{path}: no such folder, neither here nor under {data_home()}", "check the path, or set CLEW_DATA"
        )
    return found.resolve()
