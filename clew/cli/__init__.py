"""The command line: `clew COMMAND`. A command's module is imported only when that command is asked for."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from clew.core.errors import ClewError

# Command → (where it lives: a function or a Typer app of subcommands, its line in `clew --help`).
COMMANDS = {
    "init": ("clew.cli.build:init", "Write a commented spec from a look at your data."),
    "build": ("clew.cli.build:build", "Build, verify and publish a new version of an index."),
    "indexes": ("clew.cli.indexes:app", "List, show, verify, activate, roll back, collect, export and import."),
    "graph": ("clew.cli.graph:app", "Load, build, list, describe and export knowledge graphs."),
    "search": ("clew.cli.search:search", "Search an index; explain its hits."),
    "serve": ("clew.cli.serve:serve", "Serve the HTTP API."),
    "bench": (
        "clew.benchmarks.commands.bench:app",
        "Measure relevance and speed, and compare models.",
    ),
    "train": ("clew.cli.train:app", "Train models on judged queries."),
    "models": ("clew.cli.models:app", "List, show, verify, export and import models."),
    "demo": ("clew.cli.demo:demo", "Build the sample indexes, answer a few queries, serve."),
    "doctor": ("clew.cli.doctor:doctor", "Check the installation and say what is missing."),
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


class LazyCommands(TyperGroup):
    """The commands of the table; `clew --help` lists them without importing any."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the signature is the base class's
        """Names of the commands, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        """One command, imported now."""
        return _load(cmd_name) if cmd_name in COMMANDS else None

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """Write the list of commands from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


def _print_version(wanted: bool) -> None:
    if wanted:
        from clew import __version__

        sys.stdout.write(f"clew {__version__}\n")
        raise typer.Exit


app = typer.Typer(cls=LazyCommands, add_completion=False, rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def clew(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001 - handled by its callback, before anything else
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Clew: semantic search that says why.

    Start with `clew demo`, or with your own data: `clew init catalogue.jsonl`, `clew build catalogue.toml`,
    `clew search catalogue "wireless headphones" --explain`.
    """
    if context.invoked_subcommand is None:
        sys.stdout.write(context.get_help() + "\n")


def main() -> None:
    """Run the command line; errors are one line and a hint on stderr, exit code 1 (failed) or 2 (usage)."""
    try:
        get_command(app)()
    except ClewError as error:
        sys.stderr.write(f"clew: {error.message}\n")
        if error.hint:
            sys.stderr.write(f"  hint: {error.hint}\n")
        sys.exit(error.exit_code)
    except OSError as error:
        # Where a file may not be read or written and nothing closer to it says so.
        place = f"{error.filename}: " if error.filename else ""
        sys.stderr.write(f"clew: {place}{error.strerror or error}\n  hint: check that path and its permissions\n")
        sys.exit(1)
