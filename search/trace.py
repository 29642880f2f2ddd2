"""Trace one search: its deadline, the time of each stage, and the stages that were left out.

This is the only place that handles degradation: a stage that raises StageUnavailable is left out and reported. Any
other exception is a bug and is not caught.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from clew.core.errors import StageUnavailable
from clew.core.types import Deadline, Floats
from clew.search.types import Degradation, GraphUse


@dataclass(slots=True)
class Trace:
    """The record of one search.

    partial: sources of which not every shard answered. gate_features: (clew.search.gate.FEATURES,) float64, the
    features that the gate decided by; None if the gate did not decide.
    """

    deadline: Deadline
    timings_ms: dict[str, float] = field(default_factory=dict)
    degraded: list[Degradation] = field(default_factory=list)
    partial: list[str] = field(default_factory=list)
    answered: int = 0
    asked: int = 0
    graph: GraphUse | None = None
    gate_features: Floats | None = None

    @contextmanager
    def mandatory(self, name: str) -> Iterator[None]:
        """Time a mandatory stage; its errors are raised."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.timings_ms[name] = self.timings_ms.get(name, 0.0) + (time.perf_counter() - start) * 1000

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage; if it cannot answer, record that and continue."""
        with self.mandatory(name):
            try:
                yield
            except StageUnavailable as reason:
                self.degraded.append(Degradation(name, reason.message))

    def check_complete(self) -> None:
        """Check that every stage answered in full.

        Raises StageUnavailable that names a stage that was left out or did not cover every shard.
        """
        if self.degraded:
            raise StageUnavailable(f"{self.degraded[0].stage}: {self.degraded[0].reason}")
        if self.partial:
            raise StageUnavailable(f"{self.partial[0]}: not every shard answered")

    @property
    def coverage(self) -> float:
        """Return the share of the shards asked that answered."""
        return self.answered / self.asked if self.asked else 1.0
