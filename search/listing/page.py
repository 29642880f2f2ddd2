"""One page of a listing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from clew.core.types import Ints


@dataclass(frozen=True, slots=True)
class Page:
    """What one page shows: documents, or groups of documents.

    total: how many documents or groups all pages show. best: (n,) int64 the documents, or the best one of each group.
    before: the document before the first of these; None if there is none. members: for each group, its first documents,
    (m,) int64; () without groups. counts: how many documents each group has. values: what the documents of each group
    have in common; None for a document without a value.
    """

    total: int
    best: Ints
    before: int | None
    members: tuple[Ints, ...] = ()
    counts: tuple[int, ...] = ()
    values: tuple[Any, ...] = ()

    @property
    def documents(self) -> Ints:
        """Return (d,) int64 all documents that are shown."""
        return np.concatenate(self.members) if self.members else self.best
