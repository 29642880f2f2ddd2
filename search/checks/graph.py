"""Check the entity postings of a shard and their statistics; see `clew.search.candidates.graph` for the files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clew.core.check import check_offsets, check_ordinals, check_range, check_rising, int_of, read_json, require
from clew.core.mapped import open_array
from clew.search.candidates.graph import (
    ENTITIES,
    FORMAT,
    FREQUENCIES,
    OFFSETS,
    PASSAGES,
    ROW_BITS,
    STEPS,
    TABLE,
    WEIGHTS,
    WITHOUT_STEPS,
)
from clew.search.graph_retriever import COSINE_SCALE, ENTITY_VECTORS, RELATION_VECTORS

# A unit vector in float16 can have numbers a little beyond 1.
_LONGEST = 1.01


@dataclass(frozen=True, slots=True)
class GraphSize:
    """How many entities and relations the snapshot of a version has."""

    entities: int
    relations: int


def check_entity_counts(folder: Path, passages: int, graph: GraphSize, dim: int) -> None:
    """Check the statistics of a version: how many passages are about each entity, and the vectors of names.

    dim: numbers of a vector, 0 for an index without vectors.
    """
    counted, format_ = _table(folder / TABLE, passages)
    entities = open_array(folder / ENTITIES, np.int64, (None,))
    check_ordinals(entities, graph.entities, folder / ENTITIES)
    check_rising(entities, folder / ENTITIES)
    frequencies = open_array(folder / FREQUENCIES, np.int64, entities.shape)
    check_range(frequencies, 1, counted, folder / FREQUENCIES)
    if format_ == FORMAT:
        steps = open_array(folder / STEPS, np.int64, (None,))
        check_range(steps, 0, (graph.entities << ROW_BITS) - 1, folder / STEPS)
        check_rising(steps, folder / STEPS)
        check_range(steps & ((1 << ROW_BITS) - 1), 1, 2 * graph.relations, folder / STEPS)
    for name, dtype, rows in (
        (ENTITY_VECTORS, np.float16, graph.entities),
        (RELATION_VECTORS, np.float32, graph.relations),
    ):
        if (folder / name).exists():
            vectors = open_array(folder / name, dtype, (rows, dim or None))
            require(vectors.flags.c_contiguous, folder / name, "its rows are not stored one after the other")
            check_range(vectors, -_LONGEST, _LONGEST, folder / name)
    if (scale := folder / COSINE_SCALE).exists():
        mean, deviation = open_array(scale, np.float64, (2,)).tolist()
        require(-1 <= mean <= 1 and 0 < deviation <= 1, scale, f"it is ({mean:g}, {deviation:g})")


def check_annotations(folder: Path, passages: int, graph: GraphSize) -> None:
    """Check the entity postings of a shard with so many passages."""
    counted, format_ = _table(folder / TABLE, passages)
    require(counted == passages, folder / TABLE, f"it is not of {passages} passages")
    entities = open_array(folder / ENTITIES, np.int32, (None,))
    check_ordinals(entities, graph.entities, folder / ENTITIES)
    check_rising(entities, folder / ENTITIES)
    offsets = open_array(folder / OFFSETS, np.int64, (len(entities) + 1,))
    listed = open_array(folder / PASSAGES, np.int32, (None,))
    weights = open_array(folder / WEIGHTS, np.float32, listed.shape)
    check_offsets(offsets, len(listed), folder / OFFSETS)
    check_ordinals(listed, passages, folder / PASSAGES)
    if format_ == FORMAT:
        int_of(read_json(folder / TABLE), "documents", 0, passages, folder / TABLE)
        steps = open_array(folder / STEPS, np.int32, listed.shape)
        check_range(steps, 0, 2 * graph.relations, folder / STEPS)
        # A passage can have a posting for each step.
        check_rising(listed.astype(np.int64) << ROW_BITS | steps, folder / PASSAGES, offsets)
    else:
        check_rising(listed, folder / PASSAGES, offsets)
    check_range(weights, 0, 1, folder / WEIGHTS)


def _table(path: Path, most: int) -> tuple[int, int]:
    """Return the number of passages in a table, and its format."""
    table = read_json(path)
    require(isinstance(table, dict), path, "it is not a JSON object")
    return int_of(table, "passages", 0, most, path), int_of(table, "format", WITHOUT_STEPS, FORMAT, path)
