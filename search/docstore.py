"""Store the documents of an index on disk (fields, passages and ids) and read them memory-mapped.

documents.arrow   Arrow IPC file, uncompressed: the id, then one column per declared field that is no variant field
variants.arrow    in an index with variants: the variant fields (search/variant_store.py)
passages.arrow    one record batch: document (int32, within the shard), start and end (int32, characters of its body)
ids.marisa        trie of the ids; ids.npy: trie key → document ordinal within the shard

The same documents always give the same bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import marisa_trie
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from clew.core.arrow import to_arrow, to_numpy
from clew.core.errors import DataError, MismatchError
from clew.core.mapped import open_array, open_trie
from clew.core.tables import REBUILD
from clew.core.types import Document, FieldValue, Ints, Variant
from clew.models.passage import embedded_text
from clew.search.arrow_columns import ARROW_TYPES, array_of, field_arrays, read_column, read_table, read_value
from clew.search.columns import Column
from clew.search.fields import (
    Fields,
    FieldSpec,
    body,
    identifier_fields,
    joint_value,
    searched,
    several_values,
    title_field,
)
from clew.search.protocols import PassageSet
from clew.search.variant_store import VariantStore, VariantWriter

DOCUMENTS = "documents.arrow"
PASSAGES = "passages.arrow"
IDS = "ids.marisa"
ID_ORDINALS = "ids.npy"

# A record batch ends at whichever limit is reached first.
BATCH_DOCUMENTS = 4096
BATCH_CHARACTERS = 8_000_000

PASSAGE_SCHEMA = pa.schema([("document", pa.int32()), ("start", pa.int32()), ("end", pa.int32())])


def _own(fields: Fields) -> dict[str, FieldSpec]:
    """Return the fields that documents have themselves, and not each of their variants."""
    return {name: spec for name, spec in fields.items() if spec.variant is not True}


def document_schema(fields: Fields) -> Any:
    """Return the Arrow schema of documents with these fields."""
    # The id comes first and columns are found by position, so a declared field may be called "id" as well.
    columns = ((name, ARROW_TYPES[spec.type]) for name, spec in _own(fields).items())
    return pa.schema([("id", pa.string()), *columns])


# ------------------------------------------------------------------ writing


def write_documents(documents: Iterable[Document], fields: Fields, directory: Path) -> int:
    """Write a shard's documents and ids into `directory`, in the order given, and return how many there were.

    Reads `documents` once and holds only one batch of them (and all ids) in memory. Fields that are not declared are
    left out; an empty text, keyword or list counts as no value. Raises DataError that names the origin if a value
    does not fit the type of its field, or if an id occurs twice.
    """
    schema = document_schema(fields)
    ids: list[str] = []
    with (
        pa.OSFile(str(directory / DOCUMENTS), "wb") as sink,
        pa.ipc.new_file(sink, schema) as writer,
        VariantWriter(fields, directory) as variants,
    ):
        for batch in _batches(documents, fields):
            writer.write_batch(_record_batch(batch, fields, schema))
            variants.write(batch)
            ids.extend(document.id for document in batch)
    _write_ids(ids, directory)
    return len(ids)


def write_passages(directory: Path, document: Ints, start: Ints, end: Ints) -> None:
    """Write the spans of a shard's passages.

    document: (n,) ordinals of documents within the shard, ascending. start, end: (n,) characters of that document's
    `clew.search.fields.body`. Raises ValueError if the lengths differ or the order is wrong.
    """
    if not len(document) == len(start) == len(end) or np.any(np.diff(document) < 0):
        raise ValueError("document, start and end must have the same length and be in document order")
    arrays = [pa.array(np.asarray(column, np.int32)) for column in (document, start, end)]
    with (
        pa.OSFile(str(directory / PASSAGES), "wb") as sink,
        pa.ipc.new_file(sink, PASSAGE_SCHEMA) as writer,
    ):
        writer.write_batch(pa.record_batch(arrays, schema=PASSAGE_SCHEMA))


def _batches(documents: Iterable[Document], fields: Fields) -> Iterator[list[Document]]:
    texts = [name for name, spec in fields.items() if spec.type == "text"]
    batch: list[Document] = []
    characters = 0
    for document in documents:
        batch.append(document)
        for name in texts:
            value = document.fields.get(name)
            characters += len(value) if isinstance(value, str) else 0
        if len(batch) >= BATCH_DOCUMENTS or characters >= BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def _record_batch(batch: Sequence[Document], fields: Fields, schema: Any) -> Any:
    arrays = [array_of(batch, "id", pa.string(), lambda document: document.id), *field_arrays(batch, _own(fields))]
    return pa.record_batch(arrays, schema=schema)


def _write_ids(ids: list[str], directory: Path) -> None:
    for name in ids:
        if "\0" in name:  # the trie would cut the id off there
            raise DataError(f"id {name!r} contains a NUL character", "remove it from the id")
    trie = marisa_trie.Trie(sorted(ids))
    if len(trie) != len(ids):
        twice = Counter(ids).most_common(1)[0][0]
        raise DataError(f"id {twice!r} occurs more than once", "give each document of an index its own id")
    trie.save(str(directory / IDS))
    ordinals = np.empty(len(ids), np.int32)
    for ordinal, name in enumerate(ids):
        ordinals[trie[name]] = ordinal
    np.save(directory / ID_ORDINALS, ordinals)


# ------------------------------------------------------------------ reading


class DocStore:
    """The documents of all shards of one version, with version-wide ordinals. Safe for concurrent readers.

    documents, passages: counts. document_of: (passages,) int64 document of each passage, ascending. first:
    (documents + 1,) int64 first passage of each document; the last entry is the number of passages. variants: of the
    documents, None if the index has no variant fields.
    """

    def __init__(
        self,
        fields: Fields,
        table: Any,
        places: tuple[Ints, Ints, Ints],
        ids: Sequence[tuple[Any, Any]],
        variants: VariantStore | None = None,
    ) -> None:
        self.fields = fields
        self._table = table
        self._columns: list[Any] = table.columns
        self.document_of, self._start, self._end = places
        self.documents: int = table.num_rows
        self.passages: int = len(self.document_of)
        self.first = np.searchsorted(self.document_of, np.arange(self.documents + 1)).astype(np.int64)
        self._ids = ids
        self.variants = variants
        self._place = {name: at for at, name in enumerate(_own(fields), 1)}
        self._cached: dict[tuple[str, str], Column] = {}

    @classmethod
    def open(cls, directories: Sequence[Path], fields: Fields) -> DocStore:
        """Open the shards of a version in ordinal order.

        Raises CorruptError or NotFoundError for a file that cannot be read, MismatchError if it was built with other
        declared fields.
        """
        schema = document_schema(fields)
        batches: list[Any] = []
        places: list[list[NDArray[Any]]] = [[], [], []]
        ids = []
        counts: list[int] = []
        documents = 0
        for directory in directories:
            shard = read_table(directory / DOCUMENTS)
            if not shard.schema.equals(schema):
                raise MismatchError(f"{directory / DOCUMENTS} does not have the fields of the version", REBUILD)
            batches.extend(shard.to_batches())
            where = read_table(directory / PASSAGES)
            for part, column in zip(places, where.columns, strict=True):
                part.append(to_numpy(column))
            places[0][-1] = places[0][-1].astype(np.int64) + documents
            ids.append((open_trie(directory / IDS), open_array(directory / ID_ORDINALS, np.int32, (shard.num_rows,))))
            documents += shard.num_rows
            counts.append(shard.num_rows)
        document, start, end = (_joined(part) for part in places)
        table = pa.Table.from_batches(batches, schema)
        variants = VariantStore.open(directories, counts, fields)
        return cls(fields, table, (document.astype(np.int64, copy=False), start, end), ids, variants)

    def close(self) -> None:
        """Release the memory maps. The store cannot be used afterwards."""
        self._cached.clear()
        self._columns, self._ids, self._table = [], [], None
        if self.variants is not None:
            self.variants.close()

    # -------------------------------------------------------------- one document

    def find(self, name: str) -> int | None:
        """Return the ordinal of the document with this id, or None."""
        if "\0" in name:
            return None
        base = 0
        for trie, ordinals in self._ids:
            try:
                key = trie.get(name)
            except UnicodeEncodeError:  # no id contains a lone surrogate
                return None
            if key is not None:
                return base + int(ordinals[key])
            base += len(ordinals)
        return None

    def id(self, document: int) -> str:
        """Return the id of a document."""
        found: str = self._columns[0][document].as_py()
        return found

    def ids(self, documents: Ints) -> list[str]:
        """Return the ids of documents, in the order given."""
        found: list[str] = self._columns[0].take(to_arrow(documents)).to_pylist()
        return found

    def fields_of(self, document: int) -> dict[str, FieldValue]:
        """Return a document's fields that have a value, in declared order; dates as ISO 8601 strings.

        A variant field has the distinct values of the variants (`clew.search.fields.joint_value`).
        """
        variants = self.variants.of(document) if self.variants is not None else ()
        values = ((name, self._value(document, name, variants)) for name in self.fields)
        return {name: value for name, value in values if value is not None}

    def value(self, document: int, name: str) -> FieldValue:
        """Return one field of a document as `fields_of` does, None if it has no value, without reading the others."""
        variants = () if name in self._place or self.variants is None else self.variants.of(document)
        return self._value(document, name, variants)

    def _value(self, document: int, name: str, variants: Sequence[Variant]) -> FieldValue:
        if name not in self._place:
            joint: FieldValue = joint_value(name, (variant.fields.get(name) for variant in variants), self.fields)
            return joint
        scalar = self._columns[self._place[name]][document]
        return read_value(self.fields[name].type, scalar) if scalar.is_valid else None

    def body(self, document: int) -> str:
        """Return the text of a document that is split into passages."""
        return body(self.fields_of(document), self.fields)[0]

    def embedded_text(self, passage: int) -> str:
        """Return the text that models read for a passage: the document's title and the passage."""
        values = self.fields_of(int(self.document_of[passage]))
        title = title_field(self.fields)
        start, end = self.span(passage)
        return embedded_text(str(values.get(title) or "") if title else "", body(values, self.fields)[0][start:end])

    def passage_range(self, document: int) -> tuple[int, int]:
        """Return the first passage of a document and the one after its last."""
        return int(self.first[document]), int(self.first[document + 1])

    def span(self, passage: int) -> tuple[int, int]:
        """Return (start, end) of a passage in characters of its document's body."""
        return int(self._start[passage]), int(self._end[passage])

    # -------------------------------------------------------------- all documents

    def column(self, name: str, kind: str = "") -> Column:
        """Return a field of all documents; it is read once and cached. Raises KeyError if it is not declared.

        kind: "keyword" reads the values of a text field as those of a keyword field. The column of a variant field has
        a value for each variant instead (see `variants`).
        """
        if self.variants is not None and name in self.variants.fields:
            return self.variants.column(name)
        if (name, kind) not in self._cached:
            self._cached[name, kind] = read_column(kind or self.fields[name].type, self._columns[self._place[name]])
        return self._cached[name, kind]

    @cached_property
    def id_ranks(self) -> Ints:
        """Return (documents,) int64, the place of each document in the order of the ids (by code points)."""
        ranks = np.empty(self.documents, np.int64)
        ranks[to_numpy(pc.sort_indices(self._columns[0]))] = np.arange(self.documents)
        return ranks

    def passage_set(self, fields: Fields) -> PassageSet:
        """Return the searched fields of every passage, in order, as BM25 reads them.

        Each passage of a document has its full title, keywords and lists, but only its own part of a body field.
        """
        identifying, ids = identifier_fields(fields), self._columns[0].to_pylist()
        variants = self.variants.ids() if self.variants is not None else [()] * self.documents
        identifiers: list[list[str]] = []
        found: dict[str, list[str]] = {name: [] for name in searched(fields)}
        linked: dict[str, list[list[str]]] = {name: [] for name, spec in fields.items() if spec.entity}
        for document, values in enumerate(self._values()):
            _, spans = body(values, fields)
            placed = {name: (start, end) for name, start, end in spans}
            passages = int(self.first[document + 1] - self.first[document])
            for name in linked:
                linked[name] += [several_values(values.get(name))] * passages
            named = [ids[document], *(value for name in identifying for value in several_values(values.get(name)))]
            named += variants[document]
            identifiers += [list(dict.fromkeys(named))] * passages
            title = title_field(fields)
            for name, texts in found.items():
                value = values.get(name) or ""
                text = "\n".join(value) if isinstance(value, list) else str(value)
                for passage in range(*self.passage_range(document)):
                    if name != title and fields[name].type == "text" and name in placed:
                        start, end = placed[name]
                        first, last = self.span(passage)
                        texts.append(text[max(first - start, 0) : max(min(last, end) - start, 0)])
                    else:
                        texts.append(text)
        return PassageSet(found, documents=self.ids(self.document_of), linked=linked, identifiers=identifiers)

    def embedded_texts(self) -> list[str]:
        """Return the text that the bi-encoder reads for each passage, in order."""
        title = title_field(self.fields)
        found: list[str] = []
        for document, values in enumerate(self._values()):
            text, _ = body(values, self.fields)
            head = values.get(title) or "" if title else ""
            head = str(head[0] if isinstance(head, list) else head)
            for passage in range(*self.passage_range(document)):
                start, end = self.span(passage)
                found.append(embedded_text(head, text[start:end]))
        return found

    def _values(self) -> Iterator[dict[str, FieldValue]]:
        """Yield the texts, keywords and lists of each document, in order. A title of variants is the list of titles."""
        names = [name for name in self._place if self.fields[name].type in {"text", "keyword", "list"}]
        title = title_field(self.fields)
        joint: dict[str, list[list[Any]]] = {}
        if self.variants is not None:
            varying = {name for name, spec in self.variants.fields.items() if spec.type in {"text", "keyword", "list"}}
            joint = {name: self.variants.values(name) for name in self.fields if name in varying}
        document = 0
        for batch in self._table.to_batches():
            columns = [batch.column(self._place[name]).to_pylist() for name in names]
            for row in range(batch.num_rows):
                values = {name: column[row] for name, column in zip(names, columns, strict=True)}
                for name, every in joint.items():
                    values[name] = (
                        list(dict.fromkeys(filter(None, every[document])))
                        if name == title
                        else joint_value(name, every[document], self.fields)
                    )
                document += 1
                yield values


def _joined(parts: list[NDArray[Any]]) -> NDArray[Any]:
    """Concatenate arrays; a single one is returned unchanged, still memory-mapped."""
    return parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, np.int32), *parts])
