"""Store the documents of an index on disk (fields, passages and ids) and read them memory-mapped.

documents.arrow   Arrow IPC file, uncompressed: the id, then one column per declared field
passages.arrow    one record batch: document (int32, within the shard), start and end (int32, characters of its body)
ids.marisa        trie of the ids; ids.npy: trie key → document ordinal within the shard

The same documents always give the same bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import marisa_trie
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from clew.core.arrow import to_arrow, to_numpy
from clew.core.errors import CorruptError, DataError, MismatchError
from clew.core.mapped import open_array, open_trie
from clew.core.tables import REBUILD
from clew.core.types import Document, FieldValue, Ints
from clew.models.passage import embedded_text
from clew.search.columns import Column, Keywords, Points, Scalars, Texts
from clew.search.dates import iso, microseconds
from clew.search.fields import Fields, body, identifier_fields, searched, several_values, title_field
from clew.search.protocols import PassageSet

DOCUMENTS = "documents.arrow"
PASSAGES = "passages.arrow"
IDS = "ids.marisa"
ID_ORDINALS = "ids.npy"

# A record batch ends at whichever limit is reached first.
BATCH_DOCUMENTS = 4096
BATCH_CHARACTERS = 8_000_000

_ARROW_TYPES = {
    "text": pa.string(),
    "keyword": pa.string(),
    "number": pa.float64(),
    "bool": pa.bool_(),
    "date": pa.timestamp("us", tz="UTC"),
    "list": pa.list_(pa.string()),
    "geo": pa.list_(pa.float64(), 2),
}
_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "keyword": (str,),
    "number": (float, int),
    "bool": (bool,),
    "date": (str,),
    "list": (list, tuple),
    "geo": (list, tuple),
}
_PASSAGE_SCHEMA = pa.schema([("document", pa.int32()), ("start", pa.int32()), ("end", pa.int32())])


def _schema(fields: Fields) -> Any:
    # The id comes first and columns are found by position, so a declared field may be called "id" as well.
    return pa.schema([("id", pa.string()), *((name, _ARROW_TYPES[spec.type]) for name, spec in fields.items())])


# ------------------------------------------------------------------ writing


def write_documents(documents: Iterable[Document], fields: Fields, directory: Path) -> int:
    """Write a shard's documents and ids into `directory`, in the order given, and return how many there were.

    Reads `documents` once and holds only one batch of them (and all ids) in memory. Fields that are not declared are
    left out; an empty text, keyword or list counts as no value. Raises DataError that names the origin if a value
    does not fit the type of its field, or if an id occurs twice.
    """
    schema = _schema(fields)
    ids: list[str] = []
    with pa.OSFile(str(directory / DOCUMENTS), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for batch in _batches(documents, fields):
            writer.write_batch(_record_batch(batch, fields, schema))
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
        pa.ipc.new_file(sink, _PASSAGE_SCHEMA) as writer,
    ):
        writer.write_batch(pa.record_batch(arrays, schema=_PASSAGE_SCHEMA))


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
    arrays = [_array(batch, "id", pa.string(), lambda document: document.id)]
    for name, spec in fields.items():
        arrays.append(_array(batch, name, _ARROW_TYPES[spec.type], _getter(name, spec.type)))
    return pa.record_batch(arrays, schema=schema)


def _getter(name: str, kind: str) -> Callable[[Document], object]:
    """Return a function that reads a field's value from a document for its column (None: no value)."""
    expected = _PYTHON_TYPES[kind]

    def value_of(document: Document) -> object:
        value: Any = document.fields.get(name)
        if value is None or value in ("", []) or value != value:  # noqa: PLR0124 - only NaN differs from itself
            return None
        if not isinstance(value, expected) or (kind == "number" and isinstance(value, bool)):
            raise TypeError(f"{str(value)[:80]!r} is of type {type(value).__name__}")
        return microseconds(str(value)) if kind == "date" else value

    return value_of


def _array(batch: Sequence[Document], name: str, kind: Any, value_of: Callable[[Document], object]) -> Any:
    try:
        return pa.array([value_of(document) for document in batch], kind)
    except (pa.ArrowException, ValueError, TypeError) as error:
        if len(batch) > 1:
            # Find the document at fault, to name it in the error.
            for document in batch:
                _array([document], name, kind, value_of)
        reason = str(error).splitlines()[0]
        message = f"{batch[0].origin or repr(batch[0].id)}: field {name!r}: {reason}"
        raise DataError(message, f"expected {kind}") from None


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
    (documents + 1,) int64 first passage of each document; the last entry is the number of passages.
    """

    def __init__(
        self, fields: Fields, table: Any, places: tuple[Ints, Ints, Ints], ids: Sequence[tuple[Any, Any]]
    ) -> None:
        self.fields = fields
        self._table = table
        self._columns: list[Any] = table.columns
        self.document_of, self._start, self._end = places
        self.documents: int = table.num_rows
        self.passages: int = len(self.document_of)
        self.first = np.searchsorted(self.document_of, np.arange(self.documents + 1)).astype(np.int64)
        self._ids = ids
        self._cached: dict[str, Column] = {}

    @classmethod
    def open(cls, directories: Sequence[Path], fields: Fields) -> DocStore:
        """Open the shards of a version in ordinal order.

        Raises CorruptError or NotFoundError for a file that cannot be read, MismatchError if other fields were
        declared when it was built.
        """
        schema = _schema(fields)
        batches: list[Any] = []
        places: list[list[NDArray[Any]]] = [[], [], []]
        ids = []
        documents = 0
        for directory in directories:
            shard = _read(directory / DOCUMENTS)
            if not shard.schema.equals(schema):
                raise MismatchError(
                    f"{directory / DOCUMENTS} has other fields than the version", "rebuild with `clew build`"
                )
            batches.extend(shard.to_batches())
            where = _read(directory / PASSAGES)
            for part, column in zip(places, where.columns, strict=True):
                part.append(to_numpy(column))
            places[0][-1] = places[0][-1].astype(np.int64) + documents
            ids.append((open_trie(directory / IDS), open_array(directory / ID_ORDINALS)))
            documents += shard.num_rows
        document, start, end = (_joined(part) for part in places)
        table = pa.Table.from_batches(batches, schema)
        return cls(fields, table, (document.astype(np.int64, copy=False), start, end), ids)

    def close(self) -> None:
        """Release the memory maps. The store cannot be used afterwards."""
        self._cached.clear()
        self._columns, self._ids, self._table = [], [], None

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
        """Return a document's fields that have a value, in declared order; dates as ISO 8601 strings."""
        found: dict[str, FieldValue] = {}
        for (name, spec), column in zip(self.fields.items(), self._columns[1:], strict=True):
            scalar = column[document]
            if scalar.is_valid:
                found[name] = _value(spec.type, scalar)
        return found

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

    def column(self, name: str) -> Column:
        """Return a field of all documents; it is read once and cached. Raises KeyError if it is not declared."""
        if name not in self._cached:
            place = 1 + list(self.fields).index(name) if name in self.fields else 0
            if not place:
                raise KeyError(name)
            self._cached[name] = _column(self.fields[name].type, self._columns[place])
        return self._cached[name]

    def passage_set(self, fields: Fields) -> PassageSet:
        """Return the searched fields of every passage, in order, as BM25 reads them.

        Each passage of a document has its full title, keywords and lists, but only its own part of a body field.
        """
        identifying, ids = identifier_fields(fields), self._columns[0].to_pylist()
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
            head = str(values.get(title) or "") if title else ""
            for passage in range(*self.passage_range(document)):
                start, end = self.span(passage)
                found.append(embedded_text(head, text[start:end]))
        return found

    def _values(self) -> Iterator[dict[str, FieldValue]]:
        """Yield the texts, keywords and lists of each document, in order."""
        names = [name for name, spec in self.fields.items() if spec.type in {"text", "keyword", "list"}]
        places = [1 + list(self.fields).index(name) for name in names]
        for batch in self._table.to_batches():
            columns = [batch.column(place).to_pylist() for place in places]
            for row in range(batch.num_rows):
                yield {name: column[row] for name, column in zip(names, columns, strict=True)}


def _read(path: Path) -> Any:
    try:
        with pa.memory_map(str(path)) as source:
            return pa.ipc.open_file(source).read_all()
    except (pa.ArrowException, OSError) as error:
        raise CorruptError(f"{path} cannot be read: {error}", REBUILD) from None


def _joined(parts: list[NDArray[Any]]) -> NDArray[Any]:
    """Concatenate arrays; a single one is returned unchanged, still memory-mapped."""
    return parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, np.int32), *parts])


def _value(kind: str, scalar: Any) -> FieldValue:
    if kind == "date":
        return iso(scalar.value)
    value: FieldValue = scalar.as_py()
    return (value[0], value[1]) if kind == "geo" and isinstance(value, list) else value  # type: ignore[return-value]


def _column(kind: str, chunks: Any) -> Column:
    present = to_numpy(chunks.is_valid())
    if kind == "text":
        return Texts(present)
    array = chunks.combine_chunks()
    if isinstance(array, pa.ChunkedArray):  # for an empty column
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.nulls(0, array.type)
    if kind == "keyword":
        return _keywords(len(array), np.flatnonzero(present), array.drop_null())
    if kind == "list":
        owners = to_numpy(pc.list_parent_indices(array)).astype(np.int64)
        return _keywords(len(array), owners, pc.list_flatten(array))
    # Missing values become 0 in numpy: filling them in Arrow would import pandas wherever it is installed.
    known = array.drop_null()
    if kind == "geo":
        places = np.zeros((2, len(array)))
        places[:, present] = to_numpy(known.flatten()).reshape(-1, 2).T
        return Points(places[0], places[1], present)
    found = to_numpy(known.cast(pa.int64()) if kind == "date" else known)
    values = np.zeros(len(array), found.dtype)
    values[present] = found
    return Scalars(values, present)


def _keywords(count: int, documents: Ints, values: Any) -> Keywords:
    """Encode values as indexes into the sorted distinct values, each pair of a document and a value once."""
    encoded = values.dictionary_encode()
    names: list[str] = encoded.dictionary.to_pylist()
    order = sorted(range(len(names)), key=names.__getitem__)
    rank = np.empty(len(names), np.int64)
    rank[order] = np.arange(len(names))
    codes = rank[to_numpy(encoded.indices)]
    pairs = np.unique(documents * max(len(names), 1) + codes)
    owners, codes = np.divmod(pairs, max(len(names), 1))
    return Keywords(count, owners.astype(np.int64), codes.astype(np.int32), [names[at] for at in order])
