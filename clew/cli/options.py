"""The options and output functions that all commands share."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from clew.core.progress import Progress, for_terminal

Home = Annotated[
    Path,
    typer.Option(
        "--home", help="Folder that holds indexes, graphs and models.", envvar="CLEW_HOME", show_default=".clew"
    ),
]
IdenticalIds = Annotated[
    str,
    typer.Option(
        "--identical-ids",
        help="Whether a document with the id of the query is left out: ignore (as BEIR does), keep, or auto "
        "(only if it also has the query's text and is not judged for it).",
        metavar="RULE",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]

DEFAULT_HOME = Path(".clew")


def out(text: str) -> None:
    """Print a line on stdout."""
    sys.stdout.write(text + "\n")


def out_json(value: Any) -> None:
    """Print one JSON document on stdout. If stdout is not UTF-8, other characters than ASCII are JSON escapes."""
    out(json.dumps(value, ensure_ascii=not _is_utf8(sys.stdout), indent=2, default=str))


def out_bytes(data: bytes) -> None:
    """Write bytes on stdout: the content of a file, whose encoding does not depend on the terminal's."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def escape_unprintable() -> None:
    """Make stdout and stderr write an escape such as \\u2026 for a character that their encoding lacks."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _is_utf8(stream: TextIO) -> bool:
    return (stream.encoding or "").lower().replace("-", "").replace("_", "") in {"utf8", "utf8sig"}


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
