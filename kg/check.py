"""Check every file of a graph snapshot that was written elsewhere, before it is opened; see `clew.kg.snapshot`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from clew.core.check import (
    check_ids,
    check_json,
    check_no_nulls,
    check_offsets,
    check_ordinals,
    check_range,
    int_of,
    read_arrow,
    read_json,
    read_trie,
    refuse,
    require,
)
from clew.core.errors import SpecError
from clew.core.mapped import open_array
from clew.kg.dictionary import (
    DICTIONARY,
    ENTITIES,
    ENTITY,
    LAST,
    NAMES,
    OFFSETS,
    RECORD,
    RECORDS,
    TABLE,
    UPPER,
    WORDS,
)
from clew.kg.manifest import MANIFEST, load
from clew.kg.snapshot import DEGREES, EDGES, NODE_SCHEMA, NODES, RELATIONS
from clew.kg.spec import pulled

_MOST = 2**31 - 1


def check_snapshot(folder: Path) -> tuple[int, int]:
    """Check a snapshot's entities, edges, dictionary and lineage; return how many entities and relations it has.

    The caller has compared the files with the hashes in the manifest. Raises CorruptError that names the file.
    """
    manifest = load(folder)
    counts = manifest.counts
    try:
        pulled(manifest.lineage)
    except (SpecError, ValueError, RecursionError) as error:
        refuse(folder / MANIFEST, f"its lineage is not valid: {str(error)[:200]}")
    types = _check_nodes(folder / NODES)
    relations = _check_edges(folder, len(types))
    edges = open_array(folder / EDGES)
    found = {name: int(number) for name, number in zip(*np.unique(np.array(types), return_counts=True), strict=True)}
    used = np.bincount(edges[1], minlength=len(relations)).tolist()
    require(
        (counts.entities, counts.edges) == (len(types), edges.shape[1])
        and dict(counts.relations) == dict(zip(relations, used, strict=True))
        and dict(counts.types) == found,
        folder / MANIFEST,
        "its counts are not those of the graph",
    )
    _check_dictionary(folder / DICTIONARY, types)
    return len(types), len(relations)


def _check_nodes(path: Path) -> list[str]:
    """Check the entities; return the type of each."""
    table = read_arrow(path, NODE_SCHEMA)
    for name in NODE_SCHEMA.names:
        column = table.column(name)
        check_no_nulls(column, path, name)
        if name in {"aliases", "names"}:
            for chunk in column.chunks:
                parts = [chunk.values] if name == "aliases" else [chunk.keys, chunk.items]
                for part in parts:
                    check_no_nulls(part, path, name)
    check_ids(table.column("id").to_pylist(), path, ascending=True)
    for text in table.column("properties").to_pylist():
        _check_properties(text, path)
    found: list[str] = table.column("type").to_pylist()
    return found


def _check_properties(text: str, path: Path) -> None:
    if not text:
        return
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        refuse(path, f"properties {text[:80]!r} are not valid JSON")
    require(isinstance(value, dict), path, f"properties {text[:80]!r} are not a JSON object")
    check_json(value, path)


def _check_edges(folder: Path, nodes: int) -> list[str]:
    """Check edges, relations and degrees; return the relations."""
    relations: list[str] = read_json(folder / RELATIONS)
    fine = isinstance(relations, list) and all(isinstance(name, str) and name for name in relations)
    require(fine and relations == sorted(set(relations)), folder / RELATIONS, "it is not a sorted list of names")
    edges = open_array(folder / EDGES, np.int32, (3, None))
    source, relation, target = edges
    check_ordinals(source, nodes, folder / EDGES)
    check_ordinals(relation, len(relations), folder / EDGES)
    check_ordinals(target, nodes, folder / EDGES)
    key = (source.astype(np.int64) * max(len(relations), 1) + relation, target)
    rises = (key[0][1:] > key[0][:-1]) | ((key[0][1:] == key[0][:-1]) & (target[1:] > target[:-1]))
    require(rises.all(), folder / EDGES, "the edges are not sorted, each once")
    degrees = open_array(folder / DEGREES, np.int32, (nodes,))
    counted = np.bincount(source, minlength=nodes) + np.bincount(target, minlength=nodes)
    require(np.array_equal(degrees, counted), folder / DEGREES, f"it does not belong to {EDGES}")
    return relations


def _check_dictionary(folder: Path, types: list[str]) -> None:
    path = folder / TABLE
    table = read_json(path)
    require(isinstance(table, dict), path, "it is not a JSON object")
    names, records, words = (int_of(table, key, 0, _MOST, path) for key in ("names", "records", "words"))
    require(int_of(table, "entities", 0, _MOST, path) == len(types), path, f"it is not of {len(types)} entities")
    require(table.get("types") == sorted(set(types)), path, "its types are not those of the entities")
    offsets = open_array(folder / OFFSETS, np.int64, (names + 1,))
    check_offsets(offsets, records, folder / OFFSETS)
    found = open_array(folder / RECORDS, RECORD, (records,))
    check_ordinals(found["entity"], len(types), folder / RECORDS)
    check_range(found["kind"], 0, LAST, folder / RECORDS)
    check_range(found["shape"], 0, UPPER, folder / RECORDS)
    entities = open_array(folder / ENTITIES, ENTITY, (len(types),))
    check_range(entities["prominence"], 0, 1.001, folder / ENTITIES)
    named = [table["types"][code] for code in _codes(entities["type"], len(table["types"]), folder / ENTITIES)]
    require(named == types, folder / ENTITIES, "its types are not those of the entities")
    read_trie(folder / NAMES, names)
    for word in read_trie(folder / WORDS, words):
        require(word[:2].isdecimal() and int(word[:2]) == len(word) - 2, folder / WORDS, f"{word[:40]!r} is no word")


def _codes(values: Any, count: int, path: Path) -> list[int]:
    check_ordinals(values, count, path)
    found: list[int] = values.tolist()
    return found
