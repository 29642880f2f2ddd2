"""Choose a model for a budget from measured figures. No model is loaded here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from clew.core.errors import UsageError
from clew.core.measures.significance import NON_INFERIOR_MEAN, interval_of_means
from clew.core.types import Floats

ModelRole = Literal["encoder", "reranker"]
ROLES: tuple[ModelRole, ...] = get_args(ModelRole)
Values = Mapping[str, Mapping[str, float]]
"""Data set → query → nDCG@10 (0 to 1)."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The limits for a model (infinity: no limit).

    ms: milliseconds for one query, for an encoder. rerank_ms: milliseconds for 50 pairs, for a reranker. mb: memory
    that loading and running it adds, in 10^6 bytes. Raises UsageError for a limit that is not above 0.
    """

    ms: float = float("inf")
    rerank_ms: float = float("inf")
    mb: float = float("inf")

    def __post_init__(self) -> None:
        named = {"--budget-ms": self.ms, "--rerank-budget-ms": self.rerank_ms, "--budget-mb": self.mb}
        for option, value in named.items():
            if not value > 0:
                raise UsageError(f"{option} is {value:g}", "give a number above 0, or omit the option for no limit")

    def ms_of(self, role: ModelRole) -> float:
        """Return the milliseconds that a model of this role may take."""
        return self.ms if role == "encoder" else self.rerank_ms

    def shown(self, role: ModelRole) -> str:
        """Return the budget in words; empty if there is no limit."""
        parts = {"ms": self.ms_of(role), "MB": self.mb}
        return " and ".join(f"{value:g} {unit}" for unit, value in parts.items() if value < float("inf"))


@dataclass(frozen=True, slots=True)
class Difference:
    """Mean nDCG@10 of one model minus that of another on the same queries; every data set has the same weight.

    low, high: its 95 % bootstrap interval; queries are resampled within each data set.
    """

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Row:
    """A model with its measured figures.

    name: as it was given. runtime, precision: such as "onnxruntime" and "fp32". dim: width of the vectors, 0 for a
    reranker. disk_mb: size of the files that are read; memory_mb: what loading and running adds to the peak memory of a
    process; both in 10^6 bytes. ms: median milliseconds for one query (an encoder) or for 50 pairs (a reranker).
    per_second: passages or pairs. values: nDCG@10 of every query.
    """

    role: ModelRole
    name: str
    runtime: str
    precision: str
    dim: int
    disk_mb: float
    memory_mb: float
    ms: float
    per_second: float
    values: Values

    @property
    def quality(self) -> float:
        """Return the mean over the data sets of the mean nDCG@10."""
        return mean_of(self.values)

    @property
    def usable_in_search(self) -> bool:
        """Whether builds and searches can use it in this runtime: they never use torch."""
        return self.runtime != "torch"


@dataclass(frozen=True, slots=True)
class Suggestion:
    """The suggested model (None if none fits) and the reason.

    difference: to the best model within the budget; None if it is that model.
    """

    row: Row | None
    difference: Difference | None
    why: str


def mean_of(values: Values) -> float:
    """Return the mean over the data sets of the mean over the queries of each."""
    return float(np.mean([np.mean(list(each.values())) for each in values.values()]))


def interval_of(values: Values, seed: int = 0) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of `mean_of`."""
    return interval_of_means([np.array(list(each.values())) for each in values.values()], seed)


def difference(values: Values, baseline: Values, seed: int = 0) -> Difference:
    """Return how much better one model is than another. Raises KeyError if `values` lacks a query of the baseline."""
    samples: list[Floats] = [
        np.array([values[name][query] - value for query, value in each.items()]) for name, each in baseline.items()
    ]
    return Difference(float(np.mean([sample.mean() for sample in samples])), *interval_of_means(samples, seed))


def suggestion(rows: Sequence[Row], budget: Budget, seed: int = 0) -> Suggestion:
    """Return the fastest row within the budget that is not inferior to the best row within it.

    rows: of one role. Not inferior means that the mean nDCG@10 is at most .005 lower. The interval of that difference
    is reported but not required, because on a sample of queries it is so wide that only the best row would pass. Rows
    in a runtime that searches do not use are left out.
    """
    usable = [row for row in rows if row.usable_in_search]
    if not usable:
        return Suggestion(
            None, None, "no model was measured in a runtime that searches use: add onnxruntime to --runtimes"
        )
    role = usable[0].role
    fit = [row for row in usable if row.ms <= budget.ms_of(role) and row.memory_mb <= budget.mb]
    if not fit:
        fastest, smallest = min(row.ms for row in usable), min(row.memory_mb for row in usable)
        why = f"none of {len(usable)} fits {budget.shown(role)}: the fastest takes {fastest:.3g} ms, "
        return Suggestion(None, None, f"{why}the smallest {smallest:.3g} MB")
    best = max(fit, key=lambda row: (row.quality, -row.ms))
    against = {id(row): difference(row.values, best.values, seed) for row in fit}
    equal = [row for row in fit if against[id(row)].mean >= NON_INFERIOR_MEAN]
    chosen = min(equal, key=lambda row: (row.ms, -row.quality))
    within = f" within {budget.shown(role)}" if budget.shown(role) else ""
    if chosen is best:
        others = "no faster one comes within .005 of it" if len(fit) > 1 else "it is the only one"
        return Suggestion(best, None, f"the best of {len(fit)}{within}; {others}")
    found = against[id(chosen)]
    return Suggestion(
        chosen,
        found,
        f"{best.ms / max(chosen.ms, 1e-9):.1f} times as fast as {best.name}, the best of {len(fit)}{within}, and "
        f"{found.mean:+.4f} [{found.low:+.4f}, {found.high:+.4f}] from it",
    )
