"""Compare encoders and rerankers on dev queries: quality, speed and memory, and a suggestion for a budget.

Models are never chosen on test queries. `quality` and `cost` measure a model, and `choice` chooses one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from clew.benchmarks.data.datasets import Dataset
from clew.benchmarks.models.choice import (
    ROLES,
    Budget,
    ModelRole,
    Row,
    Suggestion,
    Values,
    mean_of,
    suggestion,
)
from clew.benchmarks.models.cost import (
    Speed,
    TimingTexts,
    disk_bytes,
    encoder_round,
    median_speeds,
    memory_bytes,
    scorer_round,
    timing_texts,
)
from clew.benchmarks.models.model_pool import ModelPool
from clew.benchmarks.models.quality import Lists, Sample, dense_values, initial_values, lists, reranked_values, sample
from clew.benchmarks.relevance.options import Options as RelevanceOptions
from clew.core.errors import UsageError, unknown_name
from clew.models.cached import EmbeddingCache
from clew.models.passage import embedded_text
from clew.models.runtimes import RUNTIMES
from clew.search.identical_ids import IdenticalIds

ONNX = "onnxruntime"
TEST = "test"
_MB = 1_000_000

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Options:
    """Which models are compared, and on which data.

    encoders, rerankers: names of models; the others are compared with the first of their role.
    runtimes: the runtimes that each model is measured in. queries: maximum number of judged queries of a data set;
    documents: number of documents that an encoder ranks in addition to the judged ones; both are drawn by the seed.
    lists: the system whose first documents are reranked. gains, allow_unknown, identical_ids: as in
    `clew.benchmarks.relevance.options.Options`. Raises UsageError for options that do not make sense.
    """

    encoders: tuple[str, ...] = ()
    rerankers: tuple[str, ...] = ()
    runtimes: tuple[str, ...] = (ONNX,)
    split: str = "dev"
    queries: int = 200
    documents: int = 2_000
    lists: str = "bm25"
    rounds: int = 3
    gains: tuple[str, ...] | None = None
    allow_unknown: bool = False
    identical_ids: IdenticalIds = "auto"
    seed: int = 0
    budget: Budget = field(default_factory=Budget)

    def __post_init__(self) -> None:
        if not self.encoders and not self.rerankers:
            raise UsageError("no models to compare", "give models: --encoders default,my-encoder")
        if self.split == TEST:
            raise UsageError(
                f"split is {TEST!r}, but models are chosen on dev: after a choice on test, test results are biased",
                "omit --split; `clew bench relevance` measures the chosen model on test",
            )
        for runtime in self.runtimes:
            if runtime not in RUNTIMES:
                raise unknown_name(RUNTIMES.kind, runtime, RUNTIMES)
        if not self.runtimes:
            raise UsageError("no runtime is given", f"known: {', '.join(RUNTIMES)}")
        least = {"queries": (self.queries, 1), "documents": (self.documents, 0), "rounds": (self.rounds, 1)}
        for name, (value, lowest) in least.items():
            if value < lowest:
                raise UsageError(f"{name} is {value}", f"give {lowest} or more")

    @property
    def relevance_options(self) -> RelevanceOptions:
        """Return the options with which judgements are read and lists are made."""
        return RelevanceOptions(
            systems=(self.lists,),
            baseline=self.lists,
            split=self.split,
            gains=self.gains,
            sample=self.queries,
            seed=self.seed,
            allow_unknown=self.allow_unknown,
            identical_ids=self.identical_ids,
        )


@dataclass(frozen=True, slots=True)
class SetFacts:
    """The size of what was measured on a data set.

    documents: number of documents that encoders rank, of `of` in the data set; both 0 without an encoder. listed:
    nDCG@10 of the lists in the order in which they were found; None without a reranker.
    """

    queries: int
    documents: int
    of: int
    listed: float | None


@dataclass(frozen=True, slots=True)
class ModelComparison:
    """The compared models. sets: name → facts. rows: encoders first, each role in the order given."""

    options: Options
    sets: Mapping[str, SetFacts]
    rows: tuple[Row, ...]
    suggestions: Mapping[ModelRole, Suggestion]
    signature: Mapping[str, Any]

    def of(self, role: ModelRole) -> list[Row]:
        """Return the rows of one role."""
        return [row for row in self.rows if row.role == role]


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A model in a runtime. asked: the runtime that was asked for; runtime: the one that the model reports."""

    role: ModelRole
    name: str
    requested_runtime: str
    runtime: str
    fingerprint: str
    dim: int


def measure(datasets: Sequence[Dataset], home: Path, options: Options, say: Say) -> ModelComparison:
    """Load every model, then measure quality, speed and memory of each.

    home: the folder of the models; its bench/ holds indexes and cached vectors. say: called with messages of progress.
    Raises UsageError if two data sets have the same name, what loading a model raises, and DataError if the judgements
    do not fit the data set.
    """
    names = [dataset.name for dataset in datasets]
    if twice := {name for name in names if names.count(name) > 1}:
        raise UsageError(f"two data sets are named {min(twice)!r}", "results are listed by folder name: rename one")
    with _model_pool(home) as pool:
        candidates = _candidates(pool, options, say)
        samples = (
            [sample(each, options.relevance_options, options.documents) for each in datasets]
            if options.encoders
            else []
        )
        found = [_lists(each, home, options, say) for each in datasets] if options.rerankers else []
        quality = _Quality(pool, samples, found, say)
        values = {
            candidate: quality.values(candidate.role, candidate.name, candidate.requested_runtime)
            for candidate in candidates
        }
        timing = timing_texts([_texts(each) for each in (samples or found)])
        speeds = _speeds(pool, candidates, timing, options.rounds, say)
        rows = tuple(_row(each, home, timing, values[each], speeds[each], say) for each in candidates)
    by_role = {role: [row for row in rows if row.role == role] for role in ROLES}
    return ModelComparison(
        options=options,
        sets=_facts(names, samples, found),
        rows=rows,
        suggestions={role: suggestion(own, options.budget, options.seed) for role, own in by_role.items() if own},
        signature={
            "sets": {dataset.name: dataset.signature for dataset in datasets},
            "models": {
                role: {each.name: each.fingerprint for each in candidates if each.role == role} for role in ROLES
            },
        },
    )


class _Quality:
    """The nDCG@10 of models on every data set; each is computed only once."""

    def __init__(self, pool: ModelPool, samples: Sequence[Sample], found: Sequence[Lists], say: Say) -> None:
        self._pool, self._samples, self._lists, self._say = pool, samples, found, say
        self._known: dict[tuple[ModelRole, str, str], Values] = {}

    def values(self, role: ModelRole, name: str, runtime: str) -> Values:
        """Return data set → query → nDCG@10."""
        key = (role, name, runtime)
        if key not in self._known:
            if role == "encoder":
                encoder = self._pool.cached_encoder(name, runtime)
                values = {each.name: dense_values(encoder, each) for each in self._samples}
            else:
                scorer = self._pool.cached_scorer(name, runtime)
                values = {each.name: reranked_values(scorer, each) for each in self._lists}
            self._known[key] = values
            self._say(f"quality: {role} {name} ({runtime}): nDCG@10 {mean_of(values):.4f}")
        return self._known[key]


@contextmanager
def _model_pool(home: Path) -> Iterator[ModelPool]:
    # Separate from the cache of builds, whose vectors are bit for bit those of a build's own batches.
    cache = EmbeddingCache(home / "bench" / "models.sqlite")
    try:
        yield ModelPool(home, cache)
    finally:
        cache.close()


def _candidates(pool: ModelPool, options: Options, say: Say) -> list[_Candidate]:
    """Return every model in every runtime, encoders first; a model that is the same in all runtimes comes once."""
    found: dict[tuple[ModelRole, str, str], _Candidate] = {}
    for role, names in zip(ROLES, (options.encoders, options.rerankers), strict=True):
        for name, runtime in product(dict.fromkeys(names), dict.fromkeys(options.runtimes)):
            say(f"loading {role} {name} ({runtime})")
            model = pool.encoder(name, runtime) if role == "encoder" else pool.scorer(name, runtime)
            candidate = _Candidate(role, name, runtime, model.runtime, model.fingerprint, getattr(model, "dim", 0))
            found.setdefault((role, name, model.runtime), candidate)
    return list(found.values())


def _lists(dataset: Dataset, home: Path, options: Options, say: Say) -> Lists:
    say(f"{dataset.name}: lists of {options.lists}")
    return lists(dataset, home / "bench", options.relevance_options)


def _texts(material: Sample | Lists) -> tuple[list[str], list[str]]:
    """Return the (queries, texts) that are timed."""
    queries = list(material.queries.values())
    if isinstance(material, Lists):
        return queries, [text for _, texts in material.found.values() for text in texts] or queries
    pairs = zip(material.titles, material.bodies, strict=True)
    return queries, [embedded_text(title, body) for title, body in pairs]


def _speeds(
    pool: ModelPool, candidates: Sequence[_Candidate], timing: TimingTexts, rounds: int, say: Say
) -> dict[_Candidate, Speed]:
    cases: dict[_Candidate, Callable[[], Speed]] = {}
    for candidate in candidates:
        if candidate.role == "encoder":
            cases[candidate] = partial(encoder_round, pool.encoder(candidate.name, candidate.requested_runtime), timing)
        else:
            cases[candidate] = partial(scorer_round, pool.scorer(candidate.name, candidate.requested_runtime), timing)
    return median_speeds(cases, rounds, say)


def _row(
    candidate: _Candidate,
    home: Path,
    timing: TimingTexts,
    values: Values,
    speed: Speed,
    say: Say,
) -> Row:
    say(f"memory: {candidate.role} {candidate.name} ({candidate.requested_runtime})")
    what = (candidate.role, candidate.name, home, candidate.requested_runtime)
    runtime, precision = split_runtime(candidate.runtime)
    return Row(
        role=candidate.role,
        name=candidate.name,
        runtime=runtime,
        precision=precision,
        dim=candidate.dim,
        disk_mb=disk_bytes(*what) / _MB,
        memory_mb=memory_bytes(*what, timing) / _MB,
        ms=speed.ms,
        per_second=speed.per_second,
        values=values,
    )


def split_runtime(runtime: str) -> tuple[str, str]:
    """Return the runtime and the precision that a name such as "onnxruntime-fp32" consists of.

    A name without a precision, such as "python", has an empty one.
    """
    name, _, precision = runtime.partition("-")
    return name, precision


def _facts(names: Sequence[str], samples: Sequence[Sample], found: Sequence[Lists]) -> dict[str, SetFacts]:
    facts = {}
    for at, name in enumerate(names):
        queries = (samples or found)[at].queries
        documents, of = (len(samples[at].documents), samples[at].of) if samples else (0, 0)
        listed = mean_of({name: initial_values(found[at])}) if found else None
        facts[name] = SetFacts(len(queries), documents, of, listed)
    return facts
