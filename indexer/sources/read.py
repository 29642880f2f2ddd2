"""Read a source of any form, with the reader that is registered for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from clew.core.registry import Registry
from clew.indexer.sources.forms import Form, SourceSpec
from clew.indexer.sources.record import Read

READERS: Registry[Callable[[SourceSpec], Iterator[Read]]] = Registry(
    "form of a source",
    {
        "jsonl": "clew.indexer.sources.lines:read_jsonl",
        "json": "clew.indexer.sources.lines:read_json",
        "csv": "clew.indexer.sources.delimited:read_csv",
        "parquet": "clew.indexer.sources.parquet:read_parquet",
        "beir": "clew.indexer.sources.lines:read_beir",
        "folder": "clew.indexer.sources.pages:read_pages",
    },
)


def read(source: SourceSpec, form: Form) -> Iterator[Read]:
    """Yield the records of a source in order, with a Fault in place of a record that cannot be read.

    Raises NotFoundError if the source does not exist, DataError if a file is damaged or truncated.
    """
    return READERS[form](source)
