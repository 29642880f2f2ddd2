"""Read files of nodes and edges row by row: JSON lines, CSV or Parquet, compressed or not, local or remote."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeAlias

from clew.core.errors import NotFoundError, SpecError, UsageError
from clew.core.files import expand, shown_url
from clew.indexer.graphs.records import edge_of, entity_of
from clew.indexer.graphs.tables import from_csv, from_table
from clew.indexer.sources.forms import Form, SourceSpec, form_of
from clew.indexer.sources.read import read
from clew.indexer.sources.record import Fault, Read
from clew.indexer.staging import file_signature
from clew.kg.types import Edge, Entity

FORMS = ("jsonl", "csv", "parquet")

Node: TypeAlias = tuple[Entity, str]
Link: TypeAlias = tuple[Edge, str]
_OPENED: Mapping[str, Callable[[Read], Read]] = {"csv": from_csv, "parquet": from_table}


def read_nodes(path: str) -> Iterator[Node | Fault]:
    """Yield each entity of a path, glob or fsspec URL with its origin ("file:line"), or a fault for an invalid row.

    Raises NotFoundError, UsageError for an unsupported format, DataError for a truncated file.
    """
    for row in _rows(path):
        found = row if isinstance(row, Fault) else entity_of(row)
        yield found if isinstance(found, Fault) else (found, row.origin)


def read_edges(path: str) -> Iterator[Link | Fault]:
    """Yield each edge with its origin, or a fault; see `read_nodes`."""
    for row in _rows(path):
        found = row if isinstance(row, Fault) else edge_of(row)
        yield found if isinstance(found, Fault) else (found, row.origin)


def lineage(urls: Iterable[str]) -> dict[str, str]:
    """Return each file → its sha256 (for a remote file: the version string of its store)."""
    return {shown_url(url): file_signature(url) for url in urls}


def _rows(path: str) -> Iterator[Read]:
    form = graph_form(path)
    source = SourceSpec(path, form=form)
    return map(_OPENED[form], read(source, form)) if form in _OPENED else read(source, form)


def graph_form(path: str) -> Form:
    """Return the format of a file of nodes or edges. Raises NotFoundError, UsageError."""
    try:
        form = form_of(SourceSpec(path)) if path else None
        expand(path)
    except SpecError:
        form = None
    except NotFoundError as error:
        raise NotFoundError(error.message, "check the path, which may be a glob or an fsspec URL") from None
    if form not in FORMS:
        raise UsageError(
            f"{shown_url(path)!r} is not a file of nodes or edges",
            "give a file or a glob that ends in .jsonl, .ndjson, .csv, .tsv or .parquet, plain, .gz or .zst",
        )
    return form
