"""One field over all documents, as NumPy arrays that filters and facets work on.

An empty text, keyword or list counts as no value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from clew.core.types import Bools, Floats, Ints

LEVEL = ">"


def levels(path: str) -> tuple[str, ...]:
    """The levels of a hierarchy path: "Home > Kitchen" and "Home>Kitchen" are ("Home", "Kitchen")."""
    return tuple(level for part in path.split(LEVEL) if (level := part.strip()))


@dataclass(frozen=True)
class Scalars:
    """A number, date or bool field.

    values: (documents,) float64 (number), int64 microseconds (date) or bool; undefined where `present`,
    (documents,) bool, is false.
    """

    values: NDArray[np.generic]
    present: Bools


@dataclass(frozen=True)
class Keywords:
    """A keyword or list field: which document has which value.

    documents: (m,) int64 ascending document ordinals. codes: (m,) int32 index into `values` of a value of that
    document, each (document, value) pair once. values: the distinct values, sorted. count: documents of the store.
    """

    count: int
    documents: Ints
    codes: NDArray[np.int32]
    values: Sequence[str]

    @cached_property
    def code_of(self) -> dict[str, int]:
        """Value → code."""
        return {value: code for code, value in enumerate(self.values)}

    @cached_property
    def paths(self) -> list[tuple[str, ...]]:
        """Levels of every value, read as a hierarchy path."""
        return [levels(value) for value in self.values]

    @cached_property
    def present(self) -> Bools:
        """(documents,) bool: documents with at least one value."""
        found = np.zeros(self.count, np.bool_)
        found[self.documents] = True
        return found

    @cached_property
    def prefixes(self) -> tuple[list[str], NDArray[np.int32]]:
        """Every path and its parents ("A", "A > B"), sorted; and (values, depth) int32 which of them each value is
        in at each level, -1 below its own."""
        every = sorted({path[:end] for path in self.paths for end in range(1, len(path) + 1)})
        number = {path: at for at, path in enumerate(every)}
        within = np.full((len(self.paths), max(map(len, self.paths), default=0)), -1, np.int32)
        for code, path in enumerate(self.paths):
            within[code, : len(path)] = [number[path[:end]] for end in range(1, len(path) + 1)]
        return [f" {LEVEL} ".join(path) for path in every], within

    def having(self, codes: Sequence[int]) -> Bools:
        """(documents,) bool: documents with at least one of the values."""
        found = np.zeros(self.count, np.bool_)
        if len(codes) == 1:
            found[self.documents[self.codes == codes[0]]] = True
        elif codes:
            wanted = np.zeros(len(self.values), np.bool_)
            wanted[list(codes)] = True
            found[self.documents[wanted[self.codes]]] = True
        return found


@dataclass(frozen=True)
class Points:
    """A geo field: (documents,) float64 latitudes and longitudes in degrees, and (documents,) bool where there are."""

    latitude: Floats
    longitude: Floats
    present: Bools


@dataclass(frozen=True)
class Texts:
    """A text field: only whether a document has it, (documents,) bool."""

    present: Bools


Column: TypeAlias = Scalars | Keywords | Points | Texts
