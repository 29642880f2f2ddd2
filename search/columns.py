"""The values of one field in all documents, as NumPy arrays for filters and facets.

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
    """Split a hierarchy path into its levels: "Home > Kitchen" and "Home>Kitchen" give ("Home", "Kitchen")."""
    return tuple(level for part in path.split(LEVEL) if (level := part.strip()))


@dataclass(frozen=True)
class Scalars:
    """A number, date or bool field.

    values: (documents,) float64 (number), int64 microseconds (date) or bool; undefined if `present`,
    (documents,) bool, is false for the document.
    """

    values: NDArray[np.generic]
    present: Bools


@dataclass(frozen=True)
class Keywords:
    """A keyword or list field, as pairs of a document and a value.

    documents: (m,) int64 ascending document ordinals. codes: (m,) int32 index into `values` of a value of that
    document; each (document, value) pair occurs once. values: the distinct values, sorted. count: number of documents
    in the store.
    """

    count: int
    documents: Ints
    codes: NDArray[np.int32]
    values: Sequence[str]

    @cached_property
    def code_of(self) -> dict[str, int]:
        """Return value → code."""
        return {value: code for code, value in enumerate(self.values)}

    @cached_property
    def paths(self) -> list[tuple[str, ...]]:
        """Return the levels of every value, read as a hierarchy path."""
        return [levels(value) for value in self.values]

    @cached_property
    def present(self) -> Bools:
        """Return (documents,) bool, true for documents with at least one value."""
        found = np.zeros(self.count, np.bool_)
        found[self.documents] = True
        return found

    @cached_property
    def prefixes(self) -> tuple[list[str], NDArray[np.int32]]:
        """Return all paths with their parents ("A", "A > B"), sorted, and (values, depth) int32 indexes into them.

        The array holds, for each value and level, the index of its path up to that level; -1 below the value's own
        level.
        """
        every = sorted({path[:end] for path in self.paths for end in range(1, len(path) + 1)})
        number = {path: at for at, path in enumerate(every)}
        within = np.full((len(self.paths), max(map(len, self.paths), default=0)), -1, np.int32)
        for code, path in enumerate(self.paths):
            within[code, : len(path)] = [number[path[:end]] for end in range(1, len(path) + 1)]
        return [f" {LEVEL} ".join(path) for path in every], within

    def documents_with(self, codes: Sequence[int]) -> Bools:
        """Return (documents,) bool, true for documents with at least one of the values that have these codes."""
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
    """A geo field: (documents,) float64 latitudes and longitudes in degrees; present: (documents,) bool."""

    latitude: Floats
    longitude: Floats
    present: Bools


@dataclass(frozen=True)
class Texts:
    """A text field: only whether each document has a value, (documents,) bool."""

    present: Bools


Column: TypeAlias = Scalars | Keywords | Points | Texts
