"""What happens to one search on its way: its deadline, the time of each stage, and what was left out.

The one place that decides about degradation: a stage that raises StageUnavailable is left out and named. Any other
exception is a bug and surfaces.
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
    """What happened to one search on its way.

    partial: sources of which not every shard answered. gate_features: (clew.search.gate.FEATURES,) float64, what the
    gate decided on; None where it was not asked.
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
    def needed(self, name: str) -> Iterator[None]:
        """Time a stage without which there is no answer."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.timings_ms[name] = self.timings_ms.get(name, 0.0) + (time.perf_counter() - start) * 1000

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage; where it cannot answer, say so and go on."""
        with self.needed(name):
            try:
                yield
            except StageUnavailable as reason:
                self.degraded.append(Degradation(name, reason.message))

    def check_whole(self) -> None:
        """Raises StageUnavailable that names the stage where one was left out, or did not cover every shard."""
        if self.degraded:
            raise StageUnavailable(f"{self.degraded[0].stage}: {self.degraded[0].reason}")
        if self.partial:
            raise StageUnavailable(f"{self.partial[0]}: not every shard answered")

    @property
    def coverage(self) -> float:
        """Share of the asked shards that answered."""
        return self.answered / self.asked if self.asked else 1.0
