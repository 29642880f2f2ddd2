"""The options and output functions that all commands share."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from clew.core.progress import Progress, for_terminal

Home = Annotated[
    Path,
    typer.Option(
        "--home", help="Folder in which indexes and models are stored.", envvar="CLEW_HOME", show_default=".clew"
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]

DEFAULT_HOME = Path(".clew")


def out(text: str) -> None:
    """Print a line on stdout."""
    sys.stdout.write(text + "\n")


def out_json(value: Any) -> None:
    """Print one JSON document on stdout."""
    out(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def note(text: str) -> None:
    """Print a message on stderr."""
    sys.stderr.write(text + "\n")


def print_table(table: Any) -> None:
    """Print a rich table on stdout."""
    from rich.console import Console

    # Output that does not go to a terminal gets a fixed width.
    Console(width=None if sys.stdout.isatty() else 140).print(table)


@contextmanager
def shown_progress(title: str) -> Iterator[Progress]:
    """Show the progress of `title` on stderr, and remove the progress bar at the end."""
    progress = for_terminal(title)
    try:
        yield progress
    finally:
        progress.close()
