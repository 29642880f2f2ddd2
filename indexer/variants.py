"""Join the records of one product to a document with variants, and find out which fields the variants differ in."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

from clew.core.types import Document, FieldValue, Variant
from clew.indexer.sources.forms import Form, SourceSpec
from clew.indexer.sources.record import lookup
from clew.indexer.spool import SpoolWriter, documents_at
from clew.search.fields import Fields, joint_value, variant_fields

# Forms in which rows with the same id may be variants of one product without being declared so.
TABULAR: frozenset[Form] = frozenset({"csv", "parquet"})
ARRAY = "variants"
MASTER = "masterVariant"
# Columns of Shopify's exports that list the images of the product in the rows of its variants.
_IMAGES = re.compile(r"image (src|position|alt text)", re.IGNORECASE)

# Names of columns that may name a product.
CALLED_ID = re.compile(r"(?<![a-z])id(?![a-z])|sku|handle|code|group|parent|product", re.IGNORECASE)


class Joining(Protocol):
    """How the records of one document are found. Documents with several records have one variant for each."""

    def accepts(self, document: Document) -> bool:
        """Return whether a document whose id was seen before is a variant of the document with that id."""
        ...

    def add(self, document: Document) -> Iterator[Document]:
        """Take the document of the next record, and yield the documents that are complete."""
        ...

    def rest(self) -> Iterator[Document]:
        """Yield the documents that are left at the end of the source."""
        ...


@contextmanager
def joining(source: SourceSpec, form: Form, fields: Fields, directory: Path | None = None) -> Iterator[Joining]:
    """Give how a source joins records. directory: where records are kept meanwhile (None: in the system's folder)."""
    if source.group or source.variants is True:
        with TemporaryDirectory(prefix="records-", dir=directory) as folder, SpoolWriter(Path(folder)) as spool:
            yield Grouped(fields, spool, Path(folder), unique=bool(source.group))
    else:
        yield Adjacent(fields, joins=source.variants == "auto" and form in TABULAR)


class Adjacent:
    """Rows that follow each other with the same id are one document, if they have no other text. Nothing is kept."""

    def __init__(self, fields: Fields, *, joins: bool) -> None:
        self._fields = fields
        self._texts = [name for name, spec in fields.items() if spec.type == "text" and not _IMAGES.fullmatch(name)]
        self._joins = joins
        self._rows: list[Document] = []

    def accepts(self, document: Document) -> bool:
        """Return whether the document follows one with its id, with the same text or none, and is not a duplicate."""
        if not self._joins or not self._rows or self._rows[0].id != document.id:
            return False
        first = self._rows[0].fields
        if any(document.fields.get(name) not in (None, first.get(name)) for name in self._texts):
            return False
        return all(document.fields != row.fields for row in self._rows)

    def add(self, document: Document) -> Iterator[Document]:
        """Yield the document before this one, unless this one is a variant of it."""
        if self._rows and self._rows[0].id != document.id:
            yield from self.rest()
        self._rows.append(document)

    def rest(self) -> Iterator[Document]:
        """Yield the last document."""
        if self._rows:
            yield joined(self._rows, self._fields)
        self._rows = []


class Grouped:
    """Records with the same document id are one document, wherever they stand.

    Records are kept in a spool on disk. Documents come in the order of their first records.
    """

    def __init__(self, fields: Fields, spool: SpoolWriter, directory: Path, *, unique: bool) -> None:
        """Keep records in a spool in `directory`. unique: whether the id of a record must not occur twice."""
        self._fields = fields
        self._spool = spool
        self._directory = directory
        self._unique = unique
        self._places: dict[str, list[int]] = {}
        self._count = 0

    def accepts(self, document: Document) -> bool:  # noqa: ARG002 - it is the same for all
        """Return whether records may have the same id."""
        return not self._unique

    def add(self, document: Document) -> Iterator[Document]:
        """Keep a record. Raises UnicodeEncodeError if a text has an unpaired surrogate."""
        self._spool.write(document)
        self._places.setdefault(document.id, []).append(self._count)
        self._count += 1
        return iter(())

    def rest(self) -> Iterator[Document]:
        """Yield all documents."""
        with self._spool:  # complete the spool, so that it can be read
            pass
        rows = documents_at(self._directory, chain.from_iterable(self._places.values()), self._fields)
        for places in self._places.values():
            yield joined(list(islice(rows, len(places))), self._fields)


def own_id(document: Document) -> str:
    """Return the id of the record that a document was made from: that of the variant, if it is one."""
    return (document.variants[0].id if document.variants else "") or document.id


def joined(rows: Sequence[Document], fields: Fields) -> Document:
    """Return the document that several records make, with a variant for each; a single record is returned unchanged.

    A field has the value of the first record that has one; texts and lists have the distinct values of all. Where some
    records are variants of their own, one that is none is the product itself: it comes first and is no variant.
    """
    if len(rows) == 1:
        return rows[0]
    rows = sorted(rows, key=lambda row: bool(row.variants))
    own = [row for row in rows if row.variants] or rows
    values: dict[str, FieldValue] = {}
    for name, spec in fields.items():
        given = [row.fields[name] for row in rows if name in row.fields]
        if given:
            values[name] = joint_value(name, given, fields) if spec.type in {"text", "list"} else given[0]
    parts = (
        Variant({**row.fields, **variant.fields}, variant.id)
        for row in own
        for variant in row.variants or (Variant({}),)
    )
    return Document(rows[0].id, values, rows[0].origin, tuple(parts))


class Differences:
    """Finds out in which fields the variants of a source's documents differ."""

    def __init__(self, fields: Fields) -> None:
        self._names = [name for name, spec in fields.items() if spec.variant == "auto" and not _IMAGES.fullmatch(name)]
        self._differ: Counter[str] = Counter()
        self._first_only: Counter[str] = Counter()

    def add(self, variants: Sequence[Variant]) -> None:
        """Take the variants of one document."""
        if len(variants) < 2:
            return
        first = variants[0].fields
        # A row without a value in any of the fields, such as one with another image, is no variant.
        later = [variant.fields for variant in variants[1:] if any(name in variant.fields for name in self._names)]
        if not later:
            return
        for name in self._names:
            value = first.get(name)
            if any(other.get(name) not in (None, value) for other in later):
                self._differ[name] += 1
            elif value is not None and all(name not in other for other in later):
                self._first_only[name] += 1

    def names(self) -> list[str]:
        """Return the fields in which later variants have another value than the first.

        In some exports a value stands in the first row of a product only and holds for all rows. So a field in which
        later rows have no value in most of the documents that do not repeat it is none.
        """
        return [name for name in self._names if self._differ[name] and self._differ[name] >= self._first_only[name]]


def shaped(document: Document, fields: Fields) -> Document:
    """Return a document as it is indexed: variants have the variant fields only, the document their joint values.

    A record without a value in any variant field, such as a row with another image, is no variant, but a document has
    at least one. In an index without variant fields documents have no variants.
    """
    names = variant_fields(fields)
    if not names:
        return Document(document.id, document.fields, document.origin)
    given = document.variants or (Variant(document.fields),)
    common = {
        name: document.fields[name]
        for name in names
        if name in document.fields and not any(name in variant.fields for variant in given)
    }
    variants = [
        Variant({name: value for name in names if (value := variant.fields.get(name, common.get(name))) is not None},
                variant.id)
        for variant in given
    ]  # fmt: skip
    variants = [variant for variant in variants if variant.fields] or variants[:1]
    values = {name: value for name, value in document.fields.items() if name not in names}
    for name in names:
        joint = joint_value(name, (variant.fields.get(name) for variant in variants), fields)
        if joint is not None:
            values[name] = joint
    return Document(document.id, {name: values[name] for name in fields if name in values}, document.origin,
                    tuple(variants))  # fmt: skip


def product_key(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """Return the column that names the product in rows of variants, such as Shopify's Handle; None if there is none.

    Every row has a value in it, rows with the same value follow each other, and some other column has words in the
    first row of each product and no value in the others, as titles have. A column of numbers must be called an id.
    """
    words = {key for key in (rows[0] if rows else ()) if not any(_is_number(row.get(key)) for row in rows)}
    for key in rows[0] if rows else ():
        values = [row.get(key) for row in rows]
        starts = {at for at, value in enumerate(values) if not at or value != values[at - 1]}
        if (
            all(isinstance(value, str | int) for value in values)
            and (key in words or CALLED_ID.search(key))
            and len(set(values)) == len(starts) < len(rows)
            and any(all((other in row) == (at in starts) for at, row in enumerate(rows)) for other in words)
        ):
            return key
    return None


def _is_number(value: object) -> bool:
    if isinstance(value, str):
        return value.replace(".", "", 1).isdigit()
    return isinstance(value, int | float)


def nested_fields(source: SourceSpec, fields: Fields) -> tuple[str, ...]:
    """Return the variant fields whose values may be in an array of objects, in declared order.

    Fields with `variant = true`, and, unless the source has no variants, those whose path leads through "variants".
    """
    found = source.variants is not False
    return tuple(
        name
        for name, spec in fields.items()
        if spec.variant is True or (found and spec.variant == "auto" and ARRAY in name.split(".")[:-1])
    )


def elements(values: Mapping[str, Any], name: str) -> tuple[str, list[Mapping[str, Any]]] | None:
    """Return the path of the array of objects that a field's path leads through first, and the objects; None if none.

    commercetools keeps the first variant outside of the array, as masterVariant.
    """
    for at in (at for at, character in enumerate(name) if character == "."):
        path = name[:at]
        found = lookup(values, path)
        parts = [part for part in found if isinstance(part, Mapping)] if isinstance(found, list) else []
        if path.split(".")[-1] == ARRAY:
            master = lookup(values, path.removesuffix(ARRAY) + MASTER)
            parts = [master, *parts] if isinstance(master, Mapping) else parts
        if parts:
            return path, parts
    return None
