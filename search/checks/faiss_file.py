"""Check a FAISS index file without FAISS, which reads such a file without bounds checks when it searches.

The files of the two kinds that Clew writes have a fixed layout (faiss/impl/index_write.cpp): numbers and arrays, each
array after its length. Every field is read and checked here, and nothing may follow the last one. Other types of index
are refused, among them those that name further files.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np

from clew.core.check import check_offsets, check_ordinals, check_range, refuse, require
from clew.core.types import Ints

_HEADER = "<4siqqqBi"
_INNER_PRODUCT = 0
_EIGHT_BITS = 0
_LARGEST = float(np.finfo(np.float32).max)
_MOST_LINKS = 4096
_MOST_LEVELS = 64


class _File:
    """Reads the fields of a file, memory-mapped, one after the other."""

    def __init__(self, path: Path) -> None:
        self.path = path
        require(path.is_file(), path, "it is missing")
        require(path.stat().st_size > 0, path, "it is empty")
        self._data = np.memmap(path, np.uint8, "r")
        self._at = 0

    def take(self, size: int) -> Any:
        """Return the next bytes as an array."""
        end = self._at + size
        require(size >= 0 and end <= len(self._data), self.path, "it is cut short")
        found = self._data[self._at : end]
        self._at = end
        return found

    def fields(self, layout: str) -> tuple[Any, ...]:
        """Return the next fields of a `struct` layout."""
        return struct.unpack(layout, self.take(struct.calcsize(layout)).tobytes())

    def array(self, dtype: str, length: int | None = None) -> Any:
        """Return the next array; length: what its length must be."""
        (count,) = self.fields("<Q")
        require(length is None or count == length, self.path, f"an array has {count:,} numbers, expected {length}")
        return self.take(count * np.dtype(dtype).itemsize).view(dtype)

    def header(self, kind: bytes, count: int, dim: int) -> None:
        """Check the header of an index over so many vectors."""
        name, width, total, _, _, trained, metric = self.fields(_HEADER)
        require(name == kind, self.path, f"it is of the type {name!r}, expected {kind!r}")
        require((width, total) == (dim, count), self.path, f"it has {total} vectors of {width} numbers")
        require(trained == 1 and metric == _INNER_PRODUCT, self.path, "it is not a trained index for inner products")

    def quantiser(self, dim: int) -> None:
        """Check a scalar quantiser of 8 bits for each number."""
        kind, _, _, width, code_size = self.fields("<iifQQ")
        fits = (kind, width, code_size) == (_EIGHT_BITS, dim, dim)
        require(fits, self.path, f"it is quantised as {kind}, {width}, {code_size}, expected 8 bits for {dim} numbers")
        check_range(self.array("<f4", 2 * dim), -_LARGEST, _LARGEST, self.path)

    def end(self) -> None:
        """Check that nothing is left."""
        require(self._at == len(self._data), self.path, "it has more bytes than its fields")


def check_hnsw(path: Path, count: int, dim: int) -> None:
    """Check an HNSW graph over `count` vectors of `dim` numbers in 8 bits."""
    file = _File(path)
    file.header(b"IHNs", count, dim)
    check_range(file.array("<f8"), 0, 1, path)
    widths = file.array("<i4").astype(np.int64)
    levels = file.array("<i4", count).astype(np.int64)
    offsets = file.array("<u8", count + 1)
    check_range(offsets, 0, 2**62, path)
    links = file.array("<i4")
    entry, highest, _, effort, _ = file.fields("<iiiii")
    _check_levels(path, widths, levels, offsets.astype(np.int64), len(links))
    check_range(links, -1, count - 1, path)
    _check_links(path, widths, levels, offsets.astype(np.int64), links)
    require(0 <= entry < count and effort > 0, path, f"it starts at vector {entry}")
    require(highest == int(levels.max()) - 1 == int(levels[entry]) - 1, path, f"its highest level is {highest}")
    file.header(b"IxSQ", count, dim)
    file.quantiser(dim)
    file.array("<u1", count * dim)
    file.end()


def _check_levels(path: Path, widths: Ints, levels: Ints, offsets: Ints, links: int) -> None:
    """Check that each vector has room for the links of its levels. widths: links up to each level, cumulated."""
    fine = 2 <= len(widths) <= _MOST_LEVELS and widths[0] == 0 and (np.diff(widths) >= 0).all()
    require(fine and widths[-1] <= _MOST_LINKS, path, "the numbers of links of its levels are not in order")
    check_range(levels, 1, len(widths) - 1, path)
    check_offsets(offsets, links, path)
    require((np.diff(offsets) == widths[levels]).all(), path, "a vector has not as many links as its level")


def _check_links(path: Path, widths: Ints, levels: Ints, offsets: Ints, links: Any) -> None:
    """Check that the links of a level lead to vectors which are on that level, and so have links there."""
    for level in range(1, len(widths) - 1):
        nodes = np.flatnonzero(levels > level)
        places = offsets[nodes, None] + np.arange(widths[level], widths[level + 1])
        linked = links[places]
        require((levels[linked[linked >= 0]] > level).all(), path, f"a link of level {level} leads to a lower level")


def check_ivf(path: Path, count: int, dim: int) -> None:
    """Check an inverted file over `count` vectors of `dim` numbers in 8 bits."""
    file = _File(path)
    file.header(b"IwSq", count, dim)
    cells, _ = file.fields("<QQ")
    require(0 < cells <= count, path, f"it has {cells} cells")
    file.header(b"IxFI", cells, dim)
    check_range(file.array("<f4", cells * dim), -_LARGEST, _LARGEST, path)
    (direct,) = file.fields("<B")
    file.array("<i8", 0)
    require(direct == 0, path, "it has a map of its vectors")
    file.quantiser(dim)
    code_size, residual = file.fields("<QB")
    require(code_size == dim and residual in {0, 1}, path, f"its codes have {code_size} bytes")
    name, lists, size = file.fields("<4sQQ")
    require((name, lists, size) == (b"ilar", cells, dim), path, f"its lists are of the type {name!r}")
    _check_lists(file, _list_sizes(file, cells), count, dim)
    file.end()


def _list_sizes(file: _File, cells: int) -> Ints:
    """Return how many vectors each list has."""
    (form,) = file.fields("<4s")
    if form == b"full":
        sizes = file.array("<u8", cells)
        check_range(sizes, 0, 2**31, file.path)
        return np.asarray(sizes, np.int64)
    if form != b"sprs":
        refuse(file.path, f"its lists are stored as {form!r}")
    flat = file.array("<u8")
    require(len(flat) % 2 == 0, file.path, "its lists are not stored as pairs")
    pairs = flat.reshape(-1, 2)
    check_range(pairs, 0, 2**31, file.path)
    found = np.zeros(cells, np.int64)
    check_ordinals(pairs[:, 0], cells, file.path)
    found[pairs[:, 0].astype(np.int64)] = pairs[:, 1]
    require(len(np.unique(pairs[:, 0])) == len(pairs), file.path, "a list occurs twice")
    return found


def _check_lists(file: _File, sizes: Ints, count: int, dim: int) -> None:
    """Check that the lists have every vector once."""
    require(int(sizes.sum()) == count, file.path, f"its lists have {int(sizes.sum())} vectors, expected {count}")
    seen = np.zeros(count, np.bool_)
    for size in sizes[sizes > 0].tolist():
        file.take(size * dim)
        ids = file.take(size * 8).view("<i8")
        check_ordinals(ids, count, file.path)
        seen[ids] = True
    require(seen.all(), file.path, "a vector is in no list or in two")
