"""The command line: `clew COMMAND`. The module of a command is imported only when that command is called."""

from __future__ import annotations

import difflib
import sys
import warnings
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Any, TextIO

import typer
from typer.core import TyperGroup
from typer.main import get_command

from clew.cli.old_options import translate_old_options
from clew.cli.options import escape_unprintable, note
from clew.core.errors import ClewError

# Command → ("module:function", or "module:app" for a Typer app of subcommands; description in `clew --help`).
COMMANDS = {
    "init": ("clew.indexer.commands.build:init", "Inspect your data and write a commented spec for it."),
    "schema": ("clew.indexer.commands.schema:schema", "Print the JSON Schema of specs, for editors."),
    "build": ("clew.indexer.commands.build:build", "Build, verify and publish a new version of an index."),
    "indexes": (
        "clew.indexer.commands.indexes:app",
        "List, show, verify, activate, roll back, clean up, export and import indexes.",
    ),
    "graph": (
        "clew.indexer.commands.graph:app",
        "Load, build, pull, compare, list, describe, export, clean up and query knowledge graphs.",
    ),
    "search": ("clew.search.commands.search:search", "Search an index and show the best documents."),
    "answer": ("clew.search.commands.answer:answer", "Answer a question with sentences from the documents."),
    "why-not": ("clew.search.commands.why_not:why_not", "Find the stage of a search that dropped a document."),
    "run": ("clew.search.commands.run:run", "Search for each query of a file and write a run (TREC or JSON lines)."),
    "tune": (
        "clew.indexer.commands.tune:tune",
        "Learn fusion weights, graph parameters and calibration from judged queries.",
    ),
    "judge": (
        "clew.indexer.commands.judge:judge",
        "Judge documents that nobody judged, those first that decide most.",
    ),
    "serve": ("clew.api.command:serve", "Serve the HTTP API."),
    "bench": ("clew.benchmarks.commands.bench:app", "Measure relevance and speed, and compare models."),
    "train": ("clew.training.command:app", "Train rerankers and encoders on judged queries or click logs."),
    "models": ("clew.models.command:app", "List, show, verify, quantise, dequantise, export and import models."),
    "demo": ("clew.cli.demo:demo", "Build the sample indexes, answer a few queries and serve them."),
    "doctor": ("clew.cli.doctor:doctor", "Check the installation, the models and the indexes, and report problems."),
}


def _load(name: str) -> Any:
    place, line = COMMANDS[name]
    module, _, attribute = place.partition(":")
    target: Any = getattr(import_module(module), attribute)
    if isinstance(target, typer.Typer):
        command = get_command(target)
        command.help = command.help or line
    else:
        app = typer.Typer(add_completion=False, rich_markup_mode=None)
        app.command(name, short_help=line)(target)
        command = get_command(app)
    command.name = name
    return command


@dataclass(frozen=True, slots=True)
class Offer:
    """A completion, with the attributes that typer's shell scripts read."""

    value: str
    help: str
    type: str = "plain"


def nearest_commands(name: str) -> list[str]:
    """Return the commands with a similar name, and those of groups with the same one, such as "indexes rollback".

    Imports every group, so it is called only for an error message.
    """
    groups = [group for group, (place, _) in COMMANDS.items() if place.endswith(":app")]
    inside = [f"{group} {name}" for group in groups if name in _load(group).commands]
    return [*difflib.get_close_matches(name, COMMANDS, n=1), *inside]


class LazyCommands(TyperGroup):
    """The commands of the table. `clew --help` and completion list them without importing any."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the signature is the base class's
        """Return the names of the commands in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        """Import a command and return it, or None for an unknown name."""
        return _load(cmd_name) if cmd_name in COMMANDS else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that a command line calls, and its arguments. Old spellings work too, with a warning."""
        words, warnings = translate_old_options(args)
        if not ctx.resilient_parsing:
            for warning in warnings:
                note(f"clew: warning: {warning}")
            if words[0] not in COMMANDS and not words[0].startswith("-"):
                found = " or ".join(f"`clew {each}`" for each in nearest_commands(words[0]))
                ctx.fail(f"No such command {words[0]!r}." + (f" Did you mean {found}?" if found else ""))
        return super().resolve_command(ctx, words)

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        """Return the completions of the first word: options or command names."""
        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        return [Offer(name, line) for name, (_, line) in COMMANDS.items() if name.startswith(incomplete)]

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """Write the list of commands from the table, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


def _print_version(wanted: bool) -> None:
    if wanted:
        from clew.core.version import __version__

        sys.stdout.write(f"clew {__version__}\n")
        raise typer.Exit


app = typer.Typer(cls=LazyCommands, rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def clew(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001 - handled by its callback, before anything else
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Clew: semantic search that explains its results.

    Start with `clew demo`, or with your own data: `clew init catalogue.jsonl`, `clew build catalogue.toml`,
    `clew search catalogue "wireless headphones" --explain`.
    """
    if context.invoked_subcommand is None:
        sys.stdout.write(context.get_help() + "\n")


def _show_warnings_for_users() -> None:
    """Print a FutureWarning, which is meant for the user of a program, as one line; other warnings as Python does."""
    show = warnings.showwarning

    def showwarning(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if issubclass(category, FutureWarning):
            note(f"clew: warning: {message}")
        else:
            show(message, category, filename, lineno, file, line)

    warnings.showwarning = showwarning


def main() -> None:
    """Run the command line. An error prints a message and a hint on stderr; exit code 1 (failed) or 2 (usage)."""
    escape_unprintable()
    _show_warnings_for_users()
    try:
        get_command(app)()
    except ClewError as error:
        sys.stderr.write(f"clew: {error.message}\n")
        if error.hint:
            sys.stderr.write(f"  hint: {error.hint}\n")
        sys.exit(error.exit_code)
    except OSError as error:
        # A file could not be read or written, and the code that opened it did not handle the error.
        place = f"{error.filename}: " if error.filename else ""
        sys.stderr.write(f"clew: {place}{error.strerror or error}\n  hint: check the path and its permissions\n")
        sys.exit(1)
