"""Store the variants of an index's documents on disk, and read them memory-mapped.

variants.arrow    Arrow IPC file, uncompressed, in an index with variant fields only: one row for each variant, in the
                  order of the documents: document (int32, within the shard), id ("" if it has none), then one column
                  per variant field

Each document has at least one variant.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa

from clew.core.arrow import to_numpy
from clew.core.errors import CorruptError, MismatchError
from clew.core.tables import REBUILD
from clew.core.types import Bools, Document, Ints, Variant
from clew.search.arrow_columns import ARROW_TYPES, array_of, field_arrays, read_column, read_table, read_values
from clew.search.columns import Column
from clew.search.fields import Fields, variant_fields

VARIANTS = "variants.arrow"


def variant_schema(fields: Fields) -> Any:
    """Return the Arrow schema of variants with these fields, which must be variant fields."""
    columns = ((name, ARROW_TYPES[spec.type]) for name, spec in fields.items())
    return pa.schema([("document", pa.int32()), ("id", pa.string()), *columns])


class VariantWriter:
    """A writer of the variants of a shard's documents. It writes no file if the fields have no variants."""

    def __init__(self, fields: Fields, directory: Path) -> None:
        self._fields = {name: fields[name] for name in variant_fields(fields)}
        self._documents = 0
        if self._fields:
            self._schema = variant_schema(self._fields)
            self._sink = pa.OSFile(str(directory / VARIANTS), "wb")
            self._writer = pa.ipc.new_file(self._sink, self._schema)

    def write(self, batch: Sequence[Document]) -> None:
        """Append the variants of the next documents. Raises DataError if a value does not fit its field."""
        if not self._fields:
            return
        rows = [
            Document(variant.id, variant.fields, document.origin or document.id)
            for document in batch
            for variant in document.variants or (Variant({}),)
        ]
        counts = [max(len(document.variants), 1) for document in batch]
        owners = np.repeat(np.arange(self._documents, self._documents + len(batch)), counts)
        arrays = [
            pa.array(owners.astype(np.int32)),
            array_of(rows, "id", pa.string(), lambda row: row.id),
            *field_arrays(rows, self._fields),
        ]
        self._writer.write_batch(pa.record_batch(arrays, schema=self._schema))
        self._documents += len(batch)

    def __enter__(self) -> VariantWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._fields:
            self._writer.close()
            self._sink.close()


class VariantStore:
    """The variants of all documents of one version. Safe for concurrent readers.

    document_of: (variants,) int64 document of each variant, ascending. first: (documents + 1,) int64 first variant of
    each document; the last entry is the number of variants. fields: the variant fields.
    """

    def __init__(self, fields: Fields, table: Any, document_of: Ints, documents: int) -> None:
        self.fields = fields
        self.document_of = document_of
        self.first = np.searchsorted(document_of, np.arange(documents + 1)).astype(np.int64)
        self._columns: list[Any] = table.columns
        self._place = {name: at for at, name in enumerate(fields, 2)}
        self._cached: dict[str, Column] = {}

    @classmethod
    def open(cls, directories: Sequence[Path], counts: Sequence[int], fields: Fields) -> VariantStore | None:
        """Open the shards of a version in ordinal order; None if no field is a variant field.

        counts: documents of each shard. Raises CorruptError for a file that cannot be read, MismatchError if it has
        other fields than `fields` declares.
        """
        own = {name: fields[name] for name in variant_fields(fields)}
        if not own:
            return None
        schema = variant_schema(own)
        batches: list[Any] = []
        owners = []
        base = 0
        for directory, count in zip(directories, counts, strict=True):
            path = directory / VARIANTS
            shard = read_table(path)
            if not shard.schema.equals(schema):
                raise MismatchError(f"{path} does not have the fields of the version", REBUILD)
            document = to_numpy(shard.column(0)).astype(np.int64)
            if not _has_every(document, count):
                raise CorruptError(f"{path} does not have the variants of {count:,} documents in order", REBUILD)
            batches.extend(shard.to_batches())
            owners.append(document + base)
            base += count
        return cls(own, pa.Table.from_batches(batches, schema), np.concatenate(owners), base)

    def close(self) -> None:
        """Release the memory map. The store cannot be used afterwards."""
        self._cached.clear()
        self._columns = []

    def of(self, document: int) -> tuple[Variant, ...]:
        """Return the variants of a document, with the fields that have a value; dates as ISO 8601 strings."""
        start, end = int(self.first[document]), int(self.first[document + 1])
        columns = {
            name: read_values(self.fields[name].type, self._columns[place].slice(start, end - start))
            for name, place in self._place.items()
        }
        ids = self._columns[1].slice(start, end - start).to_pylist()
        return tuple(
            Variant({name: column[at] for name, column in columns.items() if column[at] is not None}, own)
            for at, own in enumerate(ids)
        )

    def column(self, name: str) -> Column:
        """Return a field of all variants; it is read once and cached. Raises KeyError if it is no variant field."""
        if name not in self._cached:
            self._cached[name] = read_column(self.fields[name].type, self._columns[self._place[name]])
        return self._cached[name]

    def values(self, name: str) -> list[list[Any]]:
        """Return the values of a text, keyword or list field for each document: one entry per variant."""
        every = self._columns[self._place[name]].to_pylist()
        borders = self.first.tolist()
        return [every[start:end] for start, end in pairwise(borders)]

    def ids(self) -> list[list[str]]:
        """Return the ids of the variants of each document that have one."""
        every, borders = self._columns[1].to_pylist(), self.first.tolist()
        return [list(filter(None, every[start:end])) for start, end in pairwise(borders)]

    def any(self, passing: Bools) -> Bools:
        """Return (documents,) bool, true for documents of which a variant is true in `passing`, (variants,) bool."""
        found = np.zeros(len(self.first) - 1, np.bool_)
        found[self.document_of[passing]] = True
        return found


def _has_every(documents: Ints, count: int) -> bool:
    """Return whether ascending ordinals have each of `count` documents at least once, and no other."""
    if not len(documents) or not count:
        return len(documents) == count
    return documents[0] == 0 and documents[-1] == count - 1 and bool(np.isin(np.diff(documents), (0, 1)).all())
