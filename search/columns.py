"""The values of one field in all documents, as NumPy arrays for filters and facets.

An empty text, keyword or list counts as no value. The column of a variant field has a value for each variant instead of
each document; "documents" below are then variants.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clew.core.fold import fold, normalise
from clew.core.types import Bools, Floats, Ints

LEVEL = ">"


def levels(path: str) -> tuple[str, ...]:
    """Split a hierarchy path into its levels: "Home > Kitchen" and "Home>Kitchen" give ("Home", "Kitchen")."""
    return tuple(level for part in path.split(LEVEL) if (level := part.strip()))


def keyword_key(value: str) -> str:
    """Return what two keywords have in common if they are the same value: NFKC, one space for several, no case."""
    return normalise(value).casefold()


def level_keys(path: str) -> tuple[str, ...]:
    """Return the levels of a hierarchy path as `keyword_key` has them."""
    return tuple(map(keyword_key, levels(path)))


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
    document; each (document, value) pair occurs once. values: the distinct values, sorted; values with the same
    `keyword_key` are one, shown in the form that most documents have. count: number of documents in the store.
    """

    count: int
    documents: Ints
    codes: NDArray[np.int32]
    values: Sequence[str]

    @classmethod
    def of(cls, count: int, documents: Ints, written: Sequence[str], indices: NDArray[np.integer[Any]]) -> Keywords:
        """Return the column of pairs of a document and a value, which may repeat.

        documents: (n,) int64 ordinals. written: the distinct values as the documents have them. indices: (n,) integers
        into `written`.
        """
        uses = np.bincount(indices, minlength=len(written)).tolist()
        keys = [keyword_key(value) for value in written]
        # The most frequent form of a value is shown; of equally frequent ones the first in order of characters.
        shown: dict[str, tuple[int, str]] = {}
        for key, value, number in zip(keys, written, uses, strict=True):
            shown[key] = min(shown.get(key, (0, value)), (-number, value))
        names = sorted((value, key) for key, (_, value) in shown.items())
        place = {key: at for at, (_, key) in enumerate(names)}
        codes = np.array([place[key] for key in keys], np.int64)[indices]
        # Each pair once, sorted by document.
        pairs = np.unique(documents * max(len(names), 1) + codes)
        owners, codes = np.divmod(pairs, max(len(names), 1))
        return cls(count, owners.astype(np.int64), codes.astype(np.int32), [value for value, _ in names])

    @cached_property
    def code_of(self) -> dict[str, int]:
        """Return the `keyword_key` of each value → code."""
        return {keyword_key(value): code for code, value in enumerate(self.values)}

    @cached_property
    def paths(self) -> list[tuple[str, ...]]:
        """Return the `level_keys` of every value, read as a hierarchy path."""
        return [level_keys(value) for value in self.values]

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
        # Each level is shown in the form that most documents have.
        written: dict[tuple[str, ...], Counter[str]] = {path: Counter() for path in every}
        for code, (path, count) in enumerate(zip(self.paths, self._counts.tolist(), strict=True)):
            within[code, : len(path)] = [number[path[:end]] for end in range(1, len(path) + 1)]
            for end, level in enumerate(levels(self.values[code]), 1):
                written[path[:end]][level] += count
        shown = {path: max(forms, key=lambda form: (forms[form], form)) for path, forms in written.items()}
        names = [tuple(shown[path[:end]] for end in range(1, len(path) + 1)) for path in every]
        return [f" {LEVEL} ".join(name) for name in names], within

    @cached_property
    def alphabetical(self) -> tuple[tuple[str, ...], Ints]:
        """Return the values in alphabetical order, and (values,) int64 the place there of each code.

        Case and accents decide only between values that are otherwise the same.
        """
        order = sorted(
            range(len(self.values)), key=lambda code: (fold(self.values[code])[0].strip(), self.values[code])
        )
        places = np.empty(len(order), np.int64)
        places[order] = np.arange(len(order))
        return tuple(self.values[code] for code in order), places

    @cached_property
    def _counts(self) -> Ints:
        """Return (values,) int64, how many documents have each value."""
        return np.bincount(self.codes, minlength=len(self.values)).astype(np.int64)

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
