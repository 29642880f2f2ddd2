"""Check the documents, passages and ids of a shard; see `clew.search.docstore` for the files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from clew.core.arrow import to_numpy
from clew.core.check import (
    check_ids,
    check_no_nulls,
    check_ordinals,
    check_range,
    check_trie,
    read_arrow,
    require,
)
from clew.core.mapped import open_array
from clew.search.docstore import DOCUMENTS, ID_ORDINALS, IDS, PASSAGE_SCHEMA, PASSAGES, document_schema
from clew.search.fields import Fields, variant_fields
from clew.search.variant_store import VARIANTS, variant_schema

# Microseconds from 1970 to the first and the last instant of the years 1 to 9999.
_FIRST, _LAST = -62_135_596_800_000_000, 253_402_300_799_999_999
_LARGEST = float(np.finfo(np.float64).max)


def check_documents(shard: Path, fields: Fields) -> tuple[int, int]:
    """Check a shard's documents, ids and passages; return how many documents and passages there are."""
    table = read_arrow(shard / DOCUMENTS, document_schema(fields))
    for name, column in zip(table.column_names[1:], table.columns[1:], strict=True):
        _check_column(column, fields[name].type, shard / DOCUMENTS, name)
    check_no_nulls(table.column(0), shard / DOCUMENTS, "id")
    ids: list[str] = table.column(0).to_pylist()
    _check_ids(ids, shard)
    if own := {name: fields[name] for name in variant_fields(fields)}:
        _check_variants(shard / VARIANTS, own, len(ids))
    return len(ids), _check_passages(shard, len(ids))


def _check_variants(path: Path, fields: Fields, documents: int) -> None:
    """Check the variants; that each document has one, in order, is checked when they are opened."""
    table = read_arrow(path, variant_schema(fields))
    for name in ("document", "id"):
        check_no_nulls(table.columns[table.column_names.index(name)], path, name)
    check_ordinals(to_numpy(table.columns[0]), documents, path)
    for (name, spec), column in zip(fields.items(), table.columns[2:], strict=True):
        _check_column(column, spec.type, path, name)


def _check_ids(ids: list[str], shard: Path) -> None:
    import marisa_trie

    check_ids(ids, shard / DOCUMENTS)
    # The trie is compared with one that is built from the documents' own ids, so this one is not opened.
    check_trie(shard / IDS, sorted(ids))
    trie = marisa_trie.Trie(sorted(ids))
    ordinals = open_array(shard / ID_ORDINALS, np.int32, (len(ids),))
    expected = np.empty(len(ids), np.int32)
    for ordinal, name in enumerate(ids):
        expected[trie[name]] = ordinal
    require(np.array_equal(ordinals, expected), shard / ID_ORDINALS, f"it does not belong to {DOCUMENTS}")


def _check_passages(shard: Path, documents: int) -> int:
    path = shard / PASSAGES
    table = read_arrow(path, PASSAGE_SCHEMA)
    for name in PASSAGE_SCHEMA.names:
        check_no_nulls(table.column(name), path, name)
    document, start, end = (to_numpy(table.column(name)) for name in PASSAGE_SCHEMA.names)
    check_ordinals(document, documents, path)
    require(not np.any(document[1:] < document[:-1]), path, "the passages are not in the order of their documents")
    check_range(start, 0, 2**31 - 1, path)
    require(not np.any(end < start), path, "a passage ends before it starts")
    return len(document)


def _check_column(column: Any, kind: str, path: Path, name: str) -> None:
    """Check the values that are read as numbers: a list of null, an infinite number or the year 300,000 is an error."""
    if kind in {"list", "geo"}:
        for chunk in column.chunks:
            check_no_nulls(chunk.drop_null().flatten(), path, name)
    known = column.drop_null()
    if kind == "date":
        check_range(to_numpy(known.cast(pa.int64())), _FIRST, _LAST, path)
    elif kind == "number":
        check_range(to_numpy(known), -_LARGEST, _LARGEST, path)
    elif kind == "geo":
        for chunk in known.chunks:
            check_range(to_numpy(chunk.flatten()), -180, 180, path)
