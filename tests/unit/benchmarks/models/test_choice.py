"""Figures in, a choice out: every row of the table below is one situation."""

from __future__ import annotations

import numpy as np
import pytest

from clew.benchmarks.models.choice import Budget, Row, difference, interval_of, mean_of, suggestion
from clew.core.errors import UsageError

SPREAD = np.linspace(-0.1, 0.1, 41)


def values(mean):
    return {"set": {f"q{at}": mean + float(off) for at, off in enumerate(SPREAD)}}


def row(name, quality, ms, mb=100.0, runtime="onnxruntime", role="encoder"):
    return Row(role, name, runtime, "fp32", 8, 50.0, mb, ms, 100.0, values(quality))


SMALL = row("small", 0.500, 2.0, 60.0)
NEAR = row("near", 0.5955, 8.0)
BEST = row("best", 0.600, 20.0)
SLOW = row("slow", 0.700, 90.0, 400.0)
TORCH = row("torch", 0.900, 1.0, 50.0, "torch")


@pytest.mark.parametrize(
    ("rows", "budget", "chosen", "why"),
    [
        # Without a budget the best counts; nothing faster is near enough to it.
        ([SMALL, NEAR, BEST, SLOW], Budget(), "slow", "the best of 4; no faster one"),
        # Within 20 ms, the bound itself included, the best is `best`; `near` is .0045 lower and faster.
        ([SMALL, NEAR, BEST, SLOW], Budget(ms=20), "near", "2.5 times as fast as best, the best of 3 within 20 ms"),
        ([SMALL, BEST, SLOW], Budget(ms=20), "best", "the best of 2 within 20 ms; no faster one"),
        ([SMALL, BEST, SLOW], Budget(ms=19), "small", "the best of 1 within 19 ms; it is the only one"),
        # Memory counts by itself.
        ([SMALL, NEAR, BEST, SLOW], Budget(mb=60), "small", "within 60 MB"),
        ([SMALL, NEAR, BEST, SLOW], Budget(ms=100, mb=200), "near", "within 100 ms and 200 MB"),
        ([NEAR, BEST, SLOW], Budget(ms=5), None, "none of 3 fits 5 ms: the fastest takes 8 ms, the smallest 100 MB"),
        # .006 lower is too much lower, .005 is not, whatever comes first.
        ([row("a", 0.594, 1.0), BEST], Budget(), "best", "no faster one comes within .005"),
        ([row("a", 0.5951, 1.0), BEST], Budget(), "a", "20.0 times as fast"),
        ([BEST, row("a", 0.5951, 1.0)], Budget(), "a", "20.0 times as fast"),
        # Of equals in quality the faster is the best one already.
        ([BEST, row("twin", 0.600, 5.0)], Budget(), "twin", "the best of 2"),
        # A search never uses torch.
        ([TORCH, SMALL], Budget(), "small", "it is the only one"),
        ([TORCH], Budget(), None, "add onnxruntime"),
        ([row("both", 0.9, 1.0, runtime="torch"), SMALL], Budget(), "small", "it is the only one"),
        # A reranker has a time of its own.
        ([row("r", 0.6, 300.0, role="reranker")], Budget(ms=20), "r", "the best of 1; it is the only one"),
        ([row("r", 0.6, 300.0, role="reranker")], Budget(rerank_ms=200), None, "none of 1 fits 200 ms"),
    ],
)
def test_the_suggestion(rows, budget, chosen, why):
    found = suggestion(rows, budget)
    assert (found.row.name if found.row else None) == chosen
    assert why in found.why


def test_a_suggestion_below_the_best_says_by_how_much():
    found = suggestion([SMALL, NEAR, BEST], Budget())
    assert found.row is NEAR
    # Every query differs by as much, so the interval is a point.
    assert (found.difference.mean, found.difference.low, found.difference.high) == pytest.approx((-0.0045,) * 3)
    assert "-0.0045 [-0.0045, -0.0045] from it" in found.why
    assert suggestion([SMALL, BEST], Budget()).difference is None


def test_every_data_set_has_the_same_say():
    first = {"large": dict.fromkeys(map(str, range(90)), 0.2), "small": {"q": 0.8}}
    second = {"large": dict.fromkeys(map(str, range(90)), 0.4), "small": {"q": 0.7}}
    assert mean_of(first) == pytest.approx(0.5)
    assert interval_of(first) == pytest.approx((0.5, 0.5))
    assert difference(second, first).mean == pytest.approx((0.2 - 0.1) / 2)
    with pytest.raises(KeyError):
        difference({"large": first["large"]}, first)


@pytest.mark.parametrize("budget", [{"ms": 0}, {"rerank_ms": -1}, {"mb": float("nan")}])
def test_a_budget_of_nothing_is_refused(budget):
    with pytest.raises(UsageError, match=r"--(rerank-)?budget-m[sb] is"):
        Budget(**budget)
