"""The forms of a source, and how they are detected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from clew.core.errors import SpecError
from clew.core.files import COMPRESSED, expand, files_under, is_folder
from clew.indexer.sources.encodings import checked_encoding
from clew.search.fields import FieldSpec

Form: TypeAlias = Literal["jsonl", "json", "csv", "parquet", "beir", "folder"]
FORMS: tuple[Form, ...] = ("jsonl", "json", "csv", "parquet", "beir", "folder")

# File extension (without that of a compression) → form.
ENDINGS: Mapping[str, Form] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "csv",
    ".tab": "csv",
    ".psv": "csv",
    ".json": "json",
    ".parquet": "parquet",
}
PAGES = (".md", ".markdown", ".html", ".htm", ".txt", ".text", ".rst", ".pdf", ".docx")
BEIR_CORPUS = ("corpus.jsonl", *(f"corpus.jsonl{ending}" for ending in COMPRESSED))
# The id of a source whose records have none: a hash of the record.
CONTENT_ID = "#content"
# Fields of the forms that define them, so that no [fields] table is needed.
_DEFAULT_FIELDS: Mapping[Form, Mapping[str, FieldSpec]] = {
    "beir": {"title": FieldSpec("text", weight=3.0), "text": FieldSpec("text")},
    "folder": {
        "title": FieldSpec("text", weight=3.0),
        "section": FieldSpec("text"),
        "text": FieldSpec("text"),
        "path": FieldSpec("keyword"),
    },
}
_DEFAULT_ID: Mapping[Form, str] = {"beir": "_id", "folder": "id"}


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """Where documents come from.

    path: file, folder, BEIR folder, glob or fsspec URL; compressed files (.gz, .zst, .bz2, .xz, .zip) are
    decompressed.
    id: field that holds a document's id; "id" by default ("_id" in BEIR data; pages of a folder have "path#section").
    "#content" makes ids from the contents of records that have none.
    form: jsonl, json, csv, parquet, beir or folder; "auto" detects it from the path.
    on_error: what happens to data that cannot be used: "skip-value" leaves out the value (and a record whose id or form
    is invalid), "skip-record" the whole record, "stop" ends the build at the first. What is left out is counted and
    listed in the rejects file. max_errors: largest share (0 to 1) of the records that may be left out; if there are
    more, nothing is published. Up to 10 records, and at most half of them, may always be left out.
    delimiter: between the columns of a CSV file ("": detected). separator: between the values of a list field that is
    written as one string. quoting: whether quotes enclose cells of a CSV file; False: they are text. encoding: of CSV
    and JSON files without a byte order mark, and of pages that are not UTF-8 and declare none ("": detected). records:
    dotted path of the array of records in a JSON file, such as "hits.hits" ("": detected).
    variants: whether rows with the same id are one document with variants: true, false, or "auto" (in CSV and Parquet
    files, rows that follow each other and have no other text). group: a field that names the product that a record is a
    variant of; the records of one product then are one document, whose id is the value of this field.
    """

    path: str
    id: str = ""
    form: Literal["auto", "jsonl", "json", "csv", "parquet", "beir", "folder"] = "auto"
    on_error: Literal["stop", "skip-value", "skip-record", "skip"] = "skip-value"
    max_errors: float = 0.01
    delimiter: str = ""
    separator: str = "|"
    quoting: bool = True
    encoding: str = ""
    records: str = ""
    variants: bool | Literal["auto"] = "auto"
    group: str = ""

    def __post_init__(self) -> None:
        if self.on_error == "skip":  # the name before there was a choice
            object.__setattr__(self, "on_error", "skip-value")
        if self.group and self.variants is False:
            raise ValueError("variants is false, but group joins the records of a product to variants")
        if not 0 <= self.max_errors <= 1:
            raise ValueError(f"max_errors is {self.max_errors}, expected a share of 0 to 1")
        if not self.path:
            raise ValueError("path is empty, expected a file, a folder, a glob or a URL")
        if len(self.delimiter) > 1 or self.delimiter in {'"', "\n", "\r", "\0"}:
            raise ValueError(
                f"delimiter is {self.delimiter!r}, expected one character other than a quote or a line break"
            )
        if self.encoding:
            checked_encoding(self.encoding)
        if not self.separator:
            raise ValueError("separator is empty, expected one or more characters, for example '|'")


def plain_name(url: str) -> str:
    """Return a path in lower case without its compression extension."""
    name = url.lower()
    for ending in COMPRESSED:
        name = name.removesuffix(ending)
    return name


def form_of(source: SourceSpec) -> Form:
    """Return the form of a source, detected from its path if it is "auto".

    Raises NotFoundError if the source must be read to detect the form and does not exist, SpecError if its form is
    unclear.
    """
    if source.form != "auto":
        return source.form
    for ending, form in ENDINGS.items():
        if plain_name(source.path).endswith(ending) and not is_folder(source.path):
            return form
    found = expand(source.path)
    if len(found) == 1 and is_folder(found[0]):
        return _form_of_folder(found[0])
    forms = {form for url in found for ending, form in ENDINGS.items() if plain_name(url).endswith(ending)}
    if len(forms) == 1:
        return forms.pop()
    raise SpecError(
        f"the form of source {source.path} cannot be detected from its name",
        f"set form in [source] to one of {', '.join(FORMS)}",
    )


def _form_of_folder(url: str) -> Form:
    names = [name for name, _ in files_under(url)]
    if any(name in BEIR_CORPUS for name in names):
        return "beir"
    if any(plain_name(name).endswith(PAGES) for name in names):
        return "folder"
    raise SpecError(
        f"folder {url} contains neither a BEIR corpus.jsonl nor pages ({', '.join(PAGES)})",
        'for many data files use a glob, for example path = "data/*.jsonl"',
    )


def id_field(source: SourceSpec, form: Form) -> str:
    """Return the name of the field that holds the id."""
    return source.id or _DEFAULT_ID.get(form, "id")


def default_fields(form: Form) -> dict[str, FieldSpec] | None:
    """Return the fields of a form that defines them; None if they must be declared."""
    fields = _DEFAULT_FIELDS.get(form)
    return dict(fields) if fields is not None else None


def files_of(source: SourceSpec, form: Form) -> list[str]:
    """Return the URLs of a source's files, in reading order.

    Raises NotFoundError if the source does not exist, SpecError if it contains no corpus or a file is not a page.
    """
    found = expand(source.path)
    if form == "beir":
        if is_folder(found[0]):
            inside = dict(files_under(found[0]))
            found = [inside[name] for name in BEIR_CORPUS if name in inside][:1]
        if not found:
            raise SpecError(
                f"{source.path} contains no corpus.jsonl",
                "a BEIR folder must contain corpus.jsonl, corpus.jsonl.gz or corpus.jsonl.zst",
            )
        return found
    return [url for _, url in pages_of(source)] if form == "folder" else found


def _pages(root: str) -> list[tuple[str, str]]:
    if not is_folder(root):
        name = root.rsplit("/", 1)[-1]
        if not plain_name(name).endswith(PAGES):
            raise SpecError(f"{root} is not a page", f"the name of a page must end in one of {', '.join(PAGES)}")
        return [(name, root)]
    return [(name, url) for name, url in files_under(root) if plain_name(name).endswith(PAGES)]


def pages_of(source: SourceSpec) -> list[tuple[str, str]]:
    """Return (path inside the folder, URL) of every page of a folder of pages, in reading order."""
    return [page for root in expand(source.path) for page in _pages(root)]
