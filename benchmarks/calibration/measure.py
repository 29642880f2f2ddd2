"""Measure how far a reranker's probabilities can be trusted: calibration error, Brier score, and min_probability.

For an index its own calibration is measured. For a folder of judged data, a calibration is first learned on the dev
split; nothing is learned on the split that is measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clew.benchmarks.data.datasets import Dataset
from clew.benchmarks.relevance import systems
from clew.benchmarks.relevance.measure import (
    IndexIds,
    index_signature,
    judged_qrels,
    open_shared_index,
    reranker_signature,
    with_reranker,
)
from clew.benchmarks.relevance.options import Options
from clew.core.errors import UsageError
from clew.core.files import sha256_file
from clew.core.measures.gains import to_gains
from clew.core.progress import Progress
from clew.core.types import Bools, Floats, Ints
from clew.indexer.tuning.judged import DEV, dev_qrels, open_judged
from clew.indexer.tuning.rerank import RerankTuned, Scored, learn_rerank, scored
from clew.search.rerank.calibration import Calibration

if TYPE_CHECKING:
    from clew.core.measures.judged import JudgedQueries
    from clew.search.pipeline import Searcher

BINS = 15
THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
SYSTEM = "hybrid-rerank"


@dataclass(frozen=True, slots=True)
class Bin:
    """Pairs of a query and a document whose probability is between low and high (0 to 1).

    pairs: their number. probability: their mean probability. relevant: the share of them that is relevant, 0 to 1.
    """

    low: float
    high: float
    pairs: int
    probability: float
    relevant: float


@dataclass(frozen=True, slots=True)
class NothingGood:
    """How often a min_probability leaves a query without hits, rightly or wrongly.

    right: share of the `without_relevant` queries, whose relevant documents were removed from the candidates, that get
    no hit. wrong: share of the `with_relevant` queries, which have a relevant candidate, that get no hit. Both are None
    if there is no such query.
    """

    threshold: float
    right: float | None
    wrong: float | None
    without_relevant: int
    with_relevant: int


@dataclass(frozen=True, slots=True)
class Reliability:
    """Probabilities compared with judgements.

    pairs, relevant: number of pairs, and of relevant pairs. brier: mean squared error (Brier 1950); base_brier: the
    same for always predicting the share of relevant pairs. width, mass: bins of equal width, and of equal numbers of
    pairs; width_error, mass_error: expected calibration error over these bins (Guo et al. 2017). All 0 to 1.
    """

    pairs: int
    relevant: int
    brier: float
    base_brier: float
    width_error: float
    mass_error: float
    width: tuple[Bin, ...]
    mass: tuple[Bin, ...]
    nothing_good: tuple[NothingGood, ...]


@dataclass(frozen=True, slots=True)
class CalibrationResult:
    """Result for one index or data set.

    learned: what the calibration of a folder was learned on; None for an index, which has a calibration.
    """

    name: str
    options: Options
    calibration: Mapping[str, Any]
    queries: int
    reliability: Reliability
    learned: RerankTuned | None
    signature: Mapping[str, Any]


def options_for(
    split: str = "test",
    *,
    gains: tuple[str, ...] | None = None,
    sample: int | None = None,
    seed: int = 0,
    allow_unknown: bool = False,
    model: str = "default",
    rebuild: bool = False,
    reranker: str = "default",
) -> Options:
    """Return the options of a relevance run for the one system that is measured. Raises UsageError for split "dev"."""
    if split == DEV:
        raise UsageError(
            f"split is {DEV!r}, which is used for learning calibrations", "measure another split: --split test"
        )
    return Options(
        systems=(SYSTEM,),
        baseline=SYSTEM,
        split=split,
        gains=gains,
        sample=sample,
        seed=seed,
        allow_unknown=allow_unknown,
        model=model,
        rebuild=rebuild,
        reranker=reranker,
    )


def measure_folder(
    dataset: Dataset, home: Path, options: Options, progress: Progress | None = None, *, models: Path | None = None
) -> CalibrationResult:
    """Learn a calibration on a data set's dev split, then measure it on the split of the options.

    home: where indexes are stored. models: home of the models (None: `home`). Raises NotFoundError if there is no dev
    split or no such model, DataError if nothing can be learned from the dev candidates or the judgements do not fit.
    """
    integers = options.gains is not None
    dev = to_gains(dev_qrels(dataset.judged, allow_unknown=options.allow_unknown, integers=integers), options.gains)
    group = {SYSTEM: systems.load(SYSTEM)}
    searcher = with_reranker(open_shared_index(dataset, home, group, options, models), group, options, models or home)
    try:
        learned = learn_rerank(
            searcher, dataset.judged.queries, dev, options.seed, progress, identical_ids=options.identical_ids
        )
        found = Calibration.of_table(learned.after)
        return _measured(dataset.name, searcher, dataset.judged, found, options, learned, progress, dataset.signature)
    finally:
        searcher.close()


def measure_index(
    name: str, home: Path, judged: Path | None, options: Options, progress: Progress | None = None
) -> CalibrationResult:
    """Measure the calibration of a live index.

    judged: BEIR folder with judged queries (None: the one named in the index's spec). An index without a reranker is
    measured with the reranker of the options and that model's own calibration. Raises NotFoundError if one of these
    does not exist.
    """
    searcher, queries = open_judged(name, home, judged)
    group = {SYSTEM: systems.load(SYSTEM)}
    searcher = with_reranker(searcher, group, options, home)
    try:
        assert searcher.reranker is not None  # noqa: S101 - `with_reranker` saw to it
        files = {file.name: sha256_file(file) for file in (queries.queries_file, *queries.splits.values())}
        return _measured(name, searcher, queries, searcher.reranker.calibration, options, None, progress, files)
    finally:
        searcher.close()


def _measured(
    name: str,
    searcher: Searcher,
    judged: JudgedQueries,
    calibration: Calibration,
    options: Options,
    learned: RerankTuned | None,
    progress: Progress | None,
    files: Mapping[str, str],
) -> CalibrationResult:
    assert searcher.reranker is not None  # noqa: S101 - the callers saw to it
    qrels = judged_qrels(judged, IndexIds(searcher), options)
    found = scored(
        searcher, judged.queries, qrels, options.seed, progress, most=None, identical_ids=options.identical_ids
    )
    return CalibrationResult(
        name,
        options,
        calibration.as_table(),
        found.queries,
        reliability(found, calibration),
        learned,
        {
            "files": dict(files),
            "index": index_signature(searcher),
            "reranker": reranker_signature(searcher.reranker),
            "options": asdict(options),
        },
    )


def reliability(found: Scored, calibration: Calibration) -> Reliability:
    """Compare the probabilities that a calibration gives to scored pairs with their judgements."""
    probabilities = calibration.probability(found.log_odds(calibration))
    relevant, share = found.relevant, float(np.mean(found.relevant)) if len(found.relevant) else 0.0
    width, mass = equal_width(probabilities, relevant), equal_mass(probabilities, relevant)
    return Reliability(
        pairs=len(relevant),
        relevant=int(np.count_nonzero(relevant)),
        brier=float(np.mean((probabilities - relevant) ** 2)) if len(relevant) else 0.0,
        base_brier=share * (1 - share),
        width_error=expected_error(width),
        mass_error=expected_error(mass),
        width=width,
        mass=mass,
        nothing_good=tuple(nothing_good(probabilities, relevant, found.query, at) for at in THRESHOLDS),
    )


def equal_width(probabilities: Floats, relevant: Bools, bins: int = BINS) -> tuple[Bin, ...]:
    """Return bins of equal width from 0 to 1, without empty ones.

    probabilities: (n,) float64, 0 to 1. relevant: (n,) bool.
    """
    return _binned(probabilities, relevant, np.linspace(0.0, 1.0, bins + 1))


def equal_mass(probabilities: Floats, relevant: Bools, bins: int = BINS) -> tuple[Bin, ...]:
    """Return bins of equal numbers of pairs, as far as ties allow: equal probabilities share a bin.

    probabilities: (n,) float64, 0 to 1. relevant: (n,) bool.
    """
    if not len(probabilities):
        return ()
    return _binned(probabilities, relevant, np.unique(np.quantile(probabilities, np.linspace(0.0, 1.0, bins + 1))))


def _binned(probabilities: Floats, relevant: Bools, edges: Floats) -> tuple[Bin, ...]:
    last = max(len(edges) - 2, 0)
    places = np.clip(np.searchsorted(edges, probabilities, side="right") - 1, 0, last)
    found = []
    for at in range(last + 1):
        inside = places == at
        if inside.any():
            low, high = float(edges[at]), float(edges[min(at + 1, len(edges) - 1)])
            mean, share = float(probabilities[inside].mean()), float(relevant[inside].mean())
            found.append(Bin(low, high, int(np.count_nonzero(inside)), mean, share))
    return tuple(found)


def expected_error(bins: tuple[Bin, ...]) -> float:
    """Return the expected calibration error: the mean over pairs of |mean probability - share relevant| of their bins.

    Source: Guo et al. 2017.
    """
    pairs = sum(each.pairs for each in bins)
    return sum(each.pairs * abs(each.probability - each.relevant) for each in bins) / pairs if pairs else 0.0


def nothing_good(probabilities: Floats, relevant: Bools, query: Ints, threshold: float) -> NothingGood:
    """Return how often a threshold leaves queries without hits, rightly and wrongly.

    probabilities: (n,) float64. relevant: (n,) bool. query: (n,) int64, the query of each pair. threshold: 0 to 1. A
    query whose candidates are all relevant does not count among `without_relevant`.
    """
    reached = set(query[relevant & ~(probabilities < threshold)].tolist())
    reached_by_others = set(query[~relevant & ~(probabilities < threshold)].tolist())
    with_relevant, with_others = set(query[relevant].tolist()), set(query[~relevant].tolist())
    wrong = len(with_relevant - reached - reached_by_others)
    return NothingGood(
        threshold,
        right=len(with_others - reached_by_others) / len(with_others) if with_others else None,
        wrong=wrong / len(with_relevant) if with_relevant else None,
        without_relevant=len(with_others),
        with_relevant=len(with_relevant),
    )
