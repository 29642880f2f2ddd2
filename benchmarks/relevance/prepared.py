"""Prepare a searcher for a system: what the system learned on dev, how it uses the graph, and the shared reranker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from clew.benchmarks.relevance.pairs import SharedScorer
from clew.benchmarks.relevance.systems import System
from clew.core.measures.evaluation import judged_queries
from clew.core.measures.gains import to_gains
from clew.core.progress import Progress
from clew.indexer.tuning.judged import dev_qrels
from clew.indexer.tuning.rerank import learn_rerank
from clew.indexer.tuning.tune import Tuned, tune
from clew.search.rerank.calibration import Calibration

if TYPE_CHECKING:
    from clew.benchmarks.relevance.options import Options
    from clew.core.measures.judged import JudgedQueries
    from clew.search.pipeline import Searcher


def tune_systems(
    searcher: Searcher,
    judged: JudgedQueries,
    group: Mapping[str, System],
    options: Options,
    progress: Progress | None,
) -> dict[str, Tuned]:
    """Learn fusion weights, and calibrations, on dev for the tuned systems; those with the same sources share them."""
    systems_of: dict[tuple[str, ...], list[str]] = {}
    for name, system in group.items():
        if system.tuned:
            systems_of.setdefault(system.sources, []).append(name)
    found: dict[str, Tuned] = {}
    if not systems_of:
        return found  # and no dev split is needed
    integers = options.gains is not None
    qrels = to_gains(dev_qrels(judged, allow_unknown=options.allow_unknown, integers=integers), options.gains)
    queries, alone = judged.queries, options.judged_only
    for sources, names in systems_of.items():
        fusion = tune(
            searcher,
            queries,
            qrels,
            depth=options.depth,
            sources=sources,
            judged_only=alone,
            seed=options.seed,
            progress=progress,
            identical_ids=options.identical_ids,
        )
        found.update(dict.fromkeys(names, fusion))
        rerank = [name for name in names if group[name].rerank]
        asked = [queries[name] for name in judged_queries(qrels)]
        if rerank and searcher.reranker is not None and searcher.reranker.reads_any(asked):
            tuned = replace(searcher, fusion=fusion.after)
            calibration = learn_rerank(
                tuned,
                queries,
                qrels,
                options.seed,
                progress,
                depth=options.depth,
                judged_only=alone,
                identical_ids=options.identical_ids,
            )
            found.update(dict.fromkeys(rerank, replace(fusion, rerank=calibration)))
    return found


def system_searcher(
    searcher: Searcher, system: System, tuned: Tuned | None, known: dict[tuple[str, str], float]
) -> Searcher:
    """Return the searcher as a system uses it. known: cache of pair scores that the systems share."""
    found = with_graph_use(searcher, system.use)
    if not system.rerank or found.reranker is None:
        return found
    reranker = replace(found.reranker, scorer=SharedScorer(found.reranker.scorer, known))
    if tuned is not None and tuned.rerank is not None:
        reranker = replace(reranker, calibration=Calibration.of_table(tuned.rerank.after))
    if system.early_stop:
        reranker = replace(reranker, spec=replace(reranker.spec, early_stop=system.early_stop))
    return replace(found, reranker=reranker)


def with_graph_use(searcher: Searcher, use: Sequence[Literal["ranking", "terms"]]) -> Searcher:
    """Return the searcher with another way to use its graph, or unchanged if `use` is empty."""
    graph_retriever = searcher.graph_retriever
    if graph_retriever is None or not use:
        return searcher
    return replace(
        searcher, graph_retriever=replace(graph_retriever, spec=replace(graph_retriever.spec, use=list(use)))
    )
