"""How the commands on the pages are run."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

Done: TypeAlias = "subprocess.CompletedProcess[str]"
Clew: TypeAlias = Callable[[str, Path], Done]


@pytest.fixture(scope="session")
def clew() -> Clew:
    """Run one line that starts with `clew`, in a folder; its home is .clew there."""

    def run(line: str, folder: Path) -> Done:
        words = spelled(shlex.split(line))
        environment = {key: value for key, value in os.environ.items() if key != "CLEW_HOME"}
        return subprocess.run(
            [sys.executable, "-m", "clew", *words[1:]],
            cwd=folder,
            env={**environment, "HF_HUB_OFFLINE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


# The pages use the command names of this release. Until all of them are there, this one place translates: delete
# `spelled` once `clew tune`, `clew answer`, `clew why-not`, `clew run` and `--graph` are.
def spelled(words: list[str]) -> list[str]:
    """A command line in the names that this tree has."""
    from clew.cli import COMMANDS

    _, command, *rest = words
    if "answer" not in COMMANDS:
        rest = ["--expand" if word == "--graph" else word for word in rest]
    if command in COMMANDS:
        return ["clew", command, *rest]
    if command == "tune":
        return ["clew", "bench", "tune", *rest]
    if command == "answer":
        return ["clew", "search", *rest, "--answers"]
    if command == "why-not":
        return ["clew", "search", *rest[:2], "--why-not", *rest[2:]]
    if command == "run":
        return ["clew", "search", rest[0], "--queries", rest[1], *("--run" if w == "--out" else w for w in rest[2:])]
    return words
