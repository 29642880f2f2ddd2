"""Options and output that every command shares."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

Home = Annotated[
    Path,
    typer.Option("--home", help="Folder that holds indexes and models.", envvar="CLEW_HOME", show_default=".clew"),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]

DEFAULT_HOME = Path(".clew")


def out(text: str) -> None:
    """Print a line of results on stdout."""
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

    # A file has no width to fit into.
    Console(width=None if sys.stdout.isatty() else 140).print(table)


# Seconds between two lines of progress on a stderr that is not a terminal; faster steps print nothing.
_LINE_SECONDS = 10.0


@contextmanager
def shown_progress(title: str) -> Iterator[Callable[[str, int, int], None]]:
    """A function (stage, done, of) that shows progress on stderr: a bar on a terminal, else a line now and then."""
    if not sys.stderr.isatty():
        last = time.monotonic()

        def say(stage: str, done: int, of: int) -> None:
            nonlocal last
            if time.monotonic() - last >= _LINE_SECONDS:
                last = time.monotonic()
                note(f"{title}: {stage}: {done:,} of {of:,}" + (f" ({done / of:.0%})" if of else ""))

        yield say
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, Any] = {}

        def show(stage: str, done: int, of: int) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(f"{title}: {stage}", total=of)
            bar.update(tasks[stage], completed=done)

        yield show
