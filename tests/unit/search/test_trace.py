"""What a trace keeps, and that only StageUnavailable is forgiven."""

from __future__ import annotations

import pytest

from clew.core.errors import QueryError, StageUnavailable
from clew.core.types import Deadline
from clew.search.trace import Trace


def test_a_stage_that_cannot_answer_is_named_and_timed() -> None:
    trace = Trace(Deadline())
    with trace.stage("graph"):
        raise StageUnavailable("no server")
    assert [(lost.stage, lost.reason) for lost in trace.degraded] == [("graph", "no server")]
    assert trace.timings_ms["graph"] >= 0


def test_any_other_error_surfaces() -> None:
    trace = Trace(Deadline())
    with pytest.raises(QueryError), trace.stage("bm25"):
        raise QueryError("k is 0")
    assert trace.degraded == []


def test_times_of_the_same_stage_add_up() -> None:
    trace = Trace(Deadline())
    for _ in range(2):
        with trace.mandatory("fusion"):
            pass
    assert list(trace.timings_ms) == ["fusion"]


def test_coverage_is_the_share_of_shards_that_answered() -> None:
    trace = Trace(Deadline())
    assert trace.coverage == 1.0
    trace.answered, trace.asked = 3, 4
    assert trace.coverage == 0.75


def test_whole_is_what_left_nothing_out() -> None:
    trace = Trace(Deadline())
    trace.check_complete()
    trace.partial.append("dense")
    with pytest.raises(StageUnavailable, match="dense: not every shard answered"):
        trace.check_complete()
    with trace.stage("graph"):
        raise StageUnavailable("no server")
    with pytest.raises(StageUnavailable, match="graph: no server"):
        trace.check_complete()
