"""Shell completion: names of indexes and graphs, and fields of the index on the command line.

It reads only file names and JSON and never fails: if something cannot be read, there are no suggestions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer

from clew.core.errors import ClewError
from clew.core.home import home_folder

Offers = list[tuple[str, str]]


def index_names(context: typer.Context) -> list[str]:
    """Return the names of the indexes under the home of the command line, else under $CLEW_HOME or .clew."""
    from clew.search.versions import index_names as names

    return names(_home(context))


def graph_names(context: typer.Context) -> list[str]:
    """Return the names of the graphs under the home."""
    # clew.kg.snapshot would load numpy.
    return sorted({path.parent.parent.name for path in _home(context).glob("graphs/*/*/manifest.json")})


def index_and_graph_names(context: typer.Context) -> list[str]:
    """Return the names of indexes and graphs, each once."""
    return sorted({*index_names(context), *graph_names(context)})


def filter_fields(context: typer.Context) -> Offers:
    """Return (field, type) of every field of the index that can be filtered on."""
    return [(name, kind) for name, kind, _ in _fields(context) if kind != "text"]


def facet_fields(context: typer.Context) -> Offers:
    """Return (field, type) of every field of the index that has facets."""
    return [(name, kind) for name, kind, facet in _fields(context) if facet]


def graph_choices() -> Offers:
    """Return the values of --graph, with descriptions."""
    return [("off", "do not use the graph"), ("auto", "the gate decides"), ("on", "use it for every query")]


def _home(context: typer.Context) -> Path:
    return home_folder(context.params.get("home"))


def _fields(context: typer.Context) -> Iterator[tuple[str, str, bool]]:
    """Yield (name, type, has facets) of the fields that the index on the command line declares."""
    from clew.search.versions import IndexFolder

    # While the value of an option is being typed, parsing ends before arguments are bound to their names.
    name = context.params.get("name") or next(iter(context.args), "")
    try:
        folder = IndexFolder.of(_home(context), name)
        spec = folder.read_version(folder.read_release(context.params.get("release"))).spec
    except (ClewError, OSError):
        return
    declared: Mapping[str, Mapping[str, Any]] = spec.get("fields", {})
    for name, table in declared.items():
        yield name, str(table.get("type", "")), bool(table.get("facet"))
