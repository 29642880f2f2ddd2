"""Fusion weights learned on dev queries: one weight a source, shrunk towards what the index uses now."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clew.core.errors import DataError, NotFoundError
from clew.core.measures.evaluation import judged_queries
from clew.core.measures.gains import gained
from clew.core.measures.runs import Qrels

if TYPE_CHECKING:
    from benchmarks.datasets import JudgedQueries
    from search.fusion import FusionSpec, Judged
    from search.pipeline import Searcher

DEV = "dev"
# One weight a source is settled long before a thousand queries; more only cost time.
MOST_QUERIES = 1_000


Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Options:
    """How to read the judgements, as in `benchmarks.relevance.Options`."""

    gains: tuple[str, ...] | None = None
    judged_only: bool = False
    allow_unknown: bool = False
    model: str = "default"
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Tuned:
    """What tuning found: the fusion before and after, and mean nDCG@10 of both on the queries learned from."""

    before: FusionSpec
    after: FusionSpec
    ndcg_before: float
    ndcg_after: float
    queries: int

    def as_dict(self) -> dict[str, Any]:
        """The same as plain data."""
        return asdict(self)


def tune(
    searcher: Searcher,
    queries: Mapping[str, str],
    qrels: Qrels,
    *,
    depth: int = 100,
    sources: tuple[str, ...] | None = None,
    judged_only: bool = False,
    most: int = MOST_QUERIES,
    seed: int = 0,
    progress: Progress | None = None,
) -> Tuned:
    """Learn on judged queries (qrels hold integer gains; at most `most` of them, drawn by `seed`).

    judged_only: each query's judged documents are its only candidates. Raises DataError without a judged query.
    """
    from search.fusion import FUSIONS, learn, ndcg

    names = judged_queries(qrels)
    if not names:
        raise DataError("no query to tune on has a relevant document", "check the split, and the gains if given")
    if len(names) > most:
        names = random.Random(seed).sample(names, most)  # noqa: S311 - a reproducible choice, no secret
    examples: list[Judged] = []
    for done, name in enumerate(names, 1):
        judged = qrels[name]
        among = list(judged) if judged_only else None
        pool_depth = max(depth, len(judged)) if judged_only else depth
        examples.append(example(searcher, queries[name], judged, pool_depth, sources, among))
        if progress:
            progress("tuning", done, len(names))
    before = searcher.fusion
    after = learn(examples, before)

    def mean(spec: FusionSpec) -> float:
        join = FUSIONS[spec.method]
        return float(np.mean([ndcg(join(example.found, spec).sum(axis=0), example) for example in examples]))

    return Tuned(before, after, mean(before), mean(after), len(examples))


def dev_qrels(judged: JudgedQueries, *, allow_unknown: bool = False) -> Qrels:
    """The dev judgements. Raises NotFoundError where there are none: nothing is ever tuned on test."""
    if DEV not in judged.splits:
        raise NotFoundError(
            f"{judged.folder} has no qrels/{DEV}.tsv, which fusion weights are learned on",
            "leave hybrid-tuned out, or split some queries off for dev; test queries are never tuned on",
        )
    # A judged document outside the index only lowers the best possible score; the measuring itself is strict.
    return judged.qrels(DEV, None, allow_unknown=allow_unknown)


def example(
    searcher: Searcher,
    query: str,
    judged: Mapping[str, int],
    depth: int,
    sources: tuple[str, ...] | None,
    among: list[str] | None,
) -> Judged:
    """One judged query to learn from: what the sources find for it, with the gain of each found document."""
    from search.fusion import Judged

    pool = searcher.pool(query, depth, sources=sources, among=among)
    gains = np.array([judged.get(name, 0) for name in searcher.store.ids(pool.documents)], np.float64)
    return Judged(pool.found, gains, sorted((float(gain) for gain in judged.values()), reverse=True))


def tune_folder(path: Path, home: Path, options: Options, progress: Progress | None = None) -> Tuned:
    """Learn on the dev split of a data set, with the index that benchmarks of it use."""
    from benchmarks.datasets import open_dataset
    from benchmarks.index import ensure, open_built, varied

    dataset = open_dataset(path)
    name = ensure(varied(dataset.spec, model=options.model), dataset.sources, dataset.base, home)
    return _tuned(open_built(home, name), dataset.judged, options, progress)


def tune_index(name: str, home: Path, judged: Path | None, options: Options, progress: Progress | None = None) -> Tuned:
    """Learn on the dev split of a folder of judged queries (None: the one of the index's spec), with a live index."""
    from benchmarks.datasets import open_queries
    from search.assemble import open_index

    searcher = open_index(home, name)
    named = judged or searcher.version.spec.get("quality", {}).get("queries")
    if not named:
        searcher.close()
        raise NotFoundError(
            f"the spec of index {name!r} names no judged queries", "give them with --judged DIR (queries and qrels/)"
        )
    return _tuned(searcher, open_queries(Path(named)), options, progress)


def publish_tuned(home: Path, name: str, tuned: Tuned) -> str:
    """Publish a release of the live version with learned weights and make it live; returns its id."""
    from clew.core.files import write_atomic
    from indexer.lock import writing
    from indexer.publish import existing, next_number, now, point_at
    from search.versions import dumps

    folder = existing(home, name)
    with writing(folder.root):
        live = folder.read_release()
        release = replace(
            live,
            id=f"r{next_number(folder)}",
            created=now(),
            learned={**live.learned, "fusion": asdict(tuned.after)},
            note=f"fusion weights learned on {tuned.queries} dev queries",
        )
        write_atomic(folder.release(release.id), dumps(release))
        point_at(folder, release.id)
    return release.id


def _tuned(searcher: Searcher, judged: JudgedQueries, options: Options, progress: Progress | None) -> Tuned:
    try:
        qrels = gained(dev_qrels(judged, allow_unknown=options.allow_unknown), options.gains)
        return tune(
            searcher,
            judged.queries,
            qrels,
            judged_only=options.judged_only,
            seed=options.seed,
            progress=progress,
        )
    finally:
        searcher.close()
