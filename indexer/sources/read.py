"""Read any source: a table of forms and their readers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from clew.core.registry import Registry
from clew.indexer.sources.forms import Form, SourceSpec
from clew.indexer.sources.record import Read

READERS: Registry[Callable[[SourceSpec], Iterator[Read]]] = Registry(
    "form of a source",
    {
        "jsonl": "clew.indexer.sources.lines:read_jsonl",
        "csv": "clew.indexer.sources.columns:read_csv",
        "parquet": "clew.indexer.sources.columns:read_parquet",
        "beir": "clew.indexer.sources.lines:read_beir",
        "folder": "clew.indexer.sources.pages:read_pages",
    },
)


def read(source: SourceSpec, form: Form) -> Iterator[Read]:
    """Every record of a source in order, or a Fault in the place of one that cannot be read.

    Raises NotFoundError for a source that is not there, DataError for a file that breaks off.
    """
    return READERS[form](source)
