"""A replacement for a graph store that cannot be opened: searches run without the graph and report why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NoReturn

from clew.core.errors import StageUnavailable
from clew.core.types import Deadline
from clew.kg.types import Edge, EdgeTable, Entity, GraphCounts, Walk


class UnavailableStore:
    """A GraphStore that raises StageUnavailable with the same reason in every call."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    @property
    def problem(self) -> str:
        """See HealthReporting."""
        return self._reason

    def entities(self, ids: Sequence[str], deadline: Deadline) -> list[Entity | None]:  # noqa: ARG002
        """See GraphStore."""
        self._refuse()

    def neighbourhood(self, seeds: Sequence[str], walk: Walk, deadline: Deadline) -> EdgeTable:  # noqa: ARG002
        """See GraphStore."""
        self._refuse()

    def count(self, deadline: Deadline) -> GraphCounts:  # noqa: ARG002
        """See GraphStore."""
        self._refuse()

    def all_entities(self) -> Iterator[Entity]:
        """See GraphStore."""
        self._refuse()

    def all_edges(self) -> Iterator[Edge]:
        """See GraphStore."""
        self._refuse()

    def write(self, entities: Iterable[Entity], edges: Iterable[Edge]) -> None:  # noqa: ARG002
        """See GraphStore."""
        self._refuse()

    def close(self) -> None:
        """Do nothing: there is nothing to release."""

    def _refuse(self) -> NoReturn:
        raise StageUnavailable(self._reason)
