"""Fusion weights learned on dev queries: one weight a source, shrunk towards what the index uses now.

An index with a graph learns more (`clew.benchmarks.graph_learn`): which relations questions ask for, the graph's weight
beside the others, and when it is used at all; on train and dev queries.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clew.core.errors import DataError, NotFoundError
from clew.core.measures.evaluation import judged_queries
from clew.core.measures.gains import gained
from clew.core.measures.runs import Qrels
from clew.core.progress import Progress
from clew.models.store import kept_path

if TYPE_CHECKING:
    from clew.benchmarks.graph_learn import Learned
    from clew.benchmarks.rerank_learn import RerankTuned
    from clew.core.measures.judged import JudgedQueries
    from clew.search.fusion import FusionSpec, Judged
    from clew.search.pipeline import Searcher

TRAIN, DEV = "train", "dev"
GRAPH = "graph"
DEPTH = 100
# One weight a source is settled long before a thousand queries; more only cost time.
MOST_QUERIES = 1_000


@dataclass(frozen=True, slots=True)
class Options:
    """How to read the judgements, as in `clew.benchmarks.relevance.Options`."""

    gains: tuple[str, ...] | None = None
    judged_only: bool = False
    allow_unknown: bool = False
    model: str = "default"
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Tuned:
    """What tuning found: the fusion before and after, and mean nDCG@10 of both on the dev queries learned from.

    graph: what else an index with a graph learned, None for another; the measures are then those of whole searches.
    rerank: the calibration that an index with a reranker learned; the measures are those before reranking.
    """

    before: FusionSpec
    after: FusionSpec
    ndcg_before: float
    ndcg_after: float
    queries: int
    graph: GraphTuned | None = None
    rerank: RerankTuned | None = None

    def as_dict(self) -> dict[str, Any]:
        """The same as plain data, the words of relations counted; without what the index has no part for."""
        table = asdict(replace(self, graph=None))
        if self.rerank is None:
            del table["rerank"]
        del table["graph"]
        return table | ({"graph": self.graph.as_dict()} if self.graph else {})


@dataclass(frozen=True, slots=True)
class GraphTuned:
    """What an index's graph learned, as a release keeps it.

    questions: how many showed which relation answers them. decided: how many the graph helped or hurt, on which the
    gate was learned.
    """

    relations: Mapping[str, Any]
    gate: Mapping[str, Any]
    questions: int
    decided: int

    @classmethod
    def of(cls, found: Learned) -> GraphTuned:
        """From what was learned."""
        decided = sum(gain != 0 for _, gain in found.examples)
        return cls(**found.as_table(), questions=found.relations.questions, decided=decided)

    @property
    def steps(self) -> int:
        """How many relations, each way counted by itself, have words of their own."""
        return len(self.relations.get("words", {}))

    def as_dict(self) -> dict[str, Any]:
        """For people and programs: the gate in full, the relations counted."""
        return {"questions": self.questions, "steps": self.steps, "decided": self.decided, "gate": dict(self.gate)}


def tune(
    searcher: Searcher,
    queries: Mapping[str, str],
    qrels: Qrels,
    *,
    depth: int = DEPTH,
    sources: tuple[str, ...] | None = None,
    judged_only: bool = False,
    most: int = MOST_QUERIES,
    seed: int = 0,
    progress: Progress | None = None,
) -> Tuned:
    """Learn on judged queries (qrels hold integer gains; at most `most` of them, drawn by `seed`).

    judged_only: each query's judged documents are its only candidates. Raises DataError without a judged query.
    """
    from clew.search.fusion import FUSIONS, learn, ndcg

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
    from clew.search.fusion import Judged

    pool = searcher.pool(query, depth, sources=sources, among=among)
    gains = np.array([judged.get(name, 0) for name in searcher.store.ids(pool.documents)], np.float64)
    return Judged(pool.found, gains, sorted((float(gain) for gain in judged.values()), reverse=True))


def tune_folder(
    path: Path, home: Path, options: Options, progress: Progress | None = None, *, models: Path | None = None
) -> Tuned:
    """Learn on the dev split of a data set, with the index that benchmarks of it use.

    home: where indexes are kept. models: home of the models (None: the same).
    """
    from clew.benchmarks.datasets import open_dataset
    from clew.benchmarks.index import ensure, open_built, varied

    dataset = open_dataset(path)
    table = varied(dataset.spec, model=kept_path(options.model, models or home))
    name = ensure(table, dataset.sources, dataset.base, home)
    return _tuned(open_built(home, name), dataset.judged, options, progress)


def tune_index(name: str, home: Path, judged: Path | None, options: Options, progress: Progress | None = None) -> Tuned:
    """Learn on the dev split of a folder of judged queries (None: the one of the index's spec), with a live index."""
    return _tuned(*open_judged(name, home, judged), options, progress)


def open_judged(name: str, home: Path, judged: Path | None) -> tuple[Searcher, JudgedQueries]:
    """A live index and the folder of its judged queries (None: the one its spec names). The caller closes the index.

    Raises NotFoundError where there is no such index or folder, or the spec names none.
    """
    from clew.core.measures.judged import open_queries
    from clew.search.assemble import open_index

    searcher = open_index(home, name)
    try:
        named = judged or (searcher.version.spec.get("quality") or {}).get("queries")
        if not named:
            raise NotFoundError(
                f"the spec of index {name!r} names no judged queries",
                "give them with --judged DIR (queries and qrels/)",
            )
        return searcher, open_queries(Path(named))
    except BaseException:
        searcher.close()
        raise


def publish_tuned(home: Path, name: str, tuned: Tuned) -> str:
    """Publish a release of the live version with learned weights and make it live; returns its id."""
    from clew.core.clock import now
    from clew.core.files import write_atomic
    from clew.core.lock import writing
    from clew.indexer.publish import existing, next_number, point_at
    from clew.search.versions import dumps

    folder = existing(home, name)
    what = "fusion weights, relations and gate" if tuned.graph else "fusion weights"
    what += " and the reranker's calibration" if tuned.rerank else ""
    with writing(folder.root):
        live = folder.read_release()
        learned = {**live.learned, "fusion": asdict(tuned.after)}
        if tuned.graph:
            learned |= {"relations": dict(tuned.graph.relations), "gate": dict(tuned.graph.gate)}
        # One that was learned on other fused scores does not hold any more.
        learned.pop("rerank", None)
        if tuned.rerank:
            learned["rerank"] = dict(tuned.rerank.after)
        release = replace(
            live,
            id=f"r{next_number(folder)}",
            created=now(),
            learned=learned,
            note=f"{what} learned on {tuned.queries} dev queries",
        )
        write_atomic(folder.release(release.id), dumps(release))
        point_at(folder, release.id)
    return release.id


def _tuned(searcher: Searcher, judged: JudgedQueries, options: Options, progress: Progress | None) -> Tuned:
    try:
        qrels = gained(dev_qrels(judged, allow_unknown=options.allow_unknown), options.gains)
        has_graph = searcher.knowledge is not None and not options.judged_only
        found = tune(
            searcher,
            judged.queries,
            qrels,
            # The graph's weight is learned together with its gate, on queries that use it.
            sources=tuple(name for name in searcher.sources if name != GRAPH) if has_graph else None,
            judged_only=options.judged_only,
            seed=options.seed,
            progress=progress,
        )
        tuned = replace(searcher, fusion=found.after)
        if has_graph:
            found, tuned = _with_graph(searcher, judged, qrels, found, options, progress)
        if searcher.reranker is not None:
            from clew.benchmarks.rerank_learn import learn_rerank

            calibration = learn_rerank(
                tuned, judged.queries, qrels, options.seed, progress, judged_only=options.judged_only
            )
            found = replace(found, rerank=calibration)
        return found
    finally:
        searcher.close()


def _with_graph(
    searcher: Searcher,
    judged: JudgedQueries,
    dev: Qrels,
    found: Tuned,
    options: Options,
    progress: Progress | None,
) -> tuple[Tuned, Searcher]:
    """What was learned of the other sources, and on top of it what the graph learns; a searcher that uses it."""
    from clew.benchmarks.graph_learn import Material, learned

    material = Material(judged.queries, dev, {}, options.seed)
    names = material.sampled(dev, MOST_QUERIES)
    if TRAIN in judged.splits:
        train = gained(judged.qrels(TRAIN, None, allow_unknown=options.allow_unknown), options.gains)
        material = replace(material, train=train, dev=dev)
    got = learned(replace(searcher, fusion=found.after), material, progress)
    tuned = got.applied(searcher)
    before, after = (_measured(each, judged.queries, dev, names) for each in (searcher, tuned))
    return replace(found, after=got.fusion, ndcg_before=before, ndcg_after=after, graph=GraphTuned.of(got)), tuned


def _measured(searcher: Searcher, queries: Mapping[str, str], qrels: Qrels, names: Sequence[str]) -> float:
    """Mean nDCG@10 of whole searches, the gate's decisions in them."""
    from clew.search.fusion import FUSIONS, ndcg

    join = FUSIONS[searcher.fusion.method]
    examples = [example(searcher, queries[name], qrels[name], DEPTH, None, None) for name in names]
    return float(np.mean([ndcg(join(each.found, searcher.fusion).sum(axis=0), each) for each in examples]))
