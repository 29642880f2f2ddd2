"""Read a source, check and type its records, and write the documents to the spool that shards are cut from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from clew.core.errors import ClewError, DataError, nearest
from clew.core.files import shown_url
from clew.core.progress import Progress
from clew.core.types import Document
from clew.indexer.documents import RecordConverter
from clew.indexer.rejects import Rejects
from clew.indexer.sources.forms import Form, SourceSpec, id_field
from clew.indexer.sources.read import read
from clew.indexer.sources.record import Fault
from clew.indexer.spool import SpoolWriter
from clew.indexer.variants import Differences, Joining, joining, nested_fields, own_id
from clew.search.fields import Fields, searched

_PROGRESS_EVERY = 1000
# This many records may be left out whatever max_errors is, but never more than half of all.
ALWAYS_ALLOWED = 10


@dataclass(slots=True)
class Collected:
    """Counts of what was read.

    rejected: records that could not be used; bad_values: values left out of documents; empty: documents without
    searched text; joined: records that are further variants of a document. variant_fields: fields that were found to
    be fields of variants.
    """

    documents: int = 0
    rejected: int = 0
    bad_values: int = 0
    empty: int = 0
    joined: int = 0
    variant_fields: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()

    def as_table(self) -> dict[str, Any]:
        """Return the counts as plain data, as the step's marker stores them."""
        return asdict(self)


def collect(
    source: SourceSpec, form: Form, fields: Fields, directory: Path, rejects: Path, progress: Progress
) -> Collected:
    """Write the documents of a source to a spool in `directory`, and list what was left out in the file `rejects`.

    A document without text in any searched field is left out and counted, whatever on_error is. Raises DataError with
    file and line for the first record or value that cannot be used if on_error is "stop", and DataError if more
    records cannot be used than max_errors allows.
    """
    with (
        SpoolWriter(directory) as spool,
        Rejects(rejects) as out,
        joining(source, form, fields, directory) as joins,
    ):
        return _Collecting(source, converter(source, form, fields), joins, spool, out).run(form, progress)


def converter(source: SourceSpec, form: Form, fields: Fields) -> RecordConverter:
    """Return the conversion of a source's records. The text of pages and of BEIR data contains no markup."""
    return RecordConverter(
        fields,
        id_field(source, form),
        source.separator,
        markup=form not in {"beir", "folder"},
        group=source.group,
        nested=nested_fields(source, fields),
    )


class _Collecting:
    def __init__(
        self, source: SourceSpec, typing: RecordConverter, joins: Joining, spool: SpoolWriter, rejects: Rejects
    ) -> None:
        self._source = source
        self._typing = typing
        self._joins = joins
        self._differences = Differences(typing.fields)
        self._spool = spool
        self._rejects = rejects
        self._origins: dict[str, str] = {}
        self._with_value: Counter[str] = Counter()
        self._names: Counter[str] = Counter()
        self._bad_values: Counter[str] = Counter()
        self._records = 0
        self._first_empty = ""
        self._first_fault = ""
        self._notes: list[str] = []
        self._found = Collected()

    def run(self, form: Form, progress: Progress) -> Collected:
        for number, record in enumerate(read(self._source, form), 1):
            self._records = number
            checked = record if isinstance(record, Fault) else self._checked(record)
            if isinstance(checked, Fault):
                self._reject(checked)
            else:
                self._take(checked)
            if number % _PROGRESS_EVERY == 0:
                progress.advance(_PROGRESS_EVERY)
        for document in self._joins.rest():
            self._write(document)
        if not self._found.documents:
            raise self._no_documents()
        varying = {*self._differences.names(), *(name for name in self._typing.nested if self._with_value[name])}
        self._found.variant_fields = tuple(
            name for name, spec in self._typing.fields.items() if spec.variant == "auto" and name in varying
        )
        self._check_share()
        self._found.notices = tuple(self._notices())
        return self._found

    def _take(self, document: Document) -> None:
        """Give a record's document to the joining, and write the documents that are complete."""
        try:
            complete = list(self._joins.add(document))
        except UnicodeEncodeError:
            self._reject(_surrogate(document))
            return
        self._found.joined += 1
        for one in complete:
            self._write(one)

    def _checked(self, record: Any) -> Document | Fault:
        """Return the record's document, or what is wrong with the record."""
        self._names.update(record.values.keys())
        self._notes += [record.note] if record.note else []
        converted = self._typing.convert(record)
        if isinstance(converted, Fault):
            return converted
        document, bad = converted
        if bad and self._source.on_error != "skip-value":
            return bad[0].fault(record.origin)
        own = own_id(document)
        first = self._origins.get(own)
        if first is not None and not self._joins.accepts(document):
            hint = (
                f"ids must be unique: correct the data, choose another [source] id than {self._typing.id!r}, or set "
                "variants = true if records with the same id are variants of one product"
            )
            return Fault(document.origin, f"id {own!r} was seen before, at {first}", hint)
        self._origins.setdefault(own, document.origin)
        for one in bad:
            self._bad_values[one.field] += 1
            self._rejects.write(document.origin, one.reason, one.field, one.value)
        self._found.bad_values += len(bad)
        return document

    def _reject(self, fault: Fault) -> None:
        if self._source.on_error == "stop":
            raise DataError(f"{fault.origin}: {fault.reason}", fault.hint)
        self._found.rejected += 1
        self._first_fault = self._first_fault or f"{fault.origin}: {fault.reason}"
        self._rejects.write(fault.origin, fault.reason)

    def _check_share(self) -> None:
        """Raise DataError if more records were left out than max_errors allows."""
        rejected, share = self._found.rejected, self._source.max_errors
        if rejected > max(min(ALWAYS_ALLOWED, self._records // 2), share * self._records):
            raise DataError(
                f"{rejected:,} of {self._records:,} records of {shown_url(self._source.path)} cannot be used, which is "
                f"more than max_errors allows ({share:.2%}); the first is {self._first_fault}",
                f"correct the data (all are listed in {self._rejects.path}), or allow more with [source] max_errors",
            )

    def _write(self, document: Document) -> None:
        self._found.joined -= 1
        if not self._typing.has_text(document):
            self._found.empty += 1
            self._first_empty = self._first_empty or f"{document.origin} (id {document.id!r})"
            self._rejects.write(document.origin, "no text in any searched field")
            return
        try:
            self._spool.write(document)
        except UnicodeEncodeError:
            self._reject(_surrogate(document))
            return
        self._found.documents += 1
        self._with_value.update({*document.fields, *(name for one in document.variants for name in one.fields)})
        self._differences.add(document.variants)

    def _no_documents(self) -> ClewError:
        shown = shown_url(self._source.path)
        if not (self._found.rejected or self._found.empty):
            return DataError(f"source {shown} is empty", "set [source] path to data that has records")
        texts = ", ".join(searched(self._typing.fields))
        return DataError(
            f"source {shown} has no usable document: {self._found.rejected} records were rejected, "
            f"{self._found.empty} have no text in {texts}"
            + (f"; the first rejected is {self._first_fault}" if self._first_fault else ""),
            f"see {self._rejects.path}",
        )

    def _notices(self) -> Iterator[str]:
        yield from self._notes
        if self._found.empty:
            texts = ", ".join(searched(self._typing.fields))
            yield (
                f"{self._found.empty} documents were left out because they have no text in any searched field "
                f"({texts}); the first is {self._first_empty}; all are listed in {self._rejects.path}"
            )
        if self._found.rejected:
            yield (
                f"{self._found.rejected:,} records could not be used and were left out; see {self._rejects.path}; the "
                f"first is {self._first_fault}"
            )
        if self._found.joined:
            varying = [name for name, spec in self._typing.fields.items() if spec.variant is True]
            names = ", ".join(dict.fromkeys([*varying, *self._found.variant_fields])) or "no field"
            yield (
                f"{self._found.joined:,} records were joined to documents as further variants, which differ in {names}"
            )
        if self._bad_values:
            counts = ", ".join(f"{name} {count:,}" for name, count in self._bad_values.most_common())
            total = f"{self._found.bad_values:,} values could not be used and were left out"
            yield f"{total} ({counts}); see {self._rejects.path}"
        for name in self._typing.fields:
            if not self._with_value[name]:
                if self._typing.fields[name].currency_of:
                    continue
                others = [str(other) for other in self._names if other not in self._typing.fields]
                yield f"field {name!r} has no value in any document; {nearest(name, others)}"


def _surrogate(document: Document) -> Fault:
    hint = "remove it, because it is not a Unicode character"
    return Fault(document.origin, "a text contains an unpaired surrogate", hint)
